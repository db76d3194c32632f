//! Finds, makes and invalidates copies.

use super::cache::Cache;
use super::claim::Claim;
use super::config::Revalidate;
use super::copy_metadata::{is_copy, tag, unwrap, wrap};
use super::index::{Record, SHARDS, State};
use storage_contract::env::{Guard, Level};
use storage_contract::paging::Paging;
use storage_contract::source::Ended;
use storage_contract::types::{
    DeleteOptions, Error, ListOptions, ObjectInfo, PutOptions, ReadOptions, Result,
};

/// How long readers make no copies after the cache failed, in milliseconds.
const PAUSE: u64 = 1_000;

/// Resolution of the last use, in milliseconds: a hit within this time of the last
/// one updates nothing.
const RECENCY: u64 = 1_000;

/// A copy that may be used.
pub(super) struct Known {
    pub record: Record,
    /// The main store's info, if it was asked.
    pub info: Option<ObjectInfo>,
}

impl Cache {
    pub(super) fn lock(&self, key: &str) -> Result<Box<dyn Guard>> {
        self.env.coordinator.lock(&format!("{}/key/{key}", self.name))
    }

    /// The lock for making a copy; `None` if that is not worth waiting for, or not
    /// possible. While the cache or the coordinator fails, each reader with the lock would
    /// only delay the next one.
    pub(super) fn lock_to_fill(&self, key: &str) -> Option<Box<dyn Guard>> {
        if self.index.doubted() {
            return None;
        }
        if self.index.failed_since(self.now().saturating_sub(PAUSE)) {
            return None;
        }
        let lock = self.lock(key).ok()?;
        // The cache may have failed for the previous holder.
        (!self.index.failed_since(self.now().saturating_sub(PAUSE))).then_some(lock)
    }

    pub(super) fn now(&self) -> u64 {
        self.env.coordinator.now()
    }

    /// A copy that the index and, if necessary, the main store confirm. The main
    /// store is asked if the copy is stale, or always, as configured, and always if
    /// the cache stores no metadata. If the coordinator fails, no copy is known to be
    /// good, and what the main store has is right at any time.
    pub(super) fn lookup(&self, key: &str) -> Result<Option<Known>> {
        let found = self.index.find(key).ok().flatten();
        let Some(record) = found.filter(|record| record.state == State::Valid) else {
            return Ok(None);
        };
        let now = self.config.ttl.0.map_or(0, |_| self.now());
        // If the clock was set back, the age is unknown.
        let age = now.checked_sub(record.validated);
        let stale = self.config.ttl.0.is_some_and(|ttl| age.is_none_or(|age| age >= ttl));
        let ask = match self.config.revalidate {
            Revalidate::Never if stale => return Ok(None),
            Revalidate::Never => false,
            Revalidate::Always => true,
            Revalidate::Ttl => stale,
        };
        if !ask && self.keeps_info {
            return Ok(Some(Known { record, info: None }));
        }
        let info = match self.main.stat(&record.key) {
            Err(Error::NotFound) => {
                // Another program deleted the object; nothing else would remove its
                // copy.
                self.forget(&record);
                return Err(Error::NotFound);
            }
            told => told?,
        };
        if info.etag.is_none() {
            return Ok(None);
        }
        if tag(info.etag.as_deref()) != record.tag {
            // Others need not ask again.
            self.forget(&record);
            return Ok(None);
        }
        if stale {
            self.change(&record, |record| record.validated = now);
        }
        Ok(Some(Known { record, info: Some(info) }))
    }

    /// Removes a copy that is not of the current object. If that fails, it is compared
    /// again before it is used.
    fn forget(&self, record: &Record) {
        let _ = self.drop_copy(record);
    }

    /// Changes a record unless it has been replaced.
    fn change(&self, of: &Record, change: impl Fn(&mut Record)) {
        // If this fails, the copy is just checked again.
        let _ = self.update(&of.key, |now, _| {
            let mut record = now?.clone();
            if is_same(&record, of) {
                change(&mut record);
            }
            Some(record)
        });
    }

    /// The main store's info of an object, from the cache's info of its copy.
    /// `None` if the cache holds another copy.
    pub(super) fn verify(&self, known: &Known, copy: &ObjectInfo) -> Option<ObjectInfo> {
        let record = &known.record;
        if copy.size.is_some_and(|size| size != record.size) {
            return None;
        }
        let size = Some(record.size);
        if self.keeps_info {
            let info = unwrap(copy).filter(|info| tag(info.etag.as_deref()) == record.tag)?;
            return Some(ObjectInfo { size, ..info });
        }
        let info = known.info.as_ref().filter(|_| tag(copy.etag.as_deref()) == record.held)?;
        Some(ObjectInfo { size, ..info.clone() })
    }

    /// The info of an object with a good copy, without reading its bytes.
    pub(super) fn stat_copy(&self, known: &Known) -> Option<ObjectInfo> {
        match &known.info {
            Some(info) => Some(ObjectInfo { size: Some(known.record.size), ..info.clone() }),
            None => self.verify(known, &self.cache.stat(&known.record.key).ok()?),
        }
    }

