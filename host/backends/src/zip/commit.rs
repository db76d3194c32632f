//! The writer thread. Waiting puts share a sync of the journal, which is merged
//! into the archive when writes pause or when it is large.

use super::archive_path::Lock;
use super::directory::Entries;
use super::extra_field::ExtraField;
use super::journal::Journal;
use super::merge::{fixed, merge};
use super::record::Record;
use super::view::{Shared, View};
use crate::spool::Body;
use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storage_store::{Error, ObjectInfo, PutOptions, Result, check_write};
use tokio::sync::oneshot;

/// The most puts that share a sync.
const BATCH: usize = 256;

/// The journal is merged after this long without a put (longer if merges take long)
/// …
const QUIET: Duration = Duration::from_secs(1);

/// … at the latest after this many times as long …
const PATIENCE: u32 = 30;

/// … or when it has this many bytes and half of the archive's size, so that a byte
/// is copied only a few times however large the archive grows.
const MUCH: u64 = 64 * 1024 * 1024;

struct Job {
    key: String,
    body: Body,
    options: PutOptions,
    answer: oneshot::Sender<Result<ObjectInfo>>,
}

enum Work {
    Put(Job),
    Harden(oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<Result<()>>),
}

/// Sends work to the writer thread.
pub(super) struct Queue {
    work: Sender<Work>,
}

fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}

impl Queue {
    /// Becomes the writer: merges what the last writer left, and starts the thread.
    pub(super) fn start(shared: Arc<Shared>, lock: Lock) -> Result<Self> {
        // The file that a killed process was creating.
        let _ = std::fs::remove_file(shared.place.making());
        {
            let mut view = shared.write();
            view.refresh(&shared.place)?;
            view.own();
        }
        merge(&shared)?;
        let (work, waiting) = channel();
        std::thread::Builder::new()
            .name("zip-writer".to_owned())
            .spawn(move || run(&shared, lock, &waiting))
            .map_err(|e| Error::Unavailable(format!("no thread for an archive: {e}")))?;
        Ok(Self { work })
    }

    /// Adds an object. It is in the journal when this returns, and synced with
    /// `durable`.
    pub(super) async fn put(
        &self,
        key: String,
        body: Body,
        options: PutOptions,
    ) -> Result<ObjectInfo> {
        let (answer, result) = oneshot::channel();
        let job = Job { key, body, options, answer };
        self.work.send(Work::Put(job)).map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }

    /// Makes durable what was written before durability was requested. Blocks.
    pub(super) fn harden(&self) -> Result<()> {
        let (answer, result) = oneshot::channel();
        self.work.send(Work::Harden(answer)).map_err(|_| closed())?;
        result.blocking_recv().map_err(|_| closed())?
    }

    /// Merges everything into the archive and ends the thread.
    pub(super) async fn close(&self) -> Result<()> {
        let (answer, result) = oneshot::channel();
        self.work.send(Work::Close(answer)).map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }
}

