//! Decorators that change an object's bytes.
//!
//! A [`Codec`] encodes and decodes bytes; [`Transforming`] turns any codec into a
//! store. It streams, keeps the plain size in the object's metadata, and shows
//! readers the sizes and etags of plain bytes.

mod coder;
mod feed;
pub(crate) mod marks;
mod part;
mod stored;
pub(crate) mod stream;

pub use coder::{Decoder, Encoder};
pub use feed::Feed;
pub use stored::{Stored, Tail};

use storage_contract::source::{Source, whole};
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    self, Access, ByteRange, Capabilities, DeleteOptions, Error, ListOptions, MAX_INLINE_BYTES,
    ObjectInfo, Page, PutOptions, ReadOptions, Result,
};
use stream::{Decoding, Encoding};

/// An encoding and its inverse.
pub trait Codec: 'static {
    /// A new encoder for one object.
    fn encoder(&self) -> Box<dyn Encoder>;
    /// A new decoder for one object, whose encoded bytes are in `feed`.
    fn decoder(&self, feed: Feed) -> Box<dyn Decoder>;
    /// Whether ranges of objects can be read.
    fn ranges(&self) -> bool;
    /// The bytes of the base that hold the plain bytes from `start` to `end`
    /// (exclusive), where that can be calculated. `None`: they are found by decoding from
    /// the start.
    fn encoded_range(&self, start: u64, end: u64) -> Option<EncodedRange>;
    /// A decoder for the bytes of `encoded_range`.
    fn range_decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        self.decoder(feed)
    }
    /// How many of an object's last bytes may have an index that helps to find `range`.
    /// 0: there is none, or it would not help.
    fn tail(&self, _range: ByteRange) -> u64 {
        0
    }
    /// The index at the end of an object. `None` if it has none, or a damaged one.
    fn index(&self, _tail: Tail) -> Option<Box<dyn Index>> {
        None
    }
}

/// What an object itself says of where its plain bytes are. It may be damaged or forged:
/// bytes that it leads to must be checked like all others.
pub trait Index {
    /// The plain size of the object.
    fn size(&self) -> u64;
    /// The bytes of the base that hold the plain bytes from `start` to `end`
    /// (exclusive). `None` if what was to say so is damaged.
    fn encoded_range(
        &self,
        stored: &Stored<'_>,
        start: u64,
        end: u64,
    ) -> Result<Option<EncodedRange>>;
    /// A decoder for the bytes of `encoded_range`, `at`, for the same `start`.
    fn decoder(&self, feed: Feed, start: u64, at: &EncodedRange) -> Box<dyn Decoder>;
}

/// The bytes of the base that hold a range of plain ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodedRange {
    /// The first byte.
    pub start: u64,
    /// The number of bytes; the last ones may be missing at the end of the object.
    pub length: u64,
    /// The number of plain bytes to skip before the range.
    pub skip: u64,
}

/// A store that keeps its objects encoded in a base.
pub struct Transforming<C> {
    base: SharedStore,
    codec: C,
}

impl<C: Codec> Transforming<C> {
    /// Encodes objects with `codec` over `base`.
    pub fn new(base: SharedStore, codec: C) -> Self {
        Self { base, codec }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<C: Codec> Store for Transforming<C> {
    fn capabilities(&self) -> Capabilities {
        let base = self.base.capabilities();
        Capabilities { range: base.range && self.codec.ranges(), ..base }
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        if let Some(range) = options.range {
            let mut reader = self.read(key, options)?;
            let span = reader.info().size.and_then(|size| range.resolve(size).ok());
            // Before anything is decoded in vain: the way to the range may be long.
            if span.is_some_and(|(start, end)| end - start > MAX_INLINE_BYTES) {
                return Err(too_many());
            }
            let data = collect(|max| reader.next(max))?;
            return Ok((reader.info().clone(), data));
        }
        let (info, data) = match self.base.get(key, &marks::read_options(options)) {
            Ok(found) => found,
            // Encoded bytes may exceed the limit when the plain ones do not.
            Err(Error::LimitExceeded(_)) => {
                let mut reader = self.read(key, options)?;
                let data = collect(|max| reader.next(max))?;
                return Ok((reader.info().clone(), data));
            }
            Err(error) => return Err(error),
        };
        let _ended = whole(&info, None, &data)?;
        let info = marks::show(info);
        let mut decoder = self.codec.decoder(Feed::bytes(data));
        let data = collect(|max| decoder.next(max))?;
        if info.size.is_some_and(|size| size != data.len() as u64) {
            return Err(stream::wrong_size());
        }
        Ok((info, data))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let mut encoder = self.codec.encoder();
        let mut out = Vec::new();
        encoder.push(data, &mut out)?;
        encoder.finish(&mut out)?;
        let mut options = marks::put_options(options);
        marks::push_size(&mut options.metadata, None, data.len() as u64);
        self.base.put(key, &out, &options).map(marks::show)
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.base.exists(key)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let if_match = options.if_match.as_deref().map(marks::unmask);
        self.base.delete(key, &DeleteOptions { if_match })
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.base.stat(key).map(marks::show)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        let mut page = self.base.list(options)?;
        for entry in &mut page.entries {
            entry.info = marks::show(std::mem::take(&mut entry.info));
        }
        Ok(page)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        if let Some(range) = options.range {
            if !self.capabilities().range {
                return Err(Error::Unsupported("ranges of encoded objects".to_owned()));
            }
            if range != ByteRange::default() {
                return self.read_range(key, options, range);
            }
        }
        let reader = self.base.read(key, &marks::read_options(options))?;
        let info = marks::show(reader.info().clone());
        let decoder = self.codec.decoder(Feed::source(Source::new(reader, None)));
        Ok(Box::new(Decoding::whole(decoder, info)))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let options = marks::put_options(options);
        let outer_sizes = marks::sizes(&options.metadata).map(str::to_owned);
        let writer = self.base.write(key, &options)?;
        Ok(Box::new(Encoding::new(writer, self.codec.encoder(), outer_sizes)))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<types::Location>> {
        Ok(None)
    }
}

/// Collects everything that `next` returns; `LimitExceeded` above
/// [`MAX_INLINE_BYTES`].
pub(crate) fn collect(mut next: impl FnMut(usize) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    const CHUNK: usize = 1024 * 1024;
    let mut data = next(CHUNK)?;
    loop {
        let chunk = next(CHUNK)?;
        if chunk.is_empty() {
            return Ok(data);
        }
        if (data.len() + chunk.len()) as u64 > MAX_INLINE_BYTES {
            return Err(too_many());
        }
        data.extend_from_slice(&chunk);
    }
}

fn too_many() -> Error {
    let text = format!("more than {MAX_INLINE_BYTES} bytes at once; stream the object with read");
    Error::LimitExceeded(text)
}
