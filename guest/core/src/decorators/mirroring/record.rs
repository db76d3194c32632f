//! The data kept about missed writes: in the memory of a process, and in the
//! objects of a journal, which outlive it.
//!
//! Keys are spread over a fixed number of buckets, so that the data can be
//! enumerated and stays bounded: a bucket that grows too large forgets its keys and
//! counts a child as behind for every key in the bucket.
//!
//! The objects of a journal are in [`image`](super::image).

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use storage_contract::types::Error;

/// The number of buckets.
pub const BUCKETS: u32 = 256;

/// A bucket larger than this, in bytes of JSON, forgets its keys. Well below the 64
/// KiB limit of a shared value.
pub const MAX_BUCKET: usize = 32 * 1024;

/// The name of a change whose name is not on record. Only healing ends it.
pub const UNKNOWN: &str = "";

/// A change that began, and whose end is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begun {
    /// A write.
    Write,
    /// A delete, and no write began since.
    Delete,
    /// Something before a later change, which alone says what there should be.
    Earlier,
}

/// The state of one key, or of all forgotten keys of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The children that missed a write or a delete, by index.
    pub children: BTreeSet<usize>,
    /// The writes and deletes that began, and whose end is not recorded: they are in
    /// progress, or the writer vanished and the children may differ. Each has a name of
    /// its own, so that its end is not taken for that of another; it is
    /// [`UNKNOWN`] where that is not on record.
    pub pending: BTreeMap<String, Begun>,
    /// The last change that these children missed is a delete.
    pub deleted: bool,
}

impl Missed {
    /// Whether there is nothing to record.
    pub fn is_clean(&self) -> bool {
        self.children.is_empty() && self.pending.is_empty()
    }

    /// Whether a write or a delete began, and its end is not recorded.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether the last that began, of those, is a delete.
    pub fn is_deleting(&self) -> bool {
        self.pending.values().any(|begun| *begun == Begun::Delete)
    }

    /// Whether a delete is on record, and no later write.
    pub fn is_deleted(&self) -> bool {
        self.deleted || self.is_deleting()
    }

    /// Records that a write or a delete begins.
    pub fn begin(&mut self, change: &str, deleting: bool) {
        let begun = if deleting { Begun::Delete } else { Begun::Write };
        if !deleting {
            self.outdate(Begun::Delete);
        }
        self.pending.insert(change.to_owned(), begun);
    }

    fn outdate(&mut self, which: Begun) {
        let older = self.pending.values_mut().filter(|begun| **begun == which);
        older.for_each(|begun| *begun = Begun::Earlier);
    }

    /// Records that the change was rejected and changed nothing; earlier doubts
    /// remain.
    pub fn cancel(&mut self, change: &str) {
        self.pending.remove(change);
    }

    /// Records the end of a write, or with `deleted` of a delete. The `clean`
    /// children have the newest state, the `behind` ones may not.
    pub fn end(&mut self, change: &str, clean: &[usize], behind: &[usize], deleted: bool) {
        self.pending.remove(change);
        self.children.retain(|child| !clean.contains(child));
        self.children.extend(behind);
        self.deleted = deleted && !self.children.is_empty();
        if deleted {
            self.outdate(Begun::Write);
        }
    }
}

/// Everything on record about a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// About the key itself.
    pub own: Missed,
    /// About all forgotten keys of its bucket.
    pub every: Missed,
}

/// What it means if no up-to-date child has an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It does not exist: it was deleted, or every child was asked.
    Certain,
    /// It existed, and these children lost it.
    Lost,
    /// The record can't tell which.
    Unclear,
}

impl Recorded {
    /// Whether nothing is on record.
    pub fn is_clean(&self) -> bool {
        self.own.is_clean() && self.every.is_clean()
    }

    /// The children on record as behind. A record of the key itself is newer than
    /// that of the forgotten keys.
    pub fn behind(&self) -> &BTreeSet<usize> {
        if self.own.children.is_empty() { &self.every.children } else { &self.own.children }
    }