fn run(shared: &Shared, lock: Lock, waiting: &Receiver<Work>) {
    let mut journal = None;
    let mut quiet = QUIET;
    let mut merged = Instant::now();
    loop {
        let first = match waiting.recv_timeout(quiet) {
            Ok(work) => work,
            Err(RecvTimeoutError::Timeout) => {
                quiet = gather(shared, &mut journal);
                merged = Instant::now();
                continue;
            }
            // The store was dropped without being closed.
            Err(RecvTimeoutError::Disconnected) => {
                gather(shared, &mut journal);
                return;
            }
        };
        let mut batch = Vec::new();
        let (mut close, mut harden) = (None, None);
        let mut next = Some(first);
        while let Some(work) = next {
            match work {
                Work::Put(job) => batch.push(job),
                Work::Harden(answer) => {
                    harden = Some(answer);
                    break;
                }
                Work::Close(answer) => {
                    close = Some(answer);
                    break;
                }
            }
            next = if batch.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        commit(shared, &mut journal, batch);
        if let Some(answer) = harden {
            let _ = answer.send(make_durable(shared, &mut journal));
        }
        if let Some(answer) = close {
            let result = merge(shared);
            drop(lock);
            let _ = answer.send(result);
            return;
        }
        let waits = journal.as_ref().is_some_and(|journal| journal.end > much(shared));
        if waits || merged.elapsed() > quiet * PATIENCE {
            quiet = gather(shared, &mut journal);
            merged = Instant::now();
        }
    }
}

fn much(shared: &Shared) -> u64 {
    shared.current().map_or(MUCH, |view| MUCH.max(view.directory.start / 2))
}

/// Merges everything and syncs the archive. The next journal is durable from its
/// first byte.
fn make_durable(shared: &Shared, journal: &mut Option<Journal>) -> Result<()> {
    merge(shared)?;
    *journal = None;
    let place = &shared.place;
    let synced = File::open(&place.path).and_then(|archive| archive.sync_all());
    synced.and_then(|()| place.sync_folder()).map_err(|e| place.io(&e))
}

/// Merges. Returns how long to wait for a pause before the next merge.
fn gather(shared: &Shared, journal: &mut Option<Journal>) -> Duration {
    let start = Instant::now();
    match merge(shared) {
        Ok(()) => {
            *journal = None;
            QUIET.max(start.elapsed() * 10)
        }
        Err(error) => {
            tracing::warn!(target: "storage", archive = shared.place.shown, %error,
                "what was put stays in the journal; it goes into the archive later");
            QUIET * 30
        }
    }
}

/// Appends a batch to the journal. Its objects become readable once it is durable,
/// not before.
fn commit(shared: &Shared, journal: &mut Option<Journal>, batch: Vec<Job>) {
    if batch.is_empty() {
        return;
    }
    let begin = journal.as_ref().map(|journal| journal.end);
    let mut fresh = Entries::new();
    let mut results = Vec::with_capacity(batch.len());
    for Job { key, body, options, answer } in batch {
        let result = append(shared, journal, &mut fresh, key, &body, options);
        results.push((answer, result));
    }
    let synced = match journal.as_ref() {
        Some(journal) => journal.sync(&shared.place),
        None => Ok(()),
    };
    match (&synced, journal) {
        (Ok(()), Some(journal)) => {
            let mut view = shared.write();
            // Not `append`, which rebuilds the whole map; that may hold a million.
            view.waiting.extend(fresh);
            view.journal = Some(journal.file.clone());
        }
        (Err(_), Some(journal)) => journal.cut(begin),
        (_, None) => {}
    }
    for (answer, result) in results {
        // The caller may have gone away.
        let _ = answer.send(synced.clone().and(result));
    }
}

fn append(
    shared: &Shared,
    journal: &mut Option<Journal>,
    fresh: &mut Entries,
    key: String,
    body: &Body,
    options: PutOptions,
) -> Result<ObjectInfo> {
    let place = &shared.place;
    {
        let view = shared.current()?;
        if let Some(why) = view.directory.fixed {
            return Err(fixed(place, why));
        }
        if fresh.contains_key(&key) {
            return Err(Error::AlreadyExists);
        }
        check(&view, &key, &options)?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let kept = ExtraField::new(options, modified);
    Record { key: &key, size: body.len(), crc: 0, modified, kept: &kept }.check()?;
    let journal = match journal {
        Some(journal) => journal,
        none => none.insert(Journal::create(place)?),
    };
    let entry = journal.append(place, &key, body, kept)?;
    let info = entry.info();
    fresh.insert(key, entry);
    Ok(info)
}

/// Checks that the key may be written: never if it has an object.
pub(super) fn check(view: &View, key: &str, options: &PutOptions) -> Result<()> {
    let current = view.find(key).map(|found| found.entry.info());
    check_write(options, current.as_ref())?;
    if current.is_some() { Err(Error::AlreadyExists) } else { Ok(()) }
}
