//! Going on with a read that broke, from another copy of the same object.

use crate::store::{Reader, Store};
use crate::types::{ByteRange, Error, ObjectInfo, ReadOptions, Result};

/// The most bytes asked for at once while skipping.
const SKIP: usize = 256 * 1024;

/// Where a read of `range` of the object stands after `done` bytes, as a
/// range from an absolute start. `None` when that can't be told.
fn rest(range: Option<ByteRange>, info: &ObjectInfo, done: u64) -> Option<ByteRange> {
    let range = range.unwrap_or_default();
    let (start, length) = match (range.offset, range.length) {
        (None, None) => (0, None),
        (Some(offset), length) => (offset, length),
        (None, Some(length)) => (info.size?.saturating_sub(length), None),
    };
    let length = length.map(|length| length.saturating_sub(done));
    Some(ByteRange { offset: Some(start.checked_add(done)?), length })
}

/// Opens `store` where the broken read stopped. Only another copy of the very
/// same object will do, so without an etag nothing can be resumed.
pub(crate) fn reopen(
    store: &dyn Store,
    key: &str,
    range: Option<ByteRange>,
    info: &ObjectInfo,
    done: u64,
) -> Result<Box<dyn Reader>> {
    let unknown = || Error::Unavailable("the read broke and can't be resumed".to_owned());
    let etag = info.etag.clone().ok_or_else(unknown)?;
    let rest = rest(range, info, done).ok_or_else(unknown)?;
    let offset = rest.offset.unwrap_or(0);
    // The end may have been reached exactly, and an empty range is an error.
    let whole = offset == 0 && rest.length.is_none();
    let ranged = store.capabilities().range && !whole;
    let options = ReadOptions {
        range: ranged.then_some(rest),
        if_match: Some(etag.clone()),
        if_none_match: None,
    };
    let mut reader = store.read(key, &options)?;
    if reader.info().etag.as_ref() != Some(&etag) {
        return Err(unknown());
    }
    if !ranged && !whole {
        skip(reader.as_mut(), offset)?;
        if rest.length.is_some() {
            return Ok(Box::new(Cut { reader, left: rest.length.unwrap_or(u64::MAX) }));
        }
    }
    Ok(reader)
}

fn skip(reader: &mut dyn Reader, mut bytes: u64) -> Result<()> {
    while bytes > 0 {
        let max = usize::try_from(bytes).unwrap_or(usize::MAX).min(SKIP);
        let chunk = reader.next(max)?;
        if chunk.is_empty() {
            return Err(Error::Unavailable("the other copy of the object is shorter".to_owned()));
        }
        bytes = bytes.saturating_sub(chunk.len() as u64);
    }
    Ok(())
}

/// The first `left` bytes of a reader.
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
