//! The journal of changes that children missed, as the host reads and clears it. The
//! decorator's side is `mirroring::dirty` in `storage_core`; both use the same format.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};
use storage_core::decorators::mirroring::Missed;
use storage_core::decorators::mirroring::image::{decode, encode, image_key};
use storage_core::decorators::mirroring::record::{
    BUCKETS, Bucket, Held, MISSED, Recorded, Seen, bucket_of, missed_name, note_missed,
};
use storage_sandbox::coordinator::{Coordinator, Guard};
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error, PutOptions, ReadOptions, Result, conditionally};

/// The journal of one mirror.
pub(super) struct Journal {
    mirror: String,
    names: Vec<String>,
    journal: Option<Objects>,
    coordinator: Coordinator,
}

/// What the journal said about a key, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noted {
    pub recorded: Recorded,
    /// Changes when another process writes the record.
    taken: u64,
}

impl Journal {
    pub fn new(
        mirror: &str,
        names: Vec<String>,
        journal: Option<Objects>,
        coordinator: Coordinator,
    ) -> Self {
        Self { mirror: mirror.to_owned(), names, journal, coordinator }
    }

    pub fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    fn name(&self, bucket: u32) -> String {
        format!("{}/dirty/{bucket:02x}", self.mirror)
    }

    async fn turn(&self, bucket: u32) -> Result<Guard> {
        self.coordinator.lock(&format!("{}/journal/{bucket:02x}", self.mirror)).await
    }

