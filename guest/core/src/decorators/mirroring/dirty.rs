//! Tracks which child missed which write, shared by all instances of a chain, and
//! kept in the journal if there is one.

use super::image::{decode, encode, image_key};
use super::record::{
    BUCKETS, Bucket, Held, MISSED, Missed, Recorded, Seen, bucket_of, missed_name, note_missed,
};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use storage_contract::env::{Coordinator, Env, Level};
use storage_contract::store::{SharedStore, conditionally};
use storage_contract::types::{Error, PutOptions, ReadOptions, Result};

/// How often to retry a journal write when other processes write, too.
const TRIES: usize = 20;

/// The missed writes of one mirroring store.
pub(super) struct Dirty {
    store: String,
    env: Env,
    /// The children's names on record.
    names: Vec<String>,
    /// Keeps the records beyond the life of the process.
    journal: Option<SharedStore>,
}

/// Caches buckets during one operation over many keys.
pub(super) type Memo = HashMap<u32, Bucket>;

impl Dirty {
    pub(super) fn new(
        store: &str,
        env: &Env,
        names: &[String],
        journal: Option<SharedStore>,
    ) -> Self {
        Self { store: store.to_owned(), env: env.clone(), names: names.to_vec(), journal }
    }

    fn name(&self, bucket: u32) -> String {
        format!("{}/dirty/{bucket:02x}", self.store)
    }

