//! Resumes a broken read from another copy of the same object.

use storage_contract::source::Source;
use storage_contract::store::{Reader, Store};
use storage_contract::types::{ByteRange, Error, ObjectInfo, ReadOptions, Result};
use xxhash_rust::xxh3::Xxh3;

/// The most bytes to read at a time while skipping.
const SKIP: usize = 256 * 1024;

/// What a reader returned before it broke.
pub(crate) struct Given {
    bytes: u64,
    /// A digest, for when another copy must confirm the bytes: one that costs little, since
    /// most streams are read to their end. It tells accidents, not forgeries.
    sum: Xxh3,
    in_parts: bool,
}

impl Given {
    /// Starts empty. `in_parts` is whether the store reads ranges. If it reads only
    /// whole objects, it may detect at the end (by a checksum, say) that all the
    /// bytes were wrong.
    pub fn new(in_parts: bool) -> Self {
        Self { bytes: 0, sum: Xxh3::new(), in_parts }
    }

    /// Adds bytes that were returned.
    pub fn add(&mut self, chunk: &[u8]) {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        self.sum.update(chunk);
    }

    /// Whether another copy must confirm the bytes after this error. Those of ranges were
    /// final when they were returned, unless the data turned out to be invalid.
    fn is_doubtful(&self, error: &Error) -> bool {
        self.bytes > 0 && (!self.in_parts || matches!(error, Error::InvalidData(_)))
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
    let unknown = || Error::Unavailable("the read broke and can't be resumed".to_owned());
    let etag = info.etag.clone().ok_or_else(unknown)?;
    let (start, length) = span(range, info).ok_or_else(unknown)?;
    let offset = start.checked_add(given.bytes).ok_or_else(unknown)?;
    let left = length.map(|length| length.saturating_sub(given.bytes));
    let again = given.is_doubtful(error);
    let (from, rest) = if again { (start, length) } else { (offset, left) };
    // The read may have stopped exactly at the end, and an empty range is an error.
    let whole = from == 0 && (rest.is_none() || rest == info.size);
    let ranged = store.capabilities().range && !whole && rest != Some(0);
    let options = ReadOptions {
        range: ranged.then_some(ByteRange { offset: Some(from), length: rest }),
        if_match: Some(etag.clone()),
        if_none_match: None,
    };
    let mut reader = store.read(key, &options)?;
    if reader.info().etag.as_ref() != Some(&etag) {
        return Err(unknown());
    }
    if !ranged {
        skip(reader.as_mut(), start, None)?;
    }
    if !ranged || again {
        let mut sum = Xxh3::new();
        skip(reader.as_mut(), given.bytes, Some(&mut sum))?;
        if given.sum.digest() != sum.digest() {
            let text = "what was read before is not what another copy of the object has";
            return Err(Error::InvalidData(text.to_owned()));
        }
    }
    if !ranged
        && let Some(left) = left
        && info.size.is_none_or(|size| offset.saturating_add(left) < size)
    {
        reader = Box::new(Cut { reader, left });
    }
    Ok(Source::owing(reader, left))
}

fn skip(reader: &mut dyn Reader, mut bytes: u64, mut sum: Option<&mut Xxh3>) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use storage_contract::memory::Memory;
    use storage_contract::types::PutOptions;

    /// What a reopened read gives after a store that reads ranges gave `before`.
    fn resume(
        data: &[u8],
        range: Option<ByteRange>,
        before: &[u8],
        error: Error,
    ) -> Result<Vec<u8>> {
        let memory = Memory::default();
        let info = memory.put("k", data, &PutOptions::default()).unwrap();
        let mut given = Given::new(true);
        before.chunks(100).for_each(|chunk| given.add(chunk));
        let source = reopen(&memory, "k", range, &info, &given, &error)?;
        source.collect(u64::MAX).map(|(_, rest)| rest)
    }

    #[test]
    fn bytes_before_invalid_ones_count_if_another_copy_has_them() {
        let data: Vec<u8> = (0..5_000_u32).map(|n| (n / 7) as u8).collect();
        for range in [None, Some(ByteRange::span(50, 3_000)), Some(ByteRange::last(4_999))] {
            let (start, end) = range.unwrap_or_default().resolve(5_000).unwrap();
            let wanted = &data[start as usize..end as usize];
            for count in [0, 1, 1_000, wanted.len()] {
                let (before, rest) = wanted.split_at(count);
                let invalid = || Error::InvalidData("rot".to_owned());
                assert_eq!(resume(&data, range, before, invalid()).unwrap(), rest);
                let mut rotten = before.to_vec();
                let Some(byte) = rotten.last_mut() else { continue };
                *byte ^= 1;
                let resumed = resume(&data, range, &rotten, invalid());
                assert!(matches!(resumed, Err(Error::InvalidData(_))), "{range:?} {count}");
            }
        }
    }
}
