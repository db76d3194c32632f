//! `BufferStore`: ranges, and read-write buffers, over a base that only handles
//! whole objects.
//!
//! Bytes are not changed. If the base can't read ranges, the whole object is read
//! into memory, up to `max_size` bytes. For embedders, [`Buffer`] is an object
//! opened for reading and writing at any position.

use crate::forward::forward;
use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::source::Source;
use storage_contract::store::{Reader, SharedStore, Store, conditionally};
use storage_contract::types::{
    Access, ByteRange, Capabilities, Error, Location, ObjectInfo, PutOptions, ReadOptions, Result,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "BufferStore",
    aliases: &["AsyncBufferStore"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Reads parts of objects over a base that can't, by buffering whole ones",
    build: |args| {
        let Config { max_size } = args.config()?;
        Ok(Rc::new(Buffered { base: args.base(), max_size }))
    },
};

options! {
    struct Config {
        /// The most bytes of an object that is held in memory for a part of it
        #[schema(format: "bytes", minimum: 1)]
        max_size: u64 = 67108864,
    }
}

struct Buffered {
    base: SharedStore,
    max_size: u64,
}

impl Buffered {
    /// The requested range, if the base can't read ranges.
    fn part(&self, key: &str, options: &ReadOptions) -> Result<Option<(ObjectInfo, Vec<u8>)>> {
        let Some(range) = options.range.filter(|_| !self.base.capabilities().range) else {
            return Ok(None);
        };
        let whole = ReadOptions { range: None, ..options.clone() };
        let (info, data) = load(&*self.base, key, &whole, self.max_size)?;
        let (start, end) = range.resolve(data.len() as u64)?;
        let at = |n: u64| usize::try_from(n).unwrap_or(data.len());
        let part = data.get(at(start)..at(end)).unwrap_or_default().to_vec();
        Ok(Some((info, part)))
    }
}

/// Reads a whole object into memory.
fn load(
    store: &dyn Store,
    key: &str,
    options: &ReadOptions,
    max_size: u64,
) -> Result<(ObjectInfo, Vec<u8>)> {
    Source::new(store.read(key, options)?, options.range).collect(max_size)
}

#[deny(clippy::missing_trait_methods)]
impl Store for Buffered {
    forward!(put, exists, delete, stat, list, write);

    fn capabilities(&self) -> Capabilities {
        let base = self.base.capabilities();
        Capabilities { range: base.read, ..base }
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        match self.part(key, options)? {
            Some(part) => Ok(part),
            None => self.base.get(key, options),
        }
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        match self.part(key, options)? {
            Some((info, data)) => Ok(Box::new(Held { info, data: data.into_iter() })),
            None => self.base.read(key, options),
        }
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        match access {
            Access::Read => Ok(None),
            Access::Write | Access::Delete => self.base.locate(key, access),
        }
    }
}

struct Held {
    info: ObjectInfo,
    data: std::vec::IntoIter<u8>,
}

impl Reader for Held {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let rest = self.data.as_slice();
        let chunk = rest.get(..max.min(rest.len())).unwrap_or_default().to_vec();
        if let Some(last) = chunk.len().checked_sub(1) {
            self.data.nth(last);
        }
        Ok(chunk)
    }
}

/// An object in memory, for reading and writing at any position. Changes are lost
/// unless [`flush`](Self::flush) writes them.
pub struct Buffer {
    store: SharedStore,
    key: String,
    info: Option<ObjectInfo>,
    data: Vec<u8>,
    position: u64,
    max_size: u64,
    changed: bool,
}

impl Buffer {
    /// Opens an object. One that doesn't exist is empty, and `flush` creates it.
    pub fn open(store: SharedStore, key: &str, max_size: u64) -> Result<Self> {
        let (info, data) = match load(&*store, key, &ReadOptions::default(), max_size) {
            Ok((info, data)) => (Some(info), data),
            Err(Error::NotFound) => (None, Vec::new()),
            Err(error) => return Err(error),
        };
        let key = key.to_owned();
        Ok(Self { store, key, info, data, position: 0, max_size, changed: false })
    }