    /// Whether a child is on record as behind.
    pub fn is_behind(&self, child: usize) -> bool {
        self.behind().contains(&child)
    }

    /// What to conclude if no other child has the object. Its absence proves
    /// nothing by itself, since a disk may have been replaced.
    pub fn absence(&self) -> Absence {
        if self.own.is_deleted() || self.behind().is_empty() {
            Absence::Certain
        } else if self.own.children.is_empty() {
            Absence::Unclear
        } else {
            Absence::Lost
        }
    }
}

/// The records of some of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Records by key, without clean ones.
    pub keys: BTreeMap<String, Missed>,
    /// The record of all forgotten keys.
    pub every: Missed,
}

impl Bucket {
    /// Whether there is nothing to record.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.every.is_clean()
    }

    /// Whether some child missed the last write or delete of a key that is told apart.
    pub fn has_missed(&self) -> bool {
        self.keys.values().any(|missed| !missed.children.is_empty())
    }

    /// Everything on record about a key.
    pub fn of(&self, key: &str) -> Recorded {
        let own = self.keys.get(key).cloned().unwrap_or_default();
        Recorded { own, every: self.every.clone() }
    }

    /// Changes the record of a key, and keeps the bucket within its limit.
    pub fn change(&mut self, key: &str, change: impl Fn(&mut Missed)) {
        let missed = self.keys.entry(key.to_owned()).or_default();
        change(missed);
        if missed.is_clean() {
            self.keys.remove(key);
        }
        // Forget deletes last: a forgotten one can't be told from a lost object.
        if self.is_over(MAX_BUCKET) {
            self.forget(|missed| !missed.is_deleted());
            // Make some more room, or each new write would be forgotten at once.
            if self.is_over(MAX_BUCKET / 4 * 3) {
                self.forget(|_| true);
            }
        }
    }

    /// Renumbers the children; `None` removes a child.
    fn renumber(&mut self, number: impl Fn(usize) -> Option<usize>) {
        for missed in self.keys.values_mut().chain([&mut self.every]) {
            missed.children = missed.children.iter().filter_map(|child| number(*child)).collect();
            missed.deleted &= !missed.children.is_empty();
        }
        self.keys.retain(|_, missed| !missed.is_clean());
    }

    fn is_over(&self, bytes: usize) -> bool {
        // A character takes at most six bytes in JSON; most buckets are far from
        // full.
        let size = |(key, missed): (&String, &Missed)| {
            let names: usize = missed.pending.keys().map(|name| name.len() * 6 + 24).sum();
            key.len() * 6 + 128 + names
        };
        let most: usize = self.keys.iter().map(size).sum();
        most > bytes && serde_json::to_vec(self).is_ok_and(|text| text.len() > bytes)
    }

    /// Merges the matching keys into the record of forgotten keys.
    fn forget(&mut self, which: impl Fn(&Missed) -> bool) {
        for (_, missed) in self.keys.extract_if(.., |_, missed| which(missed)) {
            if missed.is_pending() {
                self.every.begin(UNKNOWN, false);
            }
            self.every.children.extend(missed.children);
        }
    }
}

/// A bucket in the memory of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The current state.
    pub bucket: Bucket,
    /// The journal object as last seen; `None` without a journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Whether the journal overstates the current state.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// How often the process adopted what another one had written.
    #[serde(default)]
    pub taken: u64,
}

/// What is needed to replace a journal object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Whether the object exists.
    pub there: bool,
    /// Its etag, if the store provides one.
    pub etag: Option<String>,
    /// Its serial number; 0 if it does not exist.
    pub serial: u64,
}

/// The shared value. Children are identified by name, because a reload may change
/// their order while chains from before and after it write the same value.
#[derive(Serialize, Deserialize)]
struct Shared<N, H> {
    names: N,
    held: H,
}

impl Held {
    /// Whether there is nothing to share.
    pub fn is_empty(&self) -> bool {
        self.bucket.is_empty() && self.seen.is_none()
    }

