//! What verbs write to standard output.

use crate::store::{Entry, ObjectInfo};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::{Duration, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes text; a reader that went away is an error, not a panic.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether somebody is watching.
pub fn interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// The time of the last change, as RFC 3339.
pub fn modified(info: &ObjectInfo) -> Option<String> {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(info.modified?))?;
    OffsetDateTime::from(time).format(&Rfc3339).ok()
}

/// What is known of an object, for programs.
pub fn info(key: &str, info: &ObjectInfo) -> Value {
    let metadata: serde_json::Map<String, Value> =
        info.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "key": key, "size": info.size, "etag": info.etag, "modified": modified(info),
        "content_type": info.content_type, "metadata": metadata,
    })
}

/// One object of a listing: a line of text, or of JSON.
#[derive(Clone, Copy)]
pub struct Form {
    /// As JSON.
    pub json: bool,
    /// With size, time and etag.
    pub long: bool,
    /// Ended by NUL, and the key as it is.
    pub nul: bool,
}

impl Form {
    /// Writes it.
    pub fn print(self, entry: &Entry) -> std::io::Result<()> {
        let Entry { key, info: known } = entry;
        if self.json {
            return print(&format!("{}\n", info(key, known)));
        }
        let (shown, end) = if self.nul { (key.clone(), '\0') } else { (line(key), '\n') };
        if !self.long {
            return print(&format!("{shown}{end}"));
        }
        let size = known.size.map_or("?".to_owned(), |size| size.to_string());
        let time = modified(known).unwrap_or_default();
        let etag = known.etag.as_deref().unwrap_or_default();
        print(&format!("{size:>14}  {time:<24}  {etag:<36}  {shown}{end}"))
    }
}

/// A key as one line of text.
pub fn line(key: &str) -> String {
    match key.chars().any(char::is_control) {
        true => key.escape_debug().to_string(),
        false => key.to_owned(),
    }
}