    /// The current size in bytes.
    pub fn len(&self) -> u64 {
        self.data.len() as u64
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Sets the position of [`read`](Self::read), which may be past the end.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The next bytes from the position, at most `max`; empty at the end.
    pub fn read(&mut self, max: usize) -> &[u8] {
        let start = self.position;
        let count = self.read_at(start, max).len();
        self.position = start.saturating_add(count as u64);
        self.read_at(start, max)
    }

    /// The bytes from `offset`, at most `max`.
    pub fn read_at(&self, offset: u64, max: usize) -> &[u8] {
        let (start, end) = ByteRange::span(offset, max.max(1) as u64)
            .resolve(self.len())
            .unwrap_or((self.len(), self.len()));
        let at = |n: u64| usize::try_from(n).unwrap_or(self.data.len());
        let end = if max == 0 { start } else { end };
        self.data.get(at(start)..at(end)).unwrap_or_default()
    }

    /// Writes bytes at `offset`. A gap after the end is filled with zeroes.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.max_size);
        let range =
            end.and_then(|end| Some(usize::try_from(offset).ok()?..usize::try_from(end).ok()?));
        let Some(range) = range else {
            return Err(Error::LimitExceeded(format!(
                "a buffer has at most {} bytes",
                self.max_size
            )));
        };
        if self.data.len() < range.end {
            self.data.resize(range.end, 0);
        }
        if let Some(place) = self.data.get_mut(range) {
            place.copy_from_slice(bytes);
        }
        self.changed = true;
        Ok(())
    }

    /// Writes the object if it was changed. `PreconditionFailed` if someone else
    /// changed it since it was opened, provided the store supports preconditions.
    pub fn flush(&mut self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let old = self.info.clone().unwrap_or_default();
        let mut metadata = old.metadata;
        metadata.retain(|(name, _)| !name.starts_with(storage_contract::types::RESERVED_METADATA));
        let info = conditionally(&*self.store, |conditional| {
            let options = PutOptions {
                content_type: old.content_type.clone(),
                metadata: metadata.clone(),
                etag: None,
                if_absent: conditional && self.info.is_none(),
                if_match: old.etag.clone().filter(|_| conditional),
            };
            self.store.put(&self.key, &self.data, &options)
        })?;
        self.info = Some(info);
        self.changed = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_contract::memory::Memory;

    #[test]
    fn a_buffer_reads_and_writes_anywhere() {
        let store: SharedStore = Rc::new(Memory::default());
        let mut buffer = Buffer::open(store.clone(), "k", 100).unwrap();
        buffer.write_at(2, b"cde").unwrap();
        assert_eq!(store.exists("k"), Ok(false));
        buffer.flush().unwrap();
        let mut buffer = Buffer::open(store.clone(), "k", 100).unwrap();
        assert_eq!(buffer.read_at(1, 3), b"\0cd");
        buffer.seek(3);
        assert_eq!(buffer.read(10), b"de");
        assert_eq!(buffer.read(10), b"");
        buffer.write_at(0, b"ab").unwrap();
        buffer.flush().unwrap();
        assert_eq!(store.get("k", &ReadOptions::default()).unwrap().1, b"abcde");
        assert!(matches!(buffer.write_at(99, b"xy"), Err(Error::LimitExceeded(_))));
        assert!(matches!(buffer.write_at(u64::MAX, b"xy"), Err(Error::LimitExceeded(_))));
    }

    #[test]
    fn a_flush_does_not_overwrite_what_somebody_else_wrote() {
        let store: SharedStore = Rc::new(Memory::default());
        store.put("k", b"one", &PutOptions::default()).unwrap();
        let mut buffer = Buffer::open(store.clone(), "k", 100).unwrap();
        buffer.write_at(0, b"x").unwrap();
        store.put("k", b"two", &PutOptions::default()).unwrap();
        assert_eq!(buffer.flush(), Err(Error::PreconditionFailed));
        assert_eq!(store.get("k", &ReadOptions::default()).unwrap().1, b"two");
    }
}
