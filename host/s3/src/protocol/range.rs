//! Ranges of bytes.

use super::error::{Result, error};
use storage_store::ByteRange;

/// Reads a `Range` header (RFC 9110, section 14.2). `None`, as in S3, if it can't be used
/// and so the whole object is the answer: it names another unit or several ranges, or ends
/// before it begins.
pub fn parse(text: &str) -> Option<ByteRange> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => number(last).map(ByteRange::last),
        (first, "") => number(first).map(ByteRange::from),
        (first, last) => span(number(first)?, number(last)?),
    }
}

/// Reads the range of a copied part, which must be `bytes=FIRST-LAST`.
pub fn of_copy(text: &str) -> Result<ByteRange> {
    let range = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let range = range.and_then(|(first, last)| span(number(first)?, number(last)?));
    range.ok_or_else(|| {
        error!(InvalidArgument, "x-amz-copy-source-range is bytes=FIRST-LAST, and not {text:?}")
    })
}

fn span(first: u64, last: u64) -> Option<ByteRange> {
    let length = last.checked_sub(first)?.saturating_add(1);
    Some(ByteRange::span(first, length))
}

/// A number in digits alone. One that is too large is as far as anything reaches.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_used_or_ignored_as_in_s3() {
        for (text, range) in [
            ("bytes=0-0", Some(ByteRange::span(0, 1))),
            ("bytes=5-9", Some(ByteRange::span(5, 5))),
            ("Bytes = 5 - 9", Some(ByteRange::span(5, 5))),
            ("bytes=5-", Some(ByteRange::from(5))),
            ("bytes=-5", Some(ByteRange::last(5))),
            ("bytes=-0", Some(ByteRange::last(0))),
            ("bytes=0-99999999999999999999", Some(ByteRange::span(0, u64::MAX))),
            ("bytes=9-5", None),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
            ("bytes=+1-2", None),
            ("bytes=a-b", None),
            ("bytes=-", None),
            ("bytes", None),
            ("", None),
        ] {
            assert_eq!(parse(text), range, "{text}");
        }
    }

    #[test]
    fn the_range_of_a_copied_part_has_both_ends() {
        assert_eq!(of_copy("bytes=5-9").unwrap(), ByteRange::span(5, 5));
        for wrong in ["bytes=5-", "bytes=-5", "bytes=9-5", "5-9", "bytes=5-9,1-2", ""] {
            assert_eq!(of_copy(wrong).unwrap_err().code().name(), "InvalidArgument", "{wrong}");
        }
    }
}
