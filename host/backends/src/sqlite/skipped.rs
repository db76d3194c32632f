//! Rows that are not objects: listings leave them out and report them on request.

use super::rows::is_object;
use super::schema::Database;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use storage_contract::skipped::why_no_key;
use storage_store::{ListOptions, PAGE_LIMIT, Page, Result, Skipped};

/// Rows examined for one page, so that it ends in time even if none match.
const LOOKED_AT: usize = 50_000;

/// A page of skipped rows, ordered by row id; the page token is the last id.
pub(super) fn list(
    database: &Database,
    connection: &Connection,
    options: &ListOptions,
) -> Result<Page> {
    let fail = |e: rusqlite::Error| database.error(None, &e);
    let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
    let after = options.start_after.as_deref().and_then(|after| after.parse().ok());
    let after: i64 = after.unwrap_or(i64::MIN);
    // The first page starts with the least possible row id, inclusive.
    let comparison = if options.start_after.is_none() { ">=" } else { ">" };
    let sql = format!(
        "SELECT o.rowid, o.key, typeof(o.data) FROM objects o WHERE o.rowid {comparison} ?1 \
         ORDER BY o.rowid"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(fail)?;
    let mut rows = statement.query([after]).map_err(fail)?;
    let mut skipped = Vec::new();
    let mut last = after;
    let mut looked_at = 0;
    while let Some(row) = rows.next().map_err(fail)? {
        if skipped.len() == limit || looked_at == LOOKED_AT {
            return Ok(Page::of_skipped(skipped, Some(last.to_string())));
        }
        looked_at += 1;
        last = row.get(0).map_err(fail)?;
        let kind = row.get_ref(2).map_err(fail)?.as_str().unwrap_or_default();
        skipped.extend(why(row.get_ref(1).map_err(fail)?, kind, options.prefix.as_bytes()));
    }
    Ok(Page::of_skipped(skipped, None))
}

/// Why a row is not an object; `None` if it is one or lacks the prefix.
fn why(key: ValueRef<'_>, kind: &str, prefix: &[u8]) -> Option<Skipped> {
    let text = |text: String, of: &str| {
        let wanted = prefix.is_empty();
        wanted.then(|| Skipped { entry: text, reason: format!("its key is {of}, not text") })
    };
    let bytes = match key {
        ValueRef::Null => return text("NULL".to_owned(), "NULL"),
        ValueRef::Integer(number) => return text(number.to_string(), "an integer"),
        ValueRef::Real(number) => return text(number.to_string(), "a number"),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
    };
    if !bytes.starts_with(prefix) {
        return None;
    }
    let data = || {
        let kind = if kind == "null" { "NULL".to_owned() } else { format!("of the type {kind}") };
        format!("its data is {kind}, neither bytes nor text")
    };
    let reason = match key {
        ValueRef::Blob(_) => Some("its key is bytes, not text".to_owned()),
        _ => why_no_key(bytes).or_else(|| (!is_object(kind)).then(data)),
    };
    Some(Skipped::new(bytes, reason?))
}
