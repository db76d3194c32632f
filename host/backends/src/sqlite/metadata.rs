//! Metadata, in a table of its own.

use super::query;
use super::schema::Database;
use rusqlite::{Connection, params};
use storage_store::{Error, ObjectInfo, PutOptions, Result};

/// Stores etag, content type and user metadata for a row that was just written.
/// Returns the object's info.
pub(super) fn keep(
    database: &Database,
    connection: &Connection,
    key: &str,
    options: &PutOptions,
) -> Result<ObjectInfo> {
    let fail = |e: rusqlite::Error| database.error(Some(key), &e);
    let metadata = if options.metadata.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&options.metadata).map_err(|e| Error::Other(e.to_string()))?)
    };
    // The insert trigger creates the metadata row. If it is missing, someone
    // dropped the trigger.
    let updated = connection
        .prepare_cached(
            "UPDATE storage_metadata SET etag = ?2, content_type = ?3, metadata = ?4 WHERE key = ?1",
        )
        .and_then(|mut s| s.execute(params![key, options.etag, options.content_type, metadata]))
        .map_err(fail)?;
    if updated != 1 {
        return Err(Error::Other(format!(
            "{}: the triggers on \"objects\" were removed; reopen the store",
            database.shown
        )));
    }
    Ok(query::find(database, connection, key)?.ok_or(Error::NotFound)?.info)
}
