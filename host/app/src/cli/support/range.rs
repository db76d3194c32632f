//! Byte ranges as users write them.

use storage_store::ByteRange;

/// Parses `FIRST-LAST`, `FIRST-` or `-COUNT`.
pub fn range(text: &str) -> Result<ByteRange, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a number"));
    match text.split_once('-') {
        Some(("", count)) => Ok(ByteRange::last(number(count)?)),
        Some((first, "")) => Ok(ByteRange::from(number(first)?)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            let length = last.checked_sub(first).and_then(|n| n.checked_add(1));
            Ok(ByteRange::span(first, length.ok_or("the range ends before it begins")?))
        }
        None => Err("a range is FIRST-LAST, FIRST- or -COUNT".to_owned()),
    }
}
