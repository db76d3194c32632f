//! The writer thread. Changes that wait for it share a transaction and its fsync;
//! each one succeeds or fails alone.

use super::copying::{self, CopyRequest};
use super::guard::Guarded;
use super::metadata::keep;
use super::query;
use super::rows::{check_size, objects, taken};
use super::schema::Database;
use crate::spool::Body;
use rusqlite::{Connection, blob::ZeroBlob, params};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use storage_store::chunk_size::CHUNK;
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions, Result, check_write};
use tokio::sync::oneshot;

/// A transaction takes no more changes once it has this many, or this many bytes.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// After a batch larger than this, the log is truncated at once.
const LARGE: u64 = 64 * 1024 * 1024;

/// A change to the database.
pub(super) enum Change {
    Put(String, Body, PutOptions),
    /// Copies the bytes of one row to another.
    Copy(CopyRequest, PutOptions),
    Delete(String, DeleteOptions),
    /// Ends the thread after all earlier changes.
    Close,
}

impl Change {
    fn bytes(&self) -> u64 {
        match self {
            Change::Put(_, body, _) => body.len(),
            Change::Copy(copy, _) => copy.size,
            Change::Delete(..) | Change::Close => 0,
        }
    }
}

struct Job {
    change: Change,
    answer: oneshot::Sender<Result<ObjectInfo>>,
}

/// Sends changes to the writer thread.
pub(super) struct Queue {
    jobs: Sender<Job>,
}

impl Queue {
    /// Starts the writer thread.
    pub(super) fn start(database: Arc<Database>, connection: Guarded) -> Result<Self> {
        let (jobs, waiting) = channel();
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(&database, connection, &waiting))
            .map_err(|e| Error::Unavailable(format!("no thread for a database: {e}")))?;
        Ok(Self { jobs })
    }

    /// Applies a change. It is committed when this returns.
    pub(super) async fn submit(&self, change: Change) -> Result<ObjectInfo> {
        let (answer, result) = oneshot::channel();
        let closed = || Error::Unavailable("the store is closed".to_owned());
        self.jobs.send(Job { change, answer }).map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }
}

fn run(database: &Database, connection: Guarded, waiting: &Receiver<Job>) {
    let mut next = waiting.recv().ok();
    while let Some(job) = next.take() {
        let mut bytes = job.change.bytes();
        let mut batch = vec![job];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(job) = waiting.try_recv() else { break };
            bytes = bytes.saturating_add(job.change.bytes());
            batch.push(job);
        }
        let close = batch.iter().position(|job| matches!(job.change, Change::Close));
        let after = close.map(|at| batch.split_off(at));
        commit(database, &connection, batch);
        if bytes > LARGE {
            // Best effort: a reader of an older version may still need the log.
            let _ = connection.busy_timeout(std::time::Duration::ZERO);
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            let _ = connection.busy_timeout(database.busy_timeout);
        }
        if let Some(closing) = after {
            let result = finish(database, connection);
            for job in closing {
                let _ = job.answer.send(match job.change {
                    Change::Close => result.clone(),
                    _ => Err(Error::Unavailable("the store is closed".to_owned())),
                });
            }
            return;
        }
        next = waiting.recv().ok();
    }
}

fn finish(database: &Database, connection: Guarded) -> Result<ObjectInfo> {
    // Every commit is durable already; this only leaves a single file.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.close().map_err(|e| database.error(None, &e))?;
    Ok(ObjectInfo::default())
}

fn commit(database: &Database, connection: &Guarded, batch: Vec<Job>) {
    let results = transaction(database, connection, &batch);
    let results = match results {
        Ok(results) => results,
        Err(error) if batch.len() == 1 => vec![Err(error)],
        // One bad change (say, too large for the disk) must not fail the others, so
        // retry each alone.
        Err(_) => batch
            .chunks(1)
            .map(|job| {
                transaction(database, connection, job)
                    .and_then(|mut results| results.pop().unwrap_or(Ok(ObjectInfo::default())))
            })
            .collect(),
    };
    for (job, result) in batch.into_iter().zip(results) {
        // The caller may have gone away.
        let _ = job.answer.send(result);
    }
}

