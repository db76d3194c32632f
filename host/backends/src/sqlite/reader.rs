//! Reads at once and streamed reads.
//!
//! A thread reads a large object with one transaction and one blob handle from
//! start to end, so it sees one version whatever is committed meanwhile. (Reopening
//! the handle for each piece would follow the object's chain of pages from the
//! start each time.) A stalled reader keeps the log from being truncated, but does
//! not block writers.

use super::pool::Pool;
use super::query;
use super::schema::Database;
use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::Connection;
use std::sync::Arc;
use storage_store::chunk_size::CHUNK;
use storage_store::{Error, MAX_INLINE_BYTES, ObjectInfo, ReadOptions, Reader, Result};
use tokio::sync::mpsc;

/// Objects of up to this many bytes are read by the query that finds them.
const SMALL: u64 = 64 * 1024;

/// Reads of up to this many bytes are held in memory, so that a slow client holds no
/// connection.
const HELD: u64 = 1024 * 1024;

/// The requested byte range of an object.
struct Part {
    info: ObjectInfo,
    row: i64,
    at: usize,
    end: usize,
}

fn look(
    database: &Database,
    connection: &Connection,
    key: &str,
    options: &ReadOptions,
) -> Result<Part> {
    connection.execute_batch("BEGIN").map_err(|e| database.error(Some(key), &e))?;
    let found = query::find(database, connection, key)?.ok_or(Error::NotFound)?;
    if !found.is_object() {
        return Err(Error::InvalidData(format!(
            "{}, key {key:?}: the value is {}, neither bytes nor text",
            database.shown, found.kind
        )));
    }
    options.check(&found.info)?;
    let (at, end) = options.range.unwrap_or_default().resolve(found.info.size.unwrap_or(0))?;
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    Ok(Part { info: found.info, row: found.row, at, end })
}

/// Reads a range in pieces of at most `size` bytes, until `take` returns false.
fn pieces(
    database: &Database,
    connection: &Connection,
    key: &str,
    part: &Part,
    size: usize,
    mut take: impl FnMut(Bytes) -> bool,
) -> Result<()> {
    let fail = |e: rusqlite::Error| match e.sqlite_error_code() {
        Some(_) => database.error(Some(key), &e),
        None => Error::Other(format!("{}, key {key:?}: {e}", database.shown)),
    };
    if part.at == part.end {
        return Ok(());
    }
    let blob = connection.blob_open("main", "objects", "data", part.row, true).map_err(fail)?;
    let mut at = part.at;
    while at < part.end {
        let mut piece = vec![0; size.min(part.end - at)];
        blob.read_at_exact(&mut piece, at).map_err(fail)?;
        at += piece.len();
        if !take(piece.into()) {
            break;
        }
    }
    Ok(())
}

/// Reads a small object or a range of it; `None` if it is not small.
pub(super) fn small(
    database: &Database,
    connection: &Connection,
    key: &str,
    options: &ReadOptions,
) -> Result<Option<(ObjectInfo, Bytes)>> {
    let (info, Some(data)) = query::get(database, connection, key, SMALL)? else {
        return Ok(None);
    };
    options.check(&info)?;
    let (at, end) = options.range.unwrap_or_default().resolve(data.len() as u64)?;
    let index = |at| usize::try_from(at).unwrap_or(usize::MAX);
    Ok(Some((info, data.slice(index(at)..index(end)))))
}

/// A reader of bytes that are here already.
pub(super) fn held(info: ObjectInfo, held: Bytes) -> Box<dyn Reader> {
    Box::new(BlobReader { info, held, left: 0, pieces: None })
}

/// Reads an object or a range of it at once. `LimitExceeded` above
/// [`MAX_INLINE_BYTES`].
pub(super) fn get(pool: &Pool, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Bytes)> {
    pool.with(|connection| {
        if let Some(found) = small(&pool.database, connection, key, options)? {
            return Ok(found);
        }
        let part = look(&pool.database, connection, key, options)?;
        let length = (part.end - part.at) as u64;
        if length > MAX_INLINE_BYTES {
            return Err(Error::LimitExceeded(format!(
                "{length} bytes are too many to read at once; stream them"
            )));
        }
        let mut data = Bytes::new();
        pieces(&pool.database, connection, key, &part, usize::MAX, |piece| {
            data = piece;
            true
        })?;
        Ok((part.info, data))
    })
}

/// Opens an object, or a range of it, for streaming.
pub(super) fn open(
    pool: &Arc<Pool>,
    key: String,
    options: &ReadOptions,
) -> Result<Box<dyn Reader>> {
    let connection = pool.take()?;
    let opened = look(&pool.database, &connection, &key, options);
    let part = match opened {
        Ok(part) => part,
        Err(error) => {
            pool.give(connection);
            return Err(error);
        }
    };
    let info = part.info.clone();
    if (part.end - part.at) as u64 <= HELD {
        let mut held = Bytes::new();
        let read = pieces(&pool.database, &connection, &key, &part, usize::MAX, |piece| {
            held = piece;
            true
        });
        pool.give(connection);
        read?;
        return Ok(self::held(info, held));
    }
    let left = part.end - part.at;
    let (sender, receiver) = mpsc::channel(1);
    let pool = pool.clone();
    // A thread of its own: a client may take hours, and the shared threads are few.
    std::thread::Builder::new()
        .name("sqlite-reader".to_owned())
        .spawn(move || {
            let read = pieces(&pool.database, &connection, &key, &part, CHUNK, |piece| {
                sender.blocking_send(Ok(piece)).is_ok()
            });
            pool.give(connection);
            if let Err(error) = read {
                let _ = sender.blocking_send(Err(error));
            }
        })
        .map_err(|e| Error::Unavailable(format!("no thread to read with: {e}")))?;
    Ok(Box::new(BlobReader { info, held: Bytes::new(), left, pieces: Some(receiver) }))
}

struct BlobReader {
    info: ObjectInfo,
    held: Bytes,
    /// Bytes still to come from the thread.
    left: usize,
    pieces: Option<mpsc::Receiver<Result<Bytes>>>,
}

#[async_trait]
impl Reader for BlobReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        if self.held.is_empty() && self.left > 0 {
            let received = match &mut self.pieces {
                Some(pieces) => pieces.recv().await,
                None => None,
            };
            // The length decides where the object ends: a thread that died must not
            // look like the end.
            let piece = received.ok_or_else(|| {
                Error::Unavailable("the reading thread ended before the object did".to_owned())
            })??;
            self.left = self.left.saturating_sub(piece.len());
            self.held = piece;
        }
        Ok(self.held.split_to(max.min(self.held.len())))
    }
}
