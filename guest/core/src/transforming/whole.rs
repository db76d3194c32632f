//! Transforms objects as a whole: the base holds exactly what the transformer
//! returned.

use super::checked::Checked;
use super::transform::{ROOM, Transform};
use crate::codec::marks;
use crate::codec::stream::wrong_size;
use std::rc::Rc;
use storage_contract::source::Source;
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, MAX_INLINE_BYTES,
    ObjectInfo, Page, PutOptions, RESERVED_METADATA, ReadOptions, Result, Trailer, check_write,
};

/// The most encoded bytes to read or write at a time.
const PIECE: usize = 256 * 1024;

/// A store that transforms objects as a whole.
pub struct Whole<T>(Rc<Inner<T>>);

struct Inner<T> {
    base: SharedStore,
    transform: Rc<Checked<T>>,
    max_size: u32,
    reversible: bool,
}

impl<T: Transform> Whole<T> {
    pub fn new(
        base: SharedStore,
        transform: Rc<Checked<T>>,
        max_size: u32,
        reversible: bool,
    ) -> Self {
        Self(Rc::new(Inner { base, transform, max_size, reversible }))
    }
}

impl<T: Transform> Inner<T> {
    fn check_size(&self, size: usize) -> Result<()> {
        if size as u64 > u64::from(self.max_size) {
            return Err(Error::LimitExceeded(format!(
                "the object has more than the {} bytes that this store transforms at once",
                self.max_size
            )));
        }
        Ok(())
    }

    fn put(&self, key: &str, data: &[u8], mut options: PutOptions) -> Result<ObjectInfo> {
        self.check_size(data.len())?;
        let encoded = self.transform.encode_whole(key, data, self.max_size)?;
        let mut size = data.len();
        if !self.reversible {
            let read = self.transform.decode_whole(key, &encoded, self.max_size)?;
            size = read.len();
            if read != data {
                // Entries by decorators above belong to other bytes.
                options.metadata.retain(|(name, _)| !name.starts_with(RESERVED_METADATA));
            }
        }
        options.if_match = options.if_match.as_deref().map(marks::unmask);
        marks::push_size(&mut options.metadata, None, size as u64);
        let info = match encoded.len() as u64 <= MAX_INLINE_BYTES {
            true => self.base.put(key, &encoded, &options)?,
            false => {
                let mut writer = self.base.write(key, &options)?;
                for piece in encoded.chunks(PIECE) {
                    writer.push(piece)?;
                }
                writer.finish(Trailer::default())?
            }
        };
        Ok(marks::show(info))
    }

    /// Reads and decodes a whole object.
    fn decode(&self, key: &str, info: &ObjectInfo, source: &mut Source) -> Result<Vec<u8>> {
        let most = u64::from(self.max_size) * 4 + ROOM;
        let mut encoded = Vec::new();
        loop {
            let piece = source.next(PIECE)?;
            if piece.is_empty() {
                return self.check(key, info, &encoded);
            }
            if (encoded.len() + piece.len()) as u64 > most {
                return Err(Error::LimitExceeded(format!(
                    "the stored object has more than {most} bytes, the most that this store \
                     transforms at once"
                )));
            }
            encoded.extend_from_slice(&piece);
        }
    }

    fn check(&self, key: &str, info: &ObjectInfo, encoded: &[u8]) -> Result<Vec<u8>> {
        let data = self.transform.decode_whole(key, encoded, self.max_size)?;
        match info.size.is_some_and(|size| size != data.len() as u64) {
            true => Err(wrong_size()),
            false => Ok(data),
        }
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Source)> {
        if options.range.is_some() {
            return Err(Error::Unsupported("ranges of objects transformed at once".to_owned()));
        }
        let reader = self.base.read(key, &marks::read_options(options))?;
        Ok((marks::show(reader.info().clone()), Source::new(reader, None)))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Transform> Store for Whole<T> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { range: false, ..self.0.base.capabilities() }
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let (info, mut source) = self.0.read(key, options)?;
        let data = self.0.decode(key, &info, &mut source)?;
        if data.len() as u64 > MAX_INLINE_BYTES {
            return Err(Error::LimitExceeded(format!(
                "more than {MAX_INLINE_BYTES} bytes at once; stream the object with read"
            )));
        }
        Ok((info, data))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.0.put(key, data, options.clone())
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.0.base.exists(key)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let if_match = options.if_match.as_deref().map(marks::unmask);
        self.0.base.delete(key, &DeleteOptions { if_match })
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.0.base.stat(key).map(marks::show)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        let mut page = self.0.base.list(options)?;
        for entry in &mut page.entries {
            entry.info = marks::show(std::mem::take(&mut entry.info));
        }
        Ok(page)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let (info, source) = self.0.read(key, options)?;
        Ok(Box::new(WholeReader {
            store: self.0.clone(),
            key: key.to_owned(),
            info,
            state: State::Encoded(source),
        }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        early(&*self.0.base, key, options)?;
        Ok(Box::new(WholeWriter {
            store: self.0.clone(),
            key: key.to_owned(),
            options: options.clone(),
            data: Vec::new(),
        }))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

/// Checks preconditions early where possible; the final write checks them again.
fn early(base: &dyn Store, key: &str, options: &PutOptions) -> Result<()> {
    if !options.if_absent && options.if_match.is_none() {
        return Ok(());
    }
    match base.stat(key) {
        Ok(info) => check_write(options, Some(&marks::show(info))),
        Err(Error::NotFound) => check_write(options, None),
        Err(Error::Unsupported(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

enum State {
    Encoded(Source),
    Decoded { data: Vec<u8>, given: usize },
    Failed(Error),
}

/// Decodes on the first call.
struct WholeReader<T> {
    store: Rc<Inner<T>>,
    key: String,
    info: ObjectInfo,
    state: State,
}

impl<T: Transform> Reader for WholeReader<T> {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        if let State::Encoded(source) = &mut self.state {
            self.state = match self.store.decode(&self.key, &self.info, source) {
                Ok(data) => State::Decoded { data, given: 0 },
                Err(error) => State::Failed(error),
            };
        }
        match &mut self.state {
            State::Decoded { data, given } => {
                let end = data.len().min(given.saturating_add(max));
                let part = data.get(*given..end).unwrap_or_default().to_vec();
                *given = end;
                Ok(part)
            }
            State::Failed(error) => Err(error.clone()),
            State::Encoded(_) => Ok(Vec::new()),
        }
    }
}

struct WholeWriter<T> {
    store: Rc<Inner<T>>,
    key: String,
    options: PutOptions,
    data: Vec<u8>,
}

impl<T: Transform> Writer for WholeWriter<T> {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.store.check_size(self.data.len() + chunk.len())?;
        self.data.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        self.options.absorb(trailer);
        let Self { store, key, options, data } = *self;
        store.put(&key, &data, options)
    }
}
