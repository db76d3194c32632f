//! Transforms objects in chunks: any size streams, and a range is read from the
//! chunks that hold it.

use super::checked::Checked;
use super::decoder::Decoder;
use super::encoder::Encoder;
use super::format::{END, End, HEAD, Head, corrupt};
use super::transform::{Draw, Transform};
use crate::codec::stream::{Decoding, Encoding, wrong_size};
use crate::codec::{Encoder as _, Feed, collect, marks};
use crate::forward::forward;
use std::rc::Rc;
use storage_contract::source::{Source, whole};
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, ByteRange, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page, PutOptions,
    ReadOptions, Result, Trailer,
};

/// How many bytes of an object's end to read for a range: the end record, and as
/// much of the table as fits.
const TAIL: u64 = 4_096;

/// How often to restart a read because the object was replaced meanwhile.
const ATTEMPTS: usize = 3;

/// A store that keeps its objects as chunks.
pub struct Chunked<T> {
    base: SharedStore,
    transform: Rc<Checked<T>>,
    chunk_size: u32,
    overhead: Option<u32>,
    draw: Draw,
}

/// The last bytes of an object, parsed.
struct Tail {
    info: ObjectInfo,
    end: End,
    bytes: Vec<u8>,
}

impl<T: Transform> Chunked<T> {
    pub fn new(
        base: SharedStore,
        transform: Rc<Checked<T>>,
        chunk_size: u32,
        overhead: Option<u32>,
        draw: Draw,
    ) -> Self {
        Self { base, transform, chunk_size, overhead, draw }
    }

    fn encoder(&self, key: &str) -> Encoder<T> {
        let head =
            Head { chunk_size: self.chunk_size, overhead: self.overhead, object: (self.draw)() };
        Encoder::new(self.transform.clone(), key, head)
    }

    /// Whether the size of an object without a size mark can be read from its end.
    fn sizes_at_end(&self) -> bool {
        self.base.capabilities().range
    }

    /// Reads the end of an object. `options` must have unmasked etags.
    fn tail(&self, key: &str, length: u64, options: ReadOptions) -> Result<Tail> {
        let range = Some(ByteRange::last(length));
        let (info, bytes) = match self.base.get(key, &ReadOptions { range, ..options }) {
            Err(Error::InvalidRange) => return Err(corrupt("there are none")),
            other => other?,
        };
        let end = End::parse(&bytes)?;
        let mut info = marks::show(info);
        if info.size.is_some_and(|size| size != end.size) {
            return Err(wrong_size());
        }
        info.size = Some(end.size);
        Ok(Tail { info, end, bytes })
    }