    /// Checks preconditions against a good copy. `false` if the copy can't tell.
    pub(super) fn check(&self, known: &Known, options: &ReadOptions) -> Result<bool> {
        if options.if_match.is_none() && options.if_none_match.is_none() {
            return Ok(true);
        }
        let Some(info) = self.stat_copy(known) else { return Ok(false) };
        options.check(&info).map(|()| true)
    }

    /// Records that a copy was used.
    pub(super) fn touch(&self, record: &Record) {
        if self.config.max_bytes.is_some() {
            let now = self.now();
            if now.saturating_sub(record.used) >= RECENCY {
                self.change(record, |record| record.used = now);
            }
        }
    }

    /// With the lock held: validates a copy that the index does not know, as after
    /// a restart. Returns whether it may be used now.
    pub(super) fn adopt(&self, lock: &dyn Guard, claim: &Claim) -> Result<bool> {
        if !self.keeps_info || claim.rejected {
            return Ok(false);
        }
        let key = &claim.record.key;
        let Ok(copy) = self.cache.stat(key) else { return Ok(false) };
        let Some(etag) = unwrap(&copy).and_then(|info| info.etag) else { return Ok(false) };
        let Some(size) = copy.size else { return Ok(false) };
        let now = self.now();
        if self.main.stat(key)?.etag.as_ref() != Some(&etag) {
            return Ok(false);
        }
        Ok(self.keep(lock, &claim.record, Some(&etag), copy.etag.as_deref(), size, now))
    }

    /// With the lock held: makes a copy of an object that was read to its end since `now`,
    /// if the record `mine` from before still stands. A failure is only logged.
    pub(super) fn fill(
        &self,
        lock: &dyn Guard,
        mine: &Record,
        info: &ObjectInfo,
        data: &[u8],
        ended: Ended,
        now: u64,
    ) {
        let (key, size) = (&mine.key, ended.length());
        if size > self.config.largest() || info.size.is_some_and(|known| known != size) {
            return self.withdraw(lock, key);
        }
        let Some(mine) = self.expect(lock, mine, size) else {
            return self.abandon(lock, key);
        };
        match self.cache.put(key, data, &self.copy_options(info)) {
            Ok(copy) => {
                let (etag, copy) = (info.etag.as_deref(), copy.etag.as_deref());
                self.keep(lock, &mine, etag, copy, size, now);
            }
            Err(error) => {
                self.withdraw(lock, key);
                self.not_copied(key, &error);
            }
        }
    }

    /// What the cache returned for a copy, if anything.
    pub(super) fn given<T>(&self, record: &Record, answer: Result<T>) -> Option<T> {
        match answer {
            Ok(given) => Some(given),
            // The copy was evicted, or is too large to return at once.
            Err(Error::NotFound | Error::LimitExceeded(_)) => None,
            Err(error) => {
                self.index.note_failure(self.now());
                if matches!(error, Error::InvalidData(_)) {
                    self.reject(record, &error);
                }
                None
            }
        }
    }

    /// Handles a copy that can't be read: it must be compared before it is used
    /// again. A corrupt one is removed, or the next reader would find it again.
    pub(super) fn reject(&self, record: &Record, error: &Error) {
        if !matches!(error, Error::InvalidData(_)) {
            return self.change(record, |record| record.state = State::Found);
        }
        // Use the current record: others may have updated it.
        let now = self.index.find(&record.key).ok().flatten();
        if let Some(now) = now.filter(|now| is_same(now, record)) {
            self.forget(&now);
        }
    }

    /// Records and logs that the cache stored no copy.
    pub(super) fn not_copied(&self, key: &str, error: &Error) {
        self.index.note_failure(self.now());
        self.complain("can't be copied to the cache", key, error);
    }

    pub(super) fn copy_options(&self, info: &ObjectInfo) -> PutOptions {
        if !self.keeps_info {
            return PutOptions::default();
        }
        PutOptions {
            content_type: info.content_type.clone(),
            metadata: wrap(info),
            etag: info.etag.clone(),
            ..PutOptions::default()
        }
    }

    /// With the lock held: records the copy in the cache as good, if the record `mine`
    /// from before the object was read still stands. If not, others may have changed the
    /// object since. Returns whether it did.
    pub(super) fn keep(
        &self,
        lock: &dyn Guard,
        mine: &Record,
        etag: Option<&str>,
        copy_etag: Option<&str>,
        size: u64,
        now: u64,
    ) -> bool {
        let valid = Record {
            key: mine.key.clone(),
            state: State::Valid,
            tag: tag(etag),
            held: tag(copy_etag),
            size,
            used: now,
            validated: now,
        };
        let kept = lock.check().is_ok() && self.replace(mine, |_| valid.clone()).is_some();
        if !kept {
            self.abandon(lock, &mine.key);
        }
        kept
    }

