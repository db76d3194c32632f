//! Lookups and listings, on any connection.

use super::rows::{is_object, objects};
use super::schema::Database;
use super::skipped;
use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use storage_store::{
    Entry, Error, ListOptions, Metadata, ObjectInfo, PAGE_LIMIT, Page, Result, check_key,
};

/// An object: its info, and its row id for incremental access.
pub(super) struct Found {
    pub(super) info: ObjectInfo,
    pub(super) row: i64,
    /// SQLite's name for the type of its data.
    pub(super) kind: &'static str,
}

impl Found {
    /// Whether its data is bytes or text.
    pub(super) fn is_object(&self) -> bool {
        is_object(self.kind)
    }
}

// octet_length and typeof don't read the data itself.
const COLUMNS: &str = "o.rowid, octet_length(o.data), m.version, m.modified, m.etag, \
    m.content_type, m.metadata, o.key, typeof(o.data)";
const FROM: &str = "FROM objects o LEFT JOIN storage_metadata m ON m.key = o.key";

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let id: i64 = row.get(0)?;
    let size: Option<i64> = row.get(1)?;
    let size = u64::try_from(size.unwrap_or(0)).unwrap_or(0);
    let version: Option<String> = row.get(2)?;
    let etag: Option<String> = row.get(4)?;
    let modified: Option<i64> = row.get(3)?;
    let metadata: Option<String> = row.get(6)?;
    // A row without metadata is older than the triggers and has not changed since:
    // row id and size distinguish it from every later version.
    let etag = etag.unwrap_or_else(|| match version {
        Some(version) => format!("{version}-1"),
        None => format!("row-{id:x}-{size:x}-1"),
    });
    let info = ObjectInfo {
        size: Some(size),
        etag: Some(etag),
        modified: modified.and_then(|m| u64::try_from(m).ok()),
        content_type: row.get(5)?,
        metadata: metadata
            .and_then(|text| serde_json::from_str::<Metadata>(&text).ok())
            .unwrap_or_default(),
    };
    let kind = match row.get_ref(8)?.as_str()? {
        "blob" => "blob",
        "text" => "text",
        "integer" => "integer",
        "real" => "real",
        _ => "null",
    };
    Ok(Found { info, row: id, kind })
}

/// The row of a key, even if it is not an object; `None` if there is none.
pub(super) fn find(
    database: &Database,
    connection: &Connection,
    key: &str,
) -> Result<Option<Found>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} {FROM} WHERE o.key = ?1"))
        .and_then(|mut statement| statement.query_row([key], found).optional())
        .map_err(|e| database.error(Some(key), &e))
}

/// The object of a key together with its bytes; `None` for bytes if there are more than
/// `most`, or what is there is text or no object.
pub(super) fn get(
    database: &Database,
    connection: &Connection,
    key: &str,
    most: u64,
) -> Result<(ObjectInfo, Option<Bytes>)> {
    let sql = format!(
        "SELECT {COLUMNS}, CASE WHEN typeof(o.data) = 'blob' AND octet_length(o.data) <= {most} \
         THEN o.data END {FROM} WHERE o.key = ?1"
    );
    let read = |row: &Row<'_>| {
        let data = match row.get_ref(9)? {
            ValueRef::Blob(data) => Some(Bytes::copy_from_slice(data)),
            _ => None,
        };
        Ok((found(row)?.info, data))
    };
    connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([key], read).optional())
        .map_err(|e| database.error(Some(key), &e))?
        .ok_or(Error::NotFound)
}

/// Whether a key has an object.
pub(super) fn exists(database: &Database, connection: &Connection, key: &str) -> Result<bool> {
    connection
        .prepare_cached(concat!("SELECT 1 FROM objects WHERE key = ?1 AND ", objects!()))
        .and_then(|mut statement| statement.exists([key]))
        .map_err(|e| database.error(Some(key), &e))
}

/// A page of the listing. Leaves out rows that are not objects; see
/// [`skipped`](super::skipped).
pub(super) fn list(
    database: &Database,
    connection: &Connection,
    options: &ListOptions,
) -> Result<Page> {
    if options.skipped {
        return skipped::list(database, connection, options);
    }
    let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
    let prefix = options.prefix.as_str();
    let (comparison, from) = match options.start_after.as_deref() {
        Some(after) if after >= prefix => (">", after),
        _ => (">=", prefix),
    };
    let fail = |e: rusqlite::Error| database.error(None, &e);
    let sql = format!(
        "SELECT {COLUMNS} {FROM} WHERE o.key {comparison} ?1 AND typeof(o.key) = 'text' ORDER BY o.key"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(fail)?;
    let mut rows = statement.query([from]).map_err(fail)?;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(row) = rows.next().map_err(fail)? {
        let ValueRef::Text(bytes) = row.get_ref(7).map_err(fail)? else { continue };
        if !bytes.starts_with(prefix.as_bytes()) {
            break;
        }
        let Ok(key) = std::str::from_utf8(bytes) else { continue };
        if check_key(key).is_err() {
            continue;
        }
        let found = found(row).map_err(fail)?;
        if !found.is_object() {
            continue;
        }
        if entries.len() == limit {
            let next = entries.last().map(|e| e.key.clone());
            return Ok(Page::of(entries, next));
        }
        entries.push(Entry { key: key.to_owned(), info: found.info });
    }
    Ok(Page::of(entries, None))
}