    /// The info for readers; reads the size from the object's end if there is no
    /// mark.
    fn sized(&self, key: &str, mut info: ObjectInfo) -> Result<ObjectInfo> {
        if info.size.is_none() && self.sizes_at_end() {
            match self.tail(key, END as u64, at(&info)) {
                Ok(tail) => info.size = Some(tail.end.size),
                // Not written by us, or replaced just now: the size stays unknown.
                Err(Error::InvalidData(_) | Error::PreconditionFailed | Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(info)
    }

    /// Opens a range; `None` if the object was replaced meanwhile.
    fn part(
        &self,
        key: &str,
        options: &ReadOptions,
        range: ByteRange,
    ) -> Result<Option<Box<dyn Reader>>> {
        let Tail { info, end, bytes } = self.tail(key, TAIL, marks::read_options(options))?;
        let (start, stop) = range.resolve(end.size)?;
        if start == stop {
            return self.whole(key, options).map(Some);
        }
        let chunk = u64::from(end.head.chunk_size);
        let (first, last) = (start / chunk, (stop - 1) / chunk);
        let found = match end.head.overhead {
            Some(_) => end.head.offset(first).map(|from| (first, from, end.head.offset(last + 1))),
            None => {
                let stride = u64::from(end.stride.max(1));
                let entry = first / stride;
                let after = last / stride + 1;
                match self.entry(key, &info, &end, &bytes, entry)? {
                    None => return Ok(None),
                    Some(from) if after >= end.entries() => Some((entry * stride, from, None)),
                    Some(from) => match self.entry(key, &info, &end, &bytes, after)? {
                        None => return Ok(None),
                        to => Some((entry * stride, from, to)),
                    },
                }
            }
        };
        let damaged = || corrupt("their table leads nowhere");
        let (index, from, to) = found.ok_or_else(damaged)?;
        let length = to.map(|to| to.checked_sub(from).filter(|length| *length > 0));
        let length = length.map(|length| length.ok_or_else(damaged)).transpose()?;
        let wanted = ByteRange { offset: Some(from), length };
        let reader = match self.base.read(key, &ReadOptions { range: Some(wanted), ..at(&info) }) {
            Err(Error::PreconditionFailed) => return Ok(None),
            Err(Error::InvalidRange) => return Err(damaged()),
            other => other?,
        };
        let feed = Feed::source(Source::new(reader, Some(wanted)));
        let transform = self.transform.clone();
        let decoder = Decoder::part(transform, key, feed, &end, index, (first, last));
        let reader = Decoding::part(Box::new(decoder), info, start % chunk, stop - start);
        Ok(Some(Box::new(reader)))
    }

    /// An entry of the table, taken from `tail` or read from the base. `None` if
    /// the object was replaced meanwhile.
    fn entry(
        &self,
        key: &str,
        info: &ObjectInfo,
        end: &End,
        tail: &[u8],
        entry: u64,
    ) -> Result<Option<u64>> {
        let back = (end.entries().saturating_sub(entry)) * 8 + END as u64;
        let place = usize::try_from(back).ok().and_then(|back| tail.len().checked_sub(back));
        let read;
        let bytes = match place.and_then(|place| tail.get(place..)) {
            Some(bytes) => bytes,
            None => {
                let range = Some(ByteRange::last(back));
                // Up to half a megabyte may follow; read only the entry.
                let wanted = ReadOptions { range, ..at(info) };
                let mut reader = match self.base.read(key, &wanted) {
                    Err(Error::PreconditionFailed) => return Ok(None),
                    Err(Error::InvalidRange) => return Err(corrupt("their table is missing")),
                    other => other?,
                };
                read = eight(reader.as_mut())?;
                &read
            }
        };
        let offset = bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        match offset {
            Some(offset) if offset >= HEAD as u64 => Ok(Some(offset)),
            _ => Err(corrupt("their table is damaged")),
        }
    }

    fn whole(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let reader = self.base.read(key, &marks::read_options(options))?;
        let mut info = marks::show(reader.info().clone());
        // Without an etag, the end could belong to another version.
        if info.etag.is_some() {
            info = self.sized(key, info)?;
        }
        let decoder =
            Decoder::whole(self.transform.clone(), key, Feed::source(Source::new(reader, None)));
        Ok(Box::new(Decoding::whole(Box::new(decoder), info)))
    }
}

/// Options to read just this version of the object, with the base's etag.
fn at(info: &ObjectInfo) -> ReadOptions {
    let if_match = info.etag.as_deref().map(marks::unmask);
    ReadOptions { if_match, ..ReadOptions::default() }
}

/// Reads up to eight bytes.
fn eight(reader: &mut dyn Reader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < 8 {
        let part = reader.next(8 - bytes.len())?;
        if part.is_empty() {
            break;
        }
        bytes.extend(part);
    }
    Ok(bytes)
}

fn changing() -> Error {
    Error::Unavailable("the object is replaced faster than it can be read".to_owned())
}

#[deny(clippy::missing_trait_methods)]
impl<T: Transform> Store for Chunked<T> {
    forward!(capabilities, exists);

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let inner = marks::read_options(options);
        let found = match options.range {
            None => self.base.get(key, &inner),
            Some(_) => Err(Error::LimitExceeded(String::new())),
        };
        let (info, data) = match found {
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
        let mut info = marks::show(info);
        let mut decoder = Decoder::whole(self.transform.clone(), key, Feed::bytes(data));
        let data = collect(|max| crate::codec::Decoder::next(&mut decoder, max))?;
        let size = data.len() as u64;
        if info.size.is_some_and(|known| known != size) {
            return Err(wrong_size());
        }
        if self.sizes_at_end() {
            info.size = Some(size);
        }
        Ok((info, data))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let mut encoder = self.encoder(key);
        let mut out = Vec::new();
        encoder.push(data, &mut out)?;
        encoder.finish(&mut out)?;
        let mut options = marks::put_options(options);
        let size = data.len() as u64;
        marks::push_size(&mut options.metadata, None, size);
        let mut info = marks::show(self.base.put(key, &out, &options)?);
        if self.sizes_at_end() {
            info.size = Some(size);
        }
        Ok(info)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let if_match = options.if_match.as_deref().map(marks::unmask);
        self.base.delete(key, &DeleteOptions { if_match })
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        let info = marks::show(self.base.stat(key)?);
        self.sized(key, info)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        let mut page = self.base.list(options)?;
        for entry in &mut page.entries {
            entry.info = marks::show(std::mem::take(&mut entry.info));
        }
        Ok(page)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let Some(range) = options.range else { return self.whole(key, options) };
        if !self.capabilities().range {
            return Err(Error::Unsupported("ranges: the base has none".to_owned()));
        }
        for _ in 0..ATTEMPTS {
            if let Some(reader) = self.part(key, options, range)? {
                return Ok(reader);
            }
        }
        Err(changing())
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let options = marks::put_options(options);
        let outer_sizes = marks::sizes(&options.metadata).map(str::to_owned);
        let writer = self.base.write(key, &options)?;
        let writer = Encoding::new(writer, Box::new(self.encoder(key)), outer_sizes);
        Ok(Box::new(Counted { writer: Box::new(writer), size: 0, known: self.sizes_at_end() }))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

/// A writer that returns the size if the base dropped the size mark.
struct Counted {
    writer: Box<Encoding>,
    size: u64,
    known: bool,
}

impl Writer for Counted {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.size += chunk.len() as u64;
        self.writer.push(chunk)
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let (size, known) = (self.size, self.known);
        let mut info = self.writer.finish(trailer)?;
        if known {
            info.size = Some(size);
        }
        Ok(info)
    }
}
