//! What listings leave out, and its printable names.

use crate::store::Store;
use crate::types::{Entry, Error, ListOptions, MAX_KEY_BYTES, Page, Result};
use std::fmt::Write;

pub use crate::types::Skipped;

/// The longest name to show in full, in bytes.
pub const MAX_SHOWN_BYTES: usize = 1_024;

impl Skipped {
    /// An entry with these bytes as its name.
    pub fn new(name: &[u8], reason: impl Into<String>) -> Self {
        Self { entry: printable(name), reason: reason.into() }
    }
}

/// A name as text on one line that identifies its bytes: a backslash becomes `\\`,
/// a control character `\n` or `\u{1}`, a byte that is not UTF-8 `\xff`. A long
/// name is cut and ends with `\…`.
pub fn printable(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len().min(MAX_SHOWN_BYTES));
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => text.extend(c.escape_debug()),
                c => text.push(c),
            }
            if text.len() > MAX_SHOWN_BYTES {
                text.push_str("\\…");
                return text;
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string can't fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
        if text.len() > MAX_SHOWN_BYTES {
            text.push_str("\\…");
            return text;
        }
    }
    text
}

/// The inverse of [`printable`]. `None` if the bytes are not UTF-8 or the name was
/// cut.
pub fn plain(entry: &str) -> Option<String> {
    let mut text = String::with_capacity(entry.len());
    let mut rest = entry;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut after = after.chars();
        text.push(match after.next()? {
            '\\' => '\\',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            'u' => {
                let (digits, more) = after.as_str().strip_prefix('{')?.split_once('}')?;
                after = more.chars();
                char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
            }
            _ => return None,
        });
        rest = after.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// Why these bytes can't be a key; `None` if they can.
pub fn why_no_key(name: &[u8]) -> Option<String> {
    Some(match std::str::from_utf8(name) {
        Err(_) => "its name is not UTF-8".to_owned(),
        Ok("") => "its key is empty".to_owned(),
        Ok(key) if key.contains('\0') => "its key holds NUL".to_owned(),
        Ok(key) if key.len() > MAX_KEY_BYTES => {
            format!("its key has more than {MAX_KEY_BYTES} bytes")
        }
        Ok(_) => return None,
    })
}

/// Prefixes of page tokens. A listing of skipped entries first covers the base's
/// objects, then what the base itself skips.
const OBJECTS: char = 'o';
const BASE: char = 's';

/// A page of what a decorator leaves out: first the objects of its base that `hide`
/// returns, then what the base leaves out, as converted by `show`.
///
/// `options` are those for the base, except that `start_after` is the caller's.
pub fn hidden(
    base: &dyn Store,
    options: &ListOptions,
    mut hide: impl FnMut(&Entry) -> Result<Option<Skipped>>,
    mut show: impl FnMut(Skipped) -> Result<Option<Skipped>>,
) -> Result<Page> {
    let (own, start_after) = match options.start_after.as_deref() {
        None => (true, None),
        Some(token) => parse(token)?,
    };
    let inner = ListOptions { start_after, skipped: !own, ..options.clone() };
    let page = base.list(&inner)?;
    let mut skipped = Vec::new();
    if own {
        for entry in &page.entries {
            skipped.extend(hide(entry)?);
        }
        let next = page.next.map_or(BASE.to_string(), |next| format!("{OBJECTS}{next}"));
        return Ok(Page::of_skipped(skipped, Some(next)));
    }
    for entry in page.skipped {
        skipped.extend(show(entry)?);
    }
    Ok(Page::of_skipped(skipped, page.next.map(|next| format!("{BASE}{next}"))))
}

/// The same for a decorator that hides at most one object of its base.
pub fn one_and_base(
    base: &dyn Store,
    options: &ListOptions,
    one: impl FnOnce() -> Result<Option<Skipped>>,
    show: impl Fn(Skipped) -> Skipped,
) -> Result<Page> {
    let start_after = match options.start_after.as_deref() {
        None => match one()? {
            Some(one) => return Ok(Page::of_skipped(vec![one], Some(BASE.to_string()))),
            None => None,
        },
        Some(token) => parse(token)?.1,
    };
    let page = base.list(&ListOptions { start_after, ..options.clone() })?;
    let skipped = page.skipped.into_iter().map(show).collect();
    Ok(Page::of_skipped(skipped, page.next.map(|next| format!("{BASE}{next}"))))
}

fn parse(token: &str) -> Result<(bool, Option<String>)> {
    let own = token.starts_with(OBJECTS);
    match token.strip_prefix([OBJECTS, BASE]) {
        Some(rest) => Ok((own, (!rest.is_empty()).then(|| rest.to_owned()))),
        None => Err(Error::Unsupported(
            "what a listing leaves out goes on only after the token of a page".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_which_its_bytes_can_be_told() {
        assert_eq!(printable("é/ü x".as_bytes()), "é/ü x");
        assert_eq!(printable(b"a\\b\nc\x01\xff\xc3"), "a\\\\b\\nc\\u{1}\\xff\\xc3");
        assert_eq!(printable(b"a\0b"), "a\\0b");
        assert!(printable(&[0xff; 5_000]).len() < 2 * MAX_SHOWN_BYTES);
        let long = printable(&vec![b'x'; 5_000]);
        assert!(long.len() < MAX_SHOWN_BYTES + 8 && long.ends_with("x\\…"), "{long}");
    }

    #[test]
    fn text_comes_back_and_what_is_none_does_not() {
        for text in ["", "a/é", "\\", "\\n", "a\nb\tc\rd\0e\u{1}\u{85}f\\u{1}", "\"'"] {
            assert_eq!(plain(&printable(text.as_bytes())).as_deref(), Some(text));
        }
        assert_eq!(plain(&printable(b"a\xff")), None);
        assert_eq!(plain(&printable(&[b'x'; 5_000])), None);
    }

    #[test]
    fn what_no_key_can_be_has_a_reason() {
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        for name in [b"".as_slice(), b"a\0", b"\xff", long.as_bytes()] {
            assert!(why_no_key(name).is_some(), "{name:?}");
        }
        assert_eq!(why_no_key("é".as_bytes()), None);
    }
}
