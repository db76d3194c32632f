//! Resumes a broken read from another copy of the same object.

use flate2::Crc;
use storage_contract::source::Source;
use storage_contract::store::{Reader, Store};
use storage_contract::types::{ByteRange, Error, ObjectInfo, ReadOptions, Result};

/// The most bytes to read at a time while skipping.
const SKIP: usize = 256 * 1024;

/// What a reader returned before it broke.
pub(crate) struct Given {
    bytes: u64,
    /// A checksum, if another copy must confirm the bytes.
    sum: Option<Crc>,
}

impl Given {
    /// Starts empty. `in_parts` is whether the store reads ranges. If it reads only
    /// whole objects, it may detect at the end (by a checksum, say) that all the
    /// bytes were wrong.
    pub fn new(in_parts: bool) -> Self {
        Self { bytes: 0, sum: (!in_parts).then(Crc::new) }
    }

    /// Adds bytes that were returned.
    pub fn add(&mut self, chunk: &[u8]) {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        if let Some(sum) = &mut self.sum {
            sum.update(chunk);
        }
    }
}

/// Where a read of `range` starts in the object, and its length if known. `None` if
/// the start is unknown.
fn span(range: Option<ByteRange>, info: &ObjectInfo) -> Option<(u64, Option<u64>)> {
    let range = range.unwrap_or_default();
    match info.size {
        Some(size) => range.resolve(size).ok().map(|(start, end)| (start, Some(end - start))),
        None if range.offset.is_none() && range.length.is_some() => None,
        None => Some((range.offset.unwrap_or(0), range.length)),
    }
}

/// Opens `store` where a read that failed with `error` stopped. Only another copy
/// of the very same object will do, so it takes an etag. If the data was invalid
/// and bytes were already returned, the other copy must confirm these.
pub(crate) fn reopen(
    store: &dyn Store,
    key: &str,
    range: Option<ByteRange>,
    info: &ObjectInfo,
    given: &Given,
    error: &Error,
) -> Result<Source> {
    if given.bytes > 0 && given.sum.is_none() && matches!(error, Error::InvalidData(_)) {
        return Err(error.clone());
    }
    let unknown = || Error::Unavailable("the read broke and can't be resumed".to_owned());
    let etag = info.etag.clone().ok_or_else(unknown)?;
    let (start, length) = span(range, info).ok_or_else(unknown)?;
    let offset = start.checked_add(given.bytes).ok_or_else(unknown)?;
    let left = length.map(|length| length.saturating_sub(given.bytes));
    let again = given.sum.is_some() && given.bytes > 0;
    // The read may have stopped exactly at the end, and an empty range is an error.
    let whole = offset == 0 && (left.is_none() || left == info.size);
    let ranged = store.capabilities().range && !again && !whole && left != Some(0);
    let options = ReadOptions {
        range: ranged.then_some(ByteRange { offset: Some(offset), length: left }),
        if_match: Some(etag.clone()),
        if_none_match: None,
    };
    let mut reader = store.read(key, &options)?;
    if reader.info().etag.as_ref() != Some(&etag) {
        return Err(unknown());
    }
    if !ranged {
        skip(reader.as_mut(), start, None)?;
        let mut sum = Crc::new();
        skip(reader.as_mut(), given.bytes, Some(&mut sum))?;
        if given.sum.as_ref().is_some_and(|given| given.sum() != sum.sum()) {
            let text = "what was read before is not what another copy of the object has";
            return Err(Error::InvalidData(text.to_owned()));
        }
        if let Some(left) = left
            && info.size.is_none_or(|size| offset.saturating_add(left) < size)
        {
            reader = Box::new(Cut { reader, left });
        }
    }
    Ok(Source::owing(reader, left))
}

fn skip(reader: &mut dyn Reader, mut bytes: u64, mut sum: Option<&mut Crc>) -> Result<()> {
    while bytes > 0 {
        let max = usize::try_from(bytes).unwrap_or(usize::MAX).min(SKIP);
        let chunk = reader.next(max)?;
        if chunk.is_empty() {
            return Err(Error::Unavailable("the other copy of the object is shorter".to_owned()));
        }
        if let Some(sum) = &mut sum {
            sum.update(&chunk);
        }
        bytes = bytes.saturating_sub(chunk.len() as u64);
    }
    Ok(())
}

/// The first `left` bytes of a longer reader.
struct Cut {
    reader: Box<dyn Reader>,
    left: u64,
}

impl Reader for Cut {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let max = max.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if max == 0 {
            return Ok(Vec::new());
        }
        let chunk = self.reader.next(max)?;
        self.left = self.left.saturating_sub(chunk.len() as u64);
        Ok(chunk)
    }
}