/// Applies a batch in one transaction and returns a result for each change. If this
/// fails as a whole, nothing was changed.
fn transaction(
    database: &Database,
    connection: &Guarded,
    batch: &[Job],
) -> Result<Vec<Result<ObjectInfo>>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let fail = |e: rusqlite::Error| database.error(None, &e);
    connection.renew();
    connection.execute_batch("BEGIN IMMEDIATE").map_err(fail)?;
    let guard = Rollback(connection);
    let mut results = Vec::with_capacity(batch.len());
    for job in batch {
        connection.renew();
        connection.execute_batch("SAVEPOINT change").map_err(fail)?;
        let result = change(database, connection, &job.change);
        if result.is_err() {
            if connection.is_autocommit() {
                // A full disk aborts the whole transaction.
                return result.map(|_| Vec::new());
            }
            connection.execute_batch("ROLLBACK TO change").map_err(fail)?;
        }
        connection.execute_batch("RELEASE change").map_err(fail)?;
        results.push(result);
    }
    connection.renew();
    connection.execute_batch("COMMIT").map_err(fail)?;
    drop(guard);
    Ok(results)
}

/// Rolls back a transaction that an error left open.
struct Rollback<'a>(&'a Connection);

impl Drop for Rollback<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

fn change(database: &Database, connection: &Connection, change: &Change) -> Result<ObjectInfo> {
    match change {
        Change::Put(key, body, options) => put(database, connection, key, body, options),
        Change::Copy(copy, options) => copying::copy(database, connection, copy, options),
        Change::Delete(key, options) => {
            if options.if_match.is_some() {
                let found = query::find(database, connection, key)?.ok_or(Error::NotFound)?;
                if found.info.etag != options.if_match {
                    return Err(Error::PreconditionFailed);
                }
            }
            let removed = connection
                .prepare_cached(concat!("DELETE FROM objects WHERE key = ?1 AND ", objects!()))
                .and_then(|mut statement| statement.execute([key]))
                .map_err(|e| database.error(Some(key), &e))?;
            if removed == 0 { Err(Error::NotFound) } else { Ok(ObjectInfo::default()) }
        }
        Change::Close => Ok(ObjectInfo::default()),
    }
}

fn put(
    database: &Database,
    connection: &Connection,
    key: &str,
    body: &Body,
    options: &PutOptions,
) -> Result<ObjectInfo> {
    let fail = |e: rusqlite::Error| taken(database, key, &e);
    if options.if_absent || options.if_match.is_some() {
        let current = query::find(database, connection, key)?;
        check_write(options, current.as_ref().map(|found| &found.info))?;
    }
    check_size(database, key, body.len())?;
    let mut statement = connection
        .prepare_cached(concat!(
            "INSERT INTO objects (key, data) VALUES (?1, ?2) ON CONFLICT (key) \
             DO UPDATE SET data = excluded.data WHERE ",
            objects!(),
            " RETURNING rowid"
        ))
        .map_err(fail)?;
    match body {
        Body::Bytes(bytes) => {
            statement.query_row(params![key, bytes.as_ref()], |_| Ok(())).map_err(fail)?;
        }
        Body::Spool(file, length) => {
            let row: i64 = statement
                .query_row(params![key, ZeroBlob(*length)], |row| row.get(0))
                .map_err(fail)?;
            copy(database, connection, key, row, file, *length)?;
        }
    }
    keep(database, connection, key, options)
}

fn copy(
    database: &Database,
    connection: &Connection,
    key: &str,
    row: i64,
    file: &File,
    length: u64,
) -> Result<()> {
    let fail = |e: rusqlite::Error| database.error(Some(key), &e);
    let mut blob = connection.blob_open("main", "objects", "data", row, false).map_err(fail)?;
    let mut piece = vec![0; CHUNK];
    let mut at = 0;
    while at < length {
        let part = usize::try_from(length - at).unwrap_or(CHUNK).min(CHUNK);
        let part = piece.get_mut(..part).unwrap_or_default();
        file.read_exact_at(part, at).map_err(|e| {
            Error::Unavailable(format!("{}, key {key:?}: its spool file: {e}", database.shown))
        })?;
        blob.write_at(part, usize::try_from(at).unwrap_or(usize::MAX)).map_err(fail)?;
        at += part.len() as u64;
    }
    blob.close().map_err(fail)
}
