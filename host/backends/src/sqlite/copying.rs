//! Copies of objects within the database.

use super::metadata::keep;
use super::query;
use super::rows::{check_size, objects, taken};
use super::schema::Database;
use rusqlite::blob::ZeroBlob;
use rusqlite::{Connection, params};
use storage_store::chunk_size::CHUNK;
use storage_store::{Error, ObjectInfo, PutOptions, Result, check_write};

/// The source and target of a copy.
pub(super) struct CopyRequest {
    pub(super) from: String,
    /// The etag that the source must have.
    pub(super) etag: String,
    /// Differs from `from`.
    pub(super) to: String,
    pub(super) size: u64,
}

/// Copies within the open transaction. `NotFound` if the source has another etag or
/// size by now.
pub(super) fn copy(
    database: &Database,
    connection: &Connection,
    request: &CopyRequest,
    options: &PutOptions,
) -> Result<ObjectInfo> {
    let CopyRequest { from, etag, to, size } = request;
    let fail = |e: rusqlite::Error| taken(database, to, &e);
    let source = query::find(database, connection, from)?.filter(query::Found::is_object);
    let source = source.ok_or(Error::NotFound)?;
    if source.info.etag.as_ref() != Some(etag) || source.info.size != Some(*size) {
        return Err(Error::NotFound);
    }
    if options.if_absent || options.if_match.is_some() {
        let current = query::find(database, connection, to)?;
        check_write(options, current.as_ref().map(|found| &found.info))?;
    }
    check_size(database, to, *size)?;
    // Text rows of the Python library become bytes, as they would if read and
    // written.
    const WHOLE: &str = concat!(
        "INSERT INTO objects (key, data) \
         SELECT ?1, CAST(data AS BLOB) FROM objects WHERE rowid = ?2 ON CONFLICT (key) \
         DO UPDATE SET data = excluded.data WHERE ",
        objects!(),
        " RETURNING rowid"
    );
    const EMPTY: &str = concat!(
        "INSERT INTO objects (key, data) VALUES (?1, ?2) ON CONFLICT (key) \
         DO UPDATE SET data = excluded.data WHERE ",
        objects!(),
        " RETURNING rowid"
    );
    if *size <= CHUNK as u64 {
        connection
            .prepare_cached(WHOLE)
            .and_then(|mut s| s.query_row(params![to, source.row], |_| Ok(())))
            .map_err(fail)?;
    } else {
        let row: i64 = connection
            .prepare_cached(EMPTY)
            .and_then(|mut s| s.query_row(params![to, ZeroBlob(*size)], |row| row.get(0)))
            .map_err(fail)?;
        pieces(connection, source.row, row).map_err(fail)?;
    }
    keep(database, connection, to, options)
}

/// Copies in pieces, so that a large object is never whole in memory.
fn pieces(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<()> {
    let open = |row, read_only| connection.blob_open("main", "objects", "data", row, read_only);
    let (source, mut target) = (open(from, true)?, open(to, false)?);
    let mut piece = vec![0; CHUNK];
    let (mut at, size) = (0, source.size().unsigned_abs() as usize);
    while at < size {
        let part = piece.get_mut(..CHUNK.min(size - at)).unwrap_or_default();
        source.read_at_exact(part, at)?;
        target.write_at(part, at)?;
        at += part.len();
    }
    target.close()
}