    /// Encodes the shared value.
    pub fn encode(&self, names: &[String]) -> Vec<u8> {
        // Maps of strings to plain values always have a JSON form.
        serde_json::to_vec(&Shared { names, held: self }).unwrap_or_default()
    }

    /// Decodes a shared value, which a chain with other children may have written.
    pub fn decode(value: &[u8], names: &[String]) -> Self {
        let Ok(Shared { names: theirs, mut held }) =
            serde_json::from_slice::<Shared<Vec<String>, Held>>(value)
        else {
            return Self::default();
        };
        if theirs != names {
            let known: Vec<Option<usize>> =
                theirs.iter().map(|name| names.iter().position(|own| own == name)).collect();
            held.bucket.renumber(|child| known.get(child).copied().flatten());
        }
        held
    }

    /// Adopts what another process wrote to the journal. This process knows better
    /// only about its own changes in progress.
    pub fn take_over(&mut self, journal: Held) {
        let own = std::mem::take(&mut self.bucket);
        self.bucket = journal.bucket;
        self.seen = journal.seen;
        self.stale = false;
        self.taken += 1;
        for (key, missed) in own.keys {
            if missed.is_pending() {
                self.bucket.change(&key, |own| own.pending.extend(missed.pending.clone()));
            }
        }
        self.bucket.every.pending.extend(own.every.pending);
    }
}

/// The bucket of a key, by FNV-1a: spreads keys well enough, and is the same in
/// every instance.
pub fn bucket_of(key: &str) -> u32 {
    let hash =
        key.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) % BUCKETS
}

/// The name of the shared value that is [`MISSED`] once any bucket in memory may have
/// had missed keys, so that listings need not look through all of them.
pub fn missed_name(mirror: &str) -> String {
    format!("{mirror}/missed")
}

/// See [`missed_name`]. It is never taken back.
pub const MISSED: &[u8] = b"1";

