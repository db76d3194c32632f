//! Claims of readers who are about to make a copy.

use super::cache::Cache;
use super::index::{Record, State};
use std::rc::Rc;

/// How long an unfinished write prevents copies, in milliseconds: the main store
/// may still be busy with it.
const GRACE: u64 = 60_000;

/// How long a fill is left to the reader who began it, in milliseconds.
const LEASE: u64 = 60_000;

/// A record that a reader left before it asked the main store. A copy counts as good
/// only if the record still stands when the copy is there: so whoever changes the
/// object meanwhile replaces the record, and need not know of readers. Dropping the
/// claim gives it up.
pub(super) struct Claim {
    cache: Rc<Cache>,
    pub record: Record,
    /// Whether the index knew the copy, and the reader found it unusable.
    pub rejected: bool,
}

impl Cache {
    /// With the lock held: claims a key. `None` while others write or copy the object.
    pub(super) fn claim(self: &Rc<Self>, key: &str) -> Option<Claim> {
        let used = self.now();
        let (mut left, mut rejected) = (None, false);
        let noted = self.update(key, |now, unique| {
            rejected = now.is_some_and(|now| now.state != State::Found);
            left = now.is_none_or(|now| is_free(now, used)).then(|| Record {
                key: key.to_owned(),
                // A claim whose owner vanished is just a copy of unknown age.
                state: State::Found,
                tag: 0,
                held: unique,
                size: now.map_or(0, |now| now.size),
                used,
                validated: 0,
            });
            left.clone().or_else(|| now.cloned())
        });
        noted.ok()?;
        left.map(|record| Claim { cache: self.clone(), record, rejected })
    }
}

/// Whether nobody writes or copies the object of this record.
pub(super) fn is_free(record: &Record, now: u64) -> bool {
    let age = now.saturating_sub(record.used);
    match record.state {
        State::Writing => age >= GRACE,
        State::Filling => age >= LEASE,
        State::Valid | State::Found => true,
    }
}

impl Claim {
    /// With the lock held: extends the claim beyond the lock. `false` if it is lost.
    pub(super) fn extend(&mut self, used: u64) -> bool {
        let filling = |held| Record { state: State::Filling, held, used, ..self.record.clone() };
        match self.cache.replace(&self.record, filling) {
            Some(record) => self.record = record,
            None => return false,
        }
        true
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mine = &self.record;
        // If the record is still there, nobody wrote or took over.
        let _ = self.cache.update(&mine.key, |now, _| match now {
            // An older copy is still counted.
            Some(now) if now == mine && now.size > 0 => {
                Some(Record { state: State::Found, ..now.clone() })
            }
            _ => now.filter(|now| *now != mine).cloned(),
        });
    }
}