    /// Replaces a record of one's own; `None` if it is there no longer, or may not be.
    pub(super) fn replace(&self, mine: &Record, with: impl Fn(u64) -> Record) -> Option<Record> {
        let mut left = None;
        let noted = self.update(&mine.key, |now, unique| {
            left = now.filter(|now| *now == mine).map(|_| with(unique));
            left.clone().or_else(|| now.cloned())
        });
        match noted {
            Ok(_) => left,
            Err(error) => {
                self.complain("is not noted as cached", &mine.key, &error);
                None
            }
        }
    }

    /// With the lock held: removes a key from the index, and its copy.
    pub(super) fn abandon(&self, lock: &dyn Guard, key: &str) {
        self.withdraw(lock, key);
        let _ = self.cache.delete(key, &DeleteOptions::default());
    }

    /// With the lock held: removes the record of one's own from the index. If that
    /// fails, it stays, and no copy is used because of it. If the lock is lost, what is
    /// there may be another's.
    pub(super) fn withdraw(&self, lock: &dyn Guard, key: &str) {
        if lock.check().is_ok() {
            let _ = self.void(key);
        }
    }

    /// Removes a key from the index, which invalidates its copy.
    fn void(&self, key: &str) -> Result<()> {
        self.update(key, |_, _| None).map(drop)
    }

    /// Changes the main store's object with `change`. Readers neither use nor make a copy
    /// of it meanwhile.
    pub(super) fn change_main<T>(
        &self,
        key: &str,
        change: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let lock = self.lock(key)?;
        self.invalidate(lock.as_ref(), key)?;
        self.settle(lock.as_ref(), key, change())
    }

    /// With the lock held, before the main store is changed: prevents readers from
    /// using or making a copy of the current object. If this fails, others could go on
    /// using the copy: the main store must not be changed.
    fn invalidate(&self, lock: &dyn Guard, key: &str) -> Result<()> {
        let failed = |error: Error| {
            Error::Unavailable(format!(
                "store {:?}: the copy of {key:?} can't be invalidated, so nothing was changed: \
                 {error}",
                self.name
            ))
        };
        self.mark(key).map_err(failed)?;
        match self.cache.delete(key, &DeleteOptions::default()) {
            Ok(()) | Err(Error::NotFound) => {}
            Err(error) => self.complain("stays in the cache, unused", key, &error),
        }
        lock.check().map_err(failed)
    }

    /// Replaces what the index has of a key by the mark of a write.
    fn mark(&self, key: &str) -> Result<()> {
        let used = self.now();
        let noted = self.update(key, |_, held| {
            Some(Record {
                key: key.to_owned(),
                state: State::Writing,
                tag: 0,
                held,
                size: 0,
                used,
                validated: 0,
            })
        });
        match noted {
            // There is no room for a mark. While the lock is held, none is needed.
            Err(Error::LimitExceeded(_)) => self.void(key),
            noted => noted.map(drop),
        }
    }

    /// With the lock held: the change of the main store has ended. If its outcome is
    /// unknown, the mark of the write stays for a while.
    ///
    /// If the lock was lost meanwhile, another writer may have left a copy of what this
    /// change replaced: a new mark makes it unusable. Fails if that can't be done.
    fn settle<T>(&self, lock: &dyn Guard, key: &str, done: Result<T>) -> Result<T> {
        if lock.check().is_err() {
            let marked = self.mark(key);
            let done = done?;
            return marked.map(|_| done);
        }
        let in_doubt =
            matches!(done, Err(Error::Unavailable(_) | Error::Other(_) | Error::LimitExceeded(_)));
        if !in_doubt {
            self.withdraw(lock, key);
        }
        done
    }

    /// Removes the copy of one key, or all copies; see `CachingStore::clear`.
    pub(super) fn clear(&self, key: Option<&str>) -> Result<u64> {
        if let Some(key) = key {
            let _lock = self.lock(key)?;
            self.void(key)?;
            if self.keeps_info && self.cache.stat(key).is_ok_and(|info| !is_copy(&info)) {
                return Ok(0);
            }
            return match self.cache.delete(key, &DeleteOptions::default()) {
                Ok(()) => Ok(1),
                Err(Error::NotFound) => Ok(0),
                Err(error) => Err(error),
            };
        }
        let mut cleared = 0;
        for shard in 0..SHARDS {
            for record in self.index.shard(shard)? {
                if matches!(record.state, State::Valid | State::Found) {
                    cleared += self.clear(Some(&record.key))?;
                }
            }
        }
        let (mut options, mut paging) = (ListOptions::default(), Paging::default());
        while self.cache.capabilities().list {
            let page = self.cache.list(&options)?;
            let more = paging.advance(&page, &mut options)?;
            for entry in page.entries.iter().filter(|entry| is_copy(&entry.info)) {
                cleared += self.clear(Some(&entry.key))?;
            }
            if !more {
                break;
            }
        }
        Ok(cleared)
    }

    pub(super) fn complain(&self, what: &str, key: &str, error: &Error) {
        self.env.observer.log(Level::Warn, &self.name, &format!("{key:?} {what}: {error}"));
    }
}

/// Whether both describe the same copy, apart from its use.
fn is_same(a: &Record, b: &Record) -> bool {
    (a.state, a.tag, a.held) == (b.state, b.tag, b.held)
}