/// Sets that value if a bucket has missed keys; to be called before the bucket becomes
/// visible. `load` and `set` access the value.
pub fn note_missed(
    bucket: &Bucket,
    load: impl Fn() -> Result<Option<(Vec<u8>, u64)>, Error>,
    set: impl Fn(u64) -> Result<u64, Error>,
) -> Result<(), Error> {
    while bucket.has_missed() {
        let (value, version) = load()?.unwrap_or_default();
        if value == MISSED {
            break;
        }
        match set(version) {
            Err(Error::PreconditionFailed) => {}
            noted => return noted.map(drop),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["near".to_owned(), "far".to_owned()]
    }

    #[test]
    fn a_chain_with_other_children_reads_what_was_shared_by_their_names() {
        let mut held = Held { taken: 3, ..Held::default() };
        held.bucket.change("a", |missed| missed.end("1", &[0], &[1], true));
        held.bucket.change("b", |missed| missed.end("1", &[1], &[0], false));
        held.bucket.change("c", |missed| missed.begin("1", true));
        held.bucket.every.children.insert(1);
        let value = held.encode(&names());
        assert_eq!(Held::decode(&value, &names()), held);
        let other = ["far".to_owned(), "new".to_owned()];
        let read = Held::decode(&value, &other);
        assert_eq!(
            read.bucket.of("a").own,
            Missed { children: [0].into(), deleted: true, ..Missed::default() }
        );
        // Only a child that no longer exists missed that.
        assert!(!read.bucket.keys.contains_key("b"));
        assert!(read.bucket.of("c").own.is_deleting() && read.taken == 3);
        assert_eq!(read.bucket.every.children, BTreeSet::from([0]));
    }

    #[test]
    fn the_end_of_a_change_ends_no_other() {
        let mut missed = Missed::default();
        missed.begin("1", false);
        missed.begin("2", false);
        missed.end("1", &[0, 1], &[], false);
        assert!(missed.is_pending());
        missed.cancel("1");
        assert!(missed.is_pending());
        missed.end("2", &[0, 1], &[], false);
        assert!(missed.is_clean());
        // A delete that vanished is no proof once a write has begun.
        missed.begin("3", true);
        missed.begin("4", false);
        missed.end("4", &[0], &[1], false);
        assert!(missed.is_pending() && !missed.is_deleted());
    }

    #[test]
    fn a_bucket_stays_small_where_a_key_is_begun_again_and_again() {
        let mut bucket = Bucket::default();
        for number in 0..10_000 {
            bucket.change("a", |missed| missed.begin(&format!("19ade3f2a5b-{number}"), false));
        }
        assert!(serde_json::to_vec(&bucket).unwrap().len() <= MAX_BUCKET);
        assert!(bucket.every.is_pending() || bucket.of("a").own.is_pending());
    }

    #[test]
    fn absence_is_certain_by_a_recorded_delete_or_where_no_child_is_behind() {
        let absence = |change: &dyn Fn(&mut Missed)| {
            let mut bucket = Bucket::default();
            bucket.change("a", change);
            bucket.of("a").absence()
        };
        assert_eq!(absence(&|_| ()), Absence::Certain);
        assert_eq!(absence(&|m| m.begin("1", false)), Absence::Certain);
        assert_eq!(absence(&|m| m.end("1", &[0], &[1], true)), Absence::Certain);
        assert_eq!(absence(&|m| m.end("1", &[0], &[1], false)), Absence::Lost);
        let deleting = |m: &mut Missed| {
            m.end("1", &[0], &[1], false);
            m.begin("1", true);
        };
        assert_eq!(absence(&deleting), Absence::Certain);
        let refused = |m: &mut Missed| {
            deleting(m);
            m.cancel("1");
        };
        assert_eq!(absence(&refused), Absence::Lost);
        let every = Missed { children: [1].into(), ..Missed::default() };
        let together = Recorded { every, ..Recorded::default() };
        assert_eq!(together.absence(), Absence::Unclear);
    }

    #[test]
    fn a_bucket_that_grows_too_large_forgets_keys_and_no_child() {
        let mut bucket = Bucket::default();
        for number in 0..2_000 {
            bucket.change(&format!("some-key-{number}"), |m| _ = m.children.insert(1));
        }
        assert!(serde_json::to_vec(&bucket).unwrap().len() <= MAX_BUCKET);
        assert!((0..2_000).all(|n| bucket.of(&format!("some-key-{n}")).behind().contains(&1)));
    }

    #[test]
    fn a_bucket_that_grows_too_large_forgets_deletes_last() {
        let mut bucket = Bucket::default();
        for number in 0..100 {
            bucket.change(&format!("deleted-{number}"), |m| m.end("1", &[0], &[1], true));
        }
        for number in 0..2_000 {
            bucket.change(&format!("some-key-{number}"), |m| m.end("1", &[0], &[1], false));
        }
        let absence = |key: String| bucket.of(&key).absence();
        assert!((0..100).all(|n| absence(format!("deleted-{n}")) == Absence::Certain));
        for number in 0..2_000 {
            bucket.change(&format!("deleted-{number}"), |m| m.end("1", &[0], &[1], true));
        }
        assert!(serde_json::to_vec(&bucket).unwrap().len() <= MAX_BUCKET);
        let known = (0..2_000).map(|n| bucket.of(&format!("deleted-{n}")));
        assert!(known.into_iter().all(|known| known.absence() != Absence::Lost));
    }

    #[test]
    fn what_another_process_wrote_is_taken_over_and_what_is_under_way_is_kept() {
        let mut held = Held::default();
        held.bucket.change("healed", |m| _ = m.children.insert(1));
        held.bucket.change("under way", |m| m.begin("1", true));
        let mut journal = Held { seen: Some(Seen::default()), ..Held::default() };
        journal.bucket.change("new", |m| _ = m.children.insert(0));
        held.take_over(journal);
        let keys: Vec<_> = held.bucket.keys.keys().map(String::as_str).collect();
        assert_eq!(keys, ["new", "under way"]);
        let kept = &held.bucket.keys["under way"];
        assert!(kept.children.is_empty() && kept.is_deleting());
    }
}