    /// A bucket and the version of the shared value. Reads the journal if no
    /// instance has the bucket in memory yet.
    fn load(&self, bucket: u32) -> Result<(Held, u64)> {
        let name = self.name(bucket);
        loop {
            let mut expected = 0;
            if let Some(value) = self.env.coordinator.load(&name)? {
                let held = Held::decode(&value.value, &self.names);
                if held.seen.is_some() || self.journal.is_none() {
                    return Ok((held, value.version));
                }
                expected = value.version;
            }
            let Some(journal) = &self.journal else { return Ok((Held::default(), 0)) };
            let held = self.fetch(journal, bucket)?;
            match self.set(bucket, &held, expected) {
                Ok(version) => return Ok((held, version)),
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A bucket as recorded in the journal.
    fn fetch(&self, journal: &SharedStore, bucket: u32) -> Result<Held> {
        let key = image_key(&self.store, bucket);
        let failed = |error: &Error| {
            Error::Unavailable(format!(
                "store {:?}: its journal can't be read, so it is not known which children are \
                 behind: {key:?}: {error}",
                self.store
            ))
        };
        let (info, text) = match journal.get(&key, &ReadOptions::default()) {
            Ok(got) => got,
            Err(Error::NotFound) => {
                return Ok(Held { seen: Some(Seen::default()), ..Held::default() });
            }
            Err(error) => return Err(failed(&error)),
        };
        let (bucket, serial, problem) =
            decode(&text, &self.names).map_err(|error| failed(&error))?;
        if let Some(problem) = problem {
            let text = format!(
                "its journal: {key:?} can't be understood ({problem}): all that it may have told \
                 of counts as being written; `storage-host heal` compares the children"
            );
            self.env.observer.log(Level::Error, &self.store, &text);
        }
        let seen = Some(Seen { there: true, etag: info.etag, serial });
        Ok(Held { bucket, seen, ..Held::default() })
    }

    /// Whether the records outlive the process.
    pub(super) fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    /// What is on record about this key.
    pub(super) fn of(&self, key: &str) -> Result<Recorded> {
        Ok(self.load(bucket_of(key))?.0.bucket.of(key))
    }

    /// Like [`of`](Self::of), for many keys in a row.
    pub(super) fn recall(&self, memo: &mut Memo, key: &str) -> Result<Recorded> {
        let number = bucket_of(key);
        let bucket = match memo.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.load(number)?.0.bucket),
        };
        Ok(bucket.of(key))
    }

    /// Records that a write or a delete of the key begins, in the journal, too. If
    /// the writer vanishes, this record shows that the children may differ. If this
    /// fails, what they miss could be forgotten: nothing must be changed.
    pub(super) fn begin(&self, key: &str, change: &str, deleting: bool) -> Result<()> {
        self.note(key, true, |missed| missed.begin(change, deleting))
    }

    /// Like [`begin`](Self::begin), if the caller gets an error already: a failure is only
    /// logged.
    pub(super) fn begin_failed(&self, key: &str, change: &str, deleting: bool) {
        self.tell(key, self.begin(key, change, deleting));
    }

    /// Records that nothing was changed. Updates the journal if it would otherwise
    /// claim a delete.
    pub(super) fn cancel(&self, key: &str, change: &str) {
        let told = self.of(key).is_ok_and(|recorded| recorded.own.is_deleting());
        self.tell(key, self.finish(key, told, |missed| missed.cancel(change)));
    }

    /// Records the end of a write or a delete: `clean` children have the newest
    /// state, `behind` ones may not.
    pub(super) fn end(
        &self,
        key: &str,
        change: &str,
        clean: &[usize],
        behind: &[usize],
        deleted: bool,
    ) -> Result<()> {
        self.finish(key, false, |missed| missed.end(change, clean, behind, deleted))
    }

    /// Like [`end`](Self::end), if the caller gets an error already: a failure of
    /// the journal is only logged.
    pub(super) fn end_failed(&self, key: &str, change: &str, clean: &[usize], behind: &[usize]) {
        self.tell(key, self.end(key, change, clean, behind, false));
    }

    fn tell(&self, key: &str, noted: Result<()>) {
        if let Err(error) = noted {
            let text = format!("key {key:?}: what its children missed is not noted: {error}");
            self.env.observer.log(Level::Error, &self.store, &text);
        }
    }

    /// Unless `durably`, writes the journal only if something is left to record.
    /// Until its next write the journal then overstates, but never understates.
    fn finish(&self, key: &str, durably: bool, change: impl Fn(&mut Missed)) -> Result<()> {
        let mut left = self.of(key)?.own;
        change(&mut left);
        let noted = self.note(key, durably || !left.is_clean(), &change);
        if noted.is_err() {
            // At least this process knows.
            let _ = self.swap(bucket_of(key), |held| held.bucket.change(key, &change));
        }
        noted
    }

    /// Everything on record; `None` stands for the forgotten keys of a bucket.
    pub(super) fn all(&self) -> Result<Vec<(Option<String>, Recorded)>> {
        let mut all = Vec::new();
        for number in 0..BUCKETS {
            let Bucket { keys, every } = self.load(number)?.0.bucket;
            let recorded = |own| Recorded { own, every: every.clone() };
            if !every.is_clean() {
                all.push((None, recorded(Missed::default())));
            }
            all.extend(keys.into_iter().map(|(key, own)| (Some(key), recorded(own))));
        }
        Ok(all)
    }

    /// The keys whose last write some child missed.
    pub(super) fn missed_writes(&self) -> Result<Vec<String>> {
        if !self.may_have_missed()? {
            return Ok(Vec::new());
        }
        let all = self.all()?.into_iter();
        let missed = all.filter(|(_, recorded)| {
            !recorded.own.children.is_empty() && !recorded.own.is_deleted()
        });
        Ok(missed.filter_map(|(key, _)| key).collect())
    }

    /// Whether any key may be on record as missed.
    fn may_have_missed(&self) -> Result<bool> {
        let (coordinator, name) = (&self.env.coordinator, missed_name(&self.store));
        if let Some(known) = coordinator.load(&name)? {
            return Ok(known.value == MISSED);
        }
        if self.journal.is_none() {
            return Ok(false);
        }
        // Not yet known: what the journal has is in memory after this.
        self.all()?;
        match coordinator.compare_and_set(&name, 0, Some(b"0")) {
            Ok(_) => Ok(false),
            Err(_) => Ok(true),
        }
    }

    fn note(&self, key: &str, durably: bool, change: impl Fn(&mut Missed)) -> Result<()> {
        let number = bucket_of(key);
        let Some(journal) = &self.journal else {
            return self.swap(number, |held| held.bucket.change(key, &change)).map_err(|error| {
                let store = &self.store;
                let text =
                    format!("store {store:?}: what its children missed can't be noted: {error}");
                match error {
                    // Trying again does not help.
                    Error::LimitExceeded(_) => Error::LimitExceeded(text),
                    _ => Error::Unavailable(text),
                }
            });
        };
        if !durably {
            return self.swap(number, |held| {
                held.bucket.change(key, &change);
                held.stale = true;
            });
        }
        let turn = self.env.coordinator.lock(&format!("{}/journal/{number:02x}", self.store))?;
        for _ in 0..TRIES {
            let (held, _) = self.load(number)?;
            let mut bucket = held.bucket;
            bucket.change(key, &change);
            let seen = held.seen.unwrap_or_default();
            turn.check()?;
            match self.replace(journal, number, &bucket, &seen) {
                Ok(seen) => {
                    return self.swap(number, |held| {
                        held.bucket.change(key, &change);
                        held.seen = Some(seen.clone());
                        // Writes of other keys may have ended meanwhile.
                        held.stale = held.bucket != bucket;
                    });
                }
                // Another process wrote it, for example to heal.
                Err(Error::PreconditionFailed | Error::AlreadyExists | Error::NotFound) => {
                    let found = self.fetch(journal, number)?;
                    self.swap(number, |held| held.take_over(found.clone()))?;
                }
                Err(error) => {
                    return Err(Error::Unavailable(format!(
                        "store {:?}: its journal can't be written: {:?}: {error}",
                        self.store,
                        image_key(&self.store, number)
                    )));
                }
            }
        }
        Err(Error::Unavailable(format!(
            "store {:?}: its journal is being written by others all the time",
            self.store
        )))
    }

    /// Writes a bucket's object if it is still the one that was seen.
    fn replace(
        &self,
        journal: &SharedStore,
        number: u32,
        bucket: &Bucket,
        seen: &Seen,
    ) -> Result<Seen> {
        // Never write the same text twice, even if the object was deleted in
        // between.
        let serial = self.env.coordinator.now().max(seen.serial.saturating_add(1));
        let text = encode(bucket, serial, &self.names);
        let info = conditionally(&**journal, |conditional| {
            let options = PutOptions {
                content_type: Some("application/json".to_owned()),
                if_absent: conditional && !seen.there,
                if_match: seen.etag.clone().filter(|_| conditional && seen.there),
                ..PutOptions::default()
            };
            journal.put(&image_key(&self.store, number), &text, &options)
        })?;
        Ok(Seen { there: true, etag: info.etag, serial })
    }

    /// Changes the bucket in memory.
    fn swap(&self, number: u32, change: impl Fn(&mut Held)) -> Result<()> {
        loop {
            let (mut held, version) = self.load(number)?;
            change(&mut held);
            if held.is_empty() && version == 0 {
                return Ok(());
            }
            match self.set(number, &held, version) {
                Ok(_) => return Ok(()),
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Replaces a bucket in memory if its version is still `expected`.
    fn set(&self, number: u32, held: &Held, expected: u64) -> Result<u64> {
        let (coordinator, missed) = (&self.env.coordinator, missed_name(&self.store));
        let load = || Ok(coordinator.load(&missed)?.map(|value| (value.value, value.version)));
        let set = |version| coordinator.compare_and_set(&missed, version, Some(MISSED));
        note_missed(&held.bucket, load, set)?;
        let value = (!held.is_empty()).then(|| held.encode(&self.names));
        coordinator.compare_and_set(&self.name(number), expected, value.as_deref())
    }
}

/// A name that nothing else of this store gets, not in the form of a digest: for a change,
/// and the etag of an object whose writer gave none, the same on every child.
pub(super) fn unique(store: &str, coordinator: &dyn Coordinator) -> Result<String> {
    let name = format!("{store}/etags");
    let now = coordinator.now();
    loop {
        let expected = coordinator.load(&name)?.map_or(0, |held| held.version);
        match coordinator.compare_and_set(&name, expected, Some(b"1")) {
            Ok(version) => return Ok(format!("{now:x}-{version:x}")),
            Err(Error::PreconditionFailed) => {}
            Err(error) => return Err(error),
        }
    }
}
