//! Output to standard output and standard error.

use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::{Duration, UNIX_EPOCH};
use storage_store::{Entry, ObjectInfo};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes a line to standard error; ignores failures.
macro_rules! tell {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}
pub(crate) use tell;

/// Writes text to standard output. A closed pipe is an error, not a panic.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether standard error is a terminal.
pub fn interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// The time of the last change, as RFC 3339.
pub fn modified(info: &ObjectInfo) -> Option<String> {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(info.modified?))?;
    OffsetDateTime::from(time).format(&Rfc3339).ok()
}

/// An object's metadata as JSON.
pub fn info(key: &str, info: &ObjectInfo) -> Value {
    let metadata: serde_json::Map<String, Value> =
        info.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "key": key, "size": info.size, "etag": info.etag, "modified": modified(info),
        "content_type": info.content_type, "metadata": metadata,
    })
}

/// The format of listed objects.
#[derive(Clone, Copy)]
pub struct Form {
    /// As JSON, one line each.
    pub json: bool,
    /// With size, time and etag.
    pub long: bool,
    /// With the key unescaped and ended by NUL.
    pub nul: bool,
}

impl Form {
    /// Prints an object.
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

    /// Prints a folder, whose name ends with a `/`.
    pub fn print_folder(self, folder: &str) -> std::io::Result<()> {
        if self.json {
            return print(&format!("{}\n", json!({"prefix": folder})));
        }
        let indent = if self.long { 14 + 2 + 24 + 2 + 36 + 2 } else { 0 };
        print(&format!("{:indent$}{}\n", "", line(folder)))
    }
}

/// Formats bytes like `du -h`: in the largest unit of 1,024, with a decimal
/// below 10.
pub fn human(bytes: u64) -> String {
    let mut units = "KMGTPE".chars();
    let (mut value, mut unit) = (bytes as f64, None);
    while value >= 1024.0
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = Some(next);
    }
    match unit {
        None => bytes.to_string(),
        Some(unit) if value < 10.0 => format!("{value:.1}{unit}"),
        Some(unit) => format!("{value:.0}{unit}"),
    }
}

/// A key on one line, with control characters escaped.
pub fn line(key: &str) -> String {
    match key.chars().any(char::is_control) {
        true => key.escape_debug().to_string(),
        false => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn bytes_for_people_have_a_unit_and_few_digits() {
        for (bytes, shown) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (10 << 20, "10M"),
            (5 << 40, "5.0T"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(human(bytes), shown);
        }
    }
}
