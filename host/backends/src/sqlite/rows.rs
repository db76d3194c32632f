//! Rows: which are objects, and what is written beside them.

use super::schema::{Database, MAX_ROW_BYTES, too_big};
use storage_store::{Error, Result};

/// The SQL condition that a row is an object.
macro_rules! objects {
    () => {
        "typeof(objects.data) IN ('blob', 'text')"
    };
}
pub(super) use objects;

/// Whether data of this type can be an object.
pub(super) fn is_object(kind: &str) -> bool {
    matches!(kind, "blob" | "text")
}

/// Rejects an object that is too large for a row.
pub(super) fn check_size(database: &Database, key: &str, size: u64) -> Result<()> {
    // The row's header and the key count too.
    if size.saturating_add(key.len() as u64 + 64) > MAX_ROW_BYTES {
        return Err(Error::LimitExceeded(too_big(&format!("{}, key {key:?}", database.shown))));
    }
    Ok(())
}

/// Converts the error of a write. If no row was written, the key has a row that is
/// not an object.
pub(super) fn taken(database: &Database, key: &str, error: &rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Error::InvalidKey(format!(
            "{}: the row of {key:?} holds NULL or a number, which is no object, and is not \
             replaced; remove it with another program, or take another key",
            database.shown
        )),
        error => database.error(Some(key), error),
    }
}