    /// Loads a bucket, and the version of the shared value.
    async fn load(&self, bucket: u32) -> Result<(Held, u64)> {
        let name = self.name(bucket);
        loop {
            let mut expected = 0;
            if let Some((value, version)) = self.coordinator.load(&name)? {
                let held = Held::decode(&value, &self.names);
                if held.seen.is_some() || self.journal.is_none() {
                    return Ok((held, version));
                }
                expected = version;
            }
            let Some(journal) = &self.journal else { return Ok((Held::default(), 0)) };
            let held = self.fetch(journal, bucket).await?;
            match self.set(bucket, &held, expected) {
                Ok(version) => return Ok((held, version)),
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn fetch(&self, journal: &Objects, bucket: u32) -> Result<Held> {
        let key = image_key(&self.mirror, bucket);
        let failed = |error: Error| {
            let (mirror, store) = (&self.mirror, journal.name());
            Error::Unavailable(format!(
                "the journal of {mirror:?}, {key:?} in store {store:?}, can't be read: {error}"
            ))
        };
        let (info, text) = match journal.store().get(&key, ReadOptions::default()).await {
            Ok(got) => got,
            Err(Error::NotFound) => {
                return Ok(Held { seen: Some(Seen::default()), ..Held::default() });
            }
            Err(error) => return Err(failed(error)),
        };
        let (bucket, serial, problem) = decode(&text, &self.names).map_err(failed)?;
        if let Some(problem) = problem {
            tracing::error!(
                target: "storage", store = self.mirror,
                "its journal: {key:?} can't be understood ({problem}): all that it may have told \
                 of counts as being written, so the children are compared"
            );
        }
        let seen = Some(Seen { there: true, etag: info.etag, serial });
        Ok(Held { bucket, seen, ..Held::default() })
    }

    /// Changes the copy in memory.
    async fn swap(&self, bucket: u32, change: impl Fn(&mut Held)) -> Result<()> {
        loop {
            let (mut held, version) = self.load(bucket).await?;
            change(&mut held);
            if held.is_empty() && version == 0 {
                return Ok(());
            }
            match self.set(bucket, &held, version) {
                Ok(_) => return Ok(()),
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Replaces a bucket in memory if its version is still `expected`.
    fn set(&self, bucket: u32, held: &Held, expected: u64) -> Result<u64> {
        let missed = missed_name(&self.mirror);
        let set =
            |version| self.coordinator.compare_and_set(&missed, version, Some(MISSED.to_vec()));
        note_missed(&held.bucket, || self.coordinator.load(&missed), set)?;
        let value = (!held.is_empty()).then(|| held.encode(&self.names));
        self.coordinator.compare_and_set(&self.name(bucket), expected, value)
    }

    /// What is on record for a key.
    pub async fn of(&self, key: &str) -> Result<Noted> {
        let (held, _) = self.load(bucket_of(key)).await?;
        Ok(Noted { recorded: held.bucket.of(key), taken: held.taken })
    }

    /// Every bucket that is not empty.
    pub async fn all(&self) -> Result<Vec<(u32, Bucket)>> {
        let mut all = Vec::new();
        for number in 0..BUCKETS {
            let (held, _) = self.load(number).await?;
            if !held.bucket.is_empty() {
                all.push((number, held.bucket));
            }
        }
        Ok(all)
    }

    /// Records that only the children in `left` are behind for this key and, with
    /// `deleted`, that they missed a delete. Returns `false` if the record is no longer
    /// `noted`: look again.
    pub async fn settle(
        &self,
        key: &str,
        noted: &Noted,
        left: &[usize],
        deleted: bool,
    ) -> Result<bool> {
        let children: BTreeSet<usize> = left.iter().copied().collect();
        let deleted = deleted && !children.is_empty();
        let settled = Missed { children, deleted, ..Missed::default() };
        let same = |held: &Held| {
            held.taken == noted.taken
                && held.bucket.keys.get(key).cloned().unwrap_or_default() == noted.recorded.own
        };
        self.note(bucket_of(key), same, |bucket| bucket.change(key, |m| m.clone_from(&settled)))
            .await
    }

    /// Clears the entry for all keys of a bucket, if it is still `every`.
    pub async fn settle_every(&self, number: u32, every: &Missed) -> Result<bool> {
        let same = |held: &Held| held.bucket.every == *every;
        self.note(number, same, |bucket| bucket.every = Missed::default()).await
    }

    /// Removes a bucket's stale journal object if nothing is outstanding there.
    pub async fn tidy(&self, number: u32) -> Result<()> {
        let (held, _) = self.load(number).await?;
        let there = held.seen.as_ref().is_some_and(|seen| seen.there);
        if there && held.bucket.is_empty() {
            self.note(number, |held| held.bucket.is_empty(), |_| ()).await?;
        }
        Ok(())
    }

    /// The serial number of a bucket's journal object if nothing is outstanding there.
    /// An unchanged serial means that the bucket is not in use.
    pub async fn idle(&self, number: u32) -> Result<Option<u64>> {
        let (held, _) = self.load(number).await?;
        let serial = held.seen.filter(|seen| seen.there).map(|seen| seen.serial);
        Ok(serial.filter(|_| held.bucket.is_empty()))
    }

    /// Takes over what another process wrote, such as healed keys.
    pub async fn refresh(&self, number: u32) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let _turn = self.turn(number).await?;
        let (held, _) = self.load(number).await?;
        let found = self.fetch(journal, number).await?;
        if found.seen != held.seen {
            self.swap(number, |held| held.take_over(found.clone())).await?;
        }
        Ok(())
    }

    async fn note(
        &self,
        number: u32,
        same: impl Fn(&Held) -> bool,
        change: impl Fn(&mut Bucket),
    ) -> Result<bool> {
        let Some(journal) = &self.journal else {
            let (held, _) = self.load(number).await?;
            if same(&held) {
                self.swap(number, |held| change(&mut held.bucket)).await?;
            }
            return Ok(same(&held));
        };
        let turn = self.turn(number).await?;
        let (held, _) = self.load(number).await?;
        if !same(&held) {
            return Ok(false);
        }
        let mut bucket = held.bucket;
        change(&mut bucket);
        let seen = held.seen.unwrap_or_default();
        turn.check()?;
        let replaced = conditionally(
            || journal.capabilities(),
            |conditional| self.replace(journal, number, &bucket, &seen, conditional),
        );
        match replaced.await {
            Ok(seen) => {
                let done = |held: &mut Held| {
                    change(&mut held.bucket);
                    held.seen = Some(seen.clone());
                    held.stale = held.bucket != bucket;
                };
                self.swap(number, done).await?;
                Ok(true)
            }
            // Another process has written it.
            Err(Error::PreconditionFailed | Error::AlreadyExists | Error::NotFound) => {
                let found = self.fetch(journal, number).await?;
                self.swap(number, |held| held.take_over(found.clone())).await?;
                Ok(false)
            }
            Err(error) => Err(Error::Unavailable(format!(
                "the journal of {:?}, in store {:?}, can't be written: {error}",
                self.mirror,
                journal.name()
            ))),
        }
    }

    /// Writes a bucket's object, or removes it if the bucket is empty, provided it is
    /// still the one in `seen`.
    async fn replace(
        &self,
        journal: &Objects,
        number: u32,
        bucket: &Bucket,
        seen: &Seen,
        conditional: bool,
    ) -> Result<Seen> {
        let key = image_key(&self.mirror, number);
        let if_match = seen.etag.clone().filter(|_| conditional && seen.there);
        if bucket.is_empty() {
            if !seen.there {
                return Ok(seen.clone());
            }
            let gone = Seen { there: false, etag: None, serial: seen.serial };
            match journal.store().delete(&key, DeleteOptions { if_match: if_match.clone() }).await {
                Ok(()) => return Ok(gone),
                // Write an empty one instead.
                Err(Error::Unsupported(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let serial = now().max(seen.serial.saturating_add(1));
        let options = PutOptions {
            content_type: Some("application/json".to_owned()),
            if_absent: conditional && !seen.there,
            if_match,
            ..PutOptions::default()
        };
        let text = encode(bucket, serial, &self.names);
        let info = journal.store().put(&key, text.into(), options).await?;
        Ok(Seen { there: true, etag: info.etag, serial })
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
