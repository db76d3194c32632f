//! Ranges of encoded objects.

use super::marks;
use super::stored::{Stored, Tail};
use super::stream::Decoding;
use super::{Codec, Index, Transforming};
use storage_contract::source::whole;
use storage_contract::store::Reader;
use storage_contract::types::{ByteRange, Error, ObjectInfo, ReadOptions, Result};

/// How often to start over because the object was replaced meanwhile.
const ATTEMPTS: usize = 3;

/// The size of a read while bytes are only counted.
const COUNTED: usize = 256 * 1024;

impl<C: Codec> Transforming<C> {
    /// Opens a range.
    pub(super) fn read_range(
        &self,
        key: &str,
        options: &ReadOptions,
        range: ByteRange,
    ) -> Result<Box<dyn Reader>> {
        let asked = marks::read_options(options);
        for _ in 0..ATTEMPTS {
            let (info, tail) = self.look(key, &asked, range)?;
            check(&asked, &info)?;
            match self.open(&Stored::new(&*self.base, key, &info), &info, tail, range) {
                // It was replaced since the look.
                Err(Error::PreconditionFailed) => {}
                opened => return opened,
            }
        }
        Err(Error::Unavailable("the object is replaced faster than it can be read".to_owned()))
    }

    /// What the base knows of an object, and its end, if that may have an index. That one
    /// answer has both saves a request.
    fn look(
        &self,
        key: &str,
        asked: &ReadOptions,
        range: ByteRange,
    ) -> Result<(ObjectInfo, Option<Tail>)> {
        let length = self.codec.tail(range);
        if length > 0 {
            let last = Some(ByteRange::last(length));
            match self.base.get(key, &ReadOptions { range: last, ..asked.clone() }) {
                Ok((info, bytes)) => {
                    let _ended = whole(&info, last, &bytes)?;
                    // What an end says belongs to no other bytes, and only an etag tells
                    // whether these are the same later.
                    let stored = info.size.filter(|_| info.etag.is_some());
                    let tail = stored.map(|stored| Tail { bytes, stored });
                    return Ok((info, tail));
                }
                // There is nothing, or the base does not know where its end is.
                Err(Error::InvalidRange | Error::Unsupported(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((self.base.stat(key)?, None))
    }

    fn open(
        &self,
        stored: &Stored<'_>,
        info: &ObjectInfo,
        tail: Option<Tail>,
        range: ByteRange,
    ) -> Result<Box<dyn Reader>> {
        let info = marks::show(info.clone());
        let index = tail.and_then(|tail| self.codec.index(tail));
        // An index of another size is none of this object.
        let index = index.filter(|index| info.size.is_none_or(|size| size == index.size()));
        let size = match (info.size, &index) {
            (Some(size), _) => size,
            (None, Some(index)) => index.size(),
            (None, None) if range.offset.is_some() => {
                let decoder = self.codec.decoder(stored.feed(None)?);
                return Decoding::search(decoder, info, range);
            }
            (None, None) => self.count(stored)?,
        };
        let (start, end) = range.resolve(size)?;
        if let Some(index) = index
            && let Some(part) = self.open_by(&*index, stored, &info, start, end)?
        {
            return Ok(part);
        }
        let Some(at) = self.codec.encoded_range(start, end) else {
            let decoder = self.codec.decoder(stored.feed(None)?);
            return Ok(Box::new(Decoding::found(decoder, info, start..end, size)));
        };
        let feed = stored.feed(Some(ByteRange::span(at.start, at.length)))?;
        let decoder = self.codec.range_decoder(feed);
        Ok(Box::new(Decoding::part(decoder, info, at.skip, end - start)))
    }

    /// Opens a range where an index says that it is. `None` if the index is damaged: the
    /// bytes that it tells of may be well, and then only the way to them is longer.
    fn open_by(
        &self,
        index: &dyn Index,
        stored: &Stored<'_>,
        info: &ObjectInfo,
        start: u64,
        end: u64,
    ) -> Result<Option<Box<dyn Reader>>> {
        let Some(at) = index.encoded_range(stored, start, end)? else { return Ok(None) };
        let feed = stored.feed(Some(ByteRange::span(at.start, at.length)))?;
        let decoder = index.decoder(feed, start, &at);
        Ok(Some(Box::new(Decoding::part(decoder, info.clone(), at.skip, end - start))))
    }

    /// The plain size of an object, by decoding all of it.
    fn count(&self, stored: &Stored<'_>) -> Result<u64> {
        let mut decoder = self.codec.decoder(stored.feed(None)?);
        let mut size = 0u64;
        loop {
            match decoder.next(COUNTED)?.len() {
                0 => return Ok(size),
                count => size = size.saturating_add(count as u64),
            }
        }
    }
}

/// Checks what a caller asked for. The etags of a base below may be masked, too.
fn check(asked: &ReadOptions, info: &ObjectInfo) -> Result<()> {
    let etag = info.etag.as_deref().map(marks::unmask);
    asked.check(&ObjectInfo { etag, ..ObjectInfo::default() })
}
