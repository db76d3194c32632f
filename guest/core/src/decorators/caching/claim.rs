//! Claims of readers who are about to make a copy.

use super::cache::Cache;
use super::index::{Record, State};
use std::rc::Rc;

/// How long an unfinished write prevents copies, in milliseconds: the main store
/// may still be busy with it.
const GRACE: u64 = 60_000;

/// How long others wait for a reader that makes a copy, in milliseconds.
const LEASE: u64 = 60_000;

/// A record that a reader left before it asked the main store. A copy counts as good
/// only if the record still stands when the copy is there: so whoever changes the
/// object meanwhile replaces the record, and need not know of readers. Dropping the
/// claim gives it up.
pub(super) struct Claim {
    cache: Rc<Cache>,
    pub record: Record,
    /// Whether the index had a record of the key that no reader can use.
    pub rejected: bool,
}

impl Cache {
    /// Claims a key, whose lock the caller holds. `None` while others write or copy the
    /// object, and if the coordinator fails.
    pub(super) fn claim(self: &Rc<Self>, key: &str) -> Option<Claim> {
        let time = self.now();
        let (mut claimed, mut rejected) = (None, false);
        let updated = self.update(key, |known, unique| {
            rejected = known.is_some_and(|known| known.state != State::Found);
            claimed = known.is_none_or(|known| is_free(known, time)).then(|| Record {
                key: key.to_owned(),
                // What a reader that vanished leaves is taken for a copy of unknown age.
                state: State::Found,
                tag: 0,
                held: unique,
                size: known.map_or(0, |known| known.size),
                used: time,
                validated: 0,
            });
            claimed.clone().or_else(|| known.cloned())
        });
        updated.ok()?;
        claimed.map(|record| Claim { cache: self.clone(), record, rejected })
    }
}

/// Whether nobody writes or copies the object of this record at this time.
pub(super) fn is_free(record: &Record, time: u64) -> bool {
    let age = time.saturating_sub(record.used);
    match record.state {
        State::Writing => age >= GRACE,
        State::Filling => age >= LEASE,
        State::Valid | State::Found => true,
    }
}

impl Claim {
    /// Extends the claim beyond the lock, which the caller holds. `false` if it is lost.
    pub(super) fn extend(&mut self, time: u64) -> bool {
        let used = time;
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
        let _ = self.cache.update(&mine.key, |known, _| match known {
            // The bytes of an older copy still count.
            Some(known) if known == mine && known.size > 0 => {
                Some(Record { state: State::Found, ..known.clone() })
            }
            _ => known.filter(|known| *known != mine).cloned(),
        });
    }
}
