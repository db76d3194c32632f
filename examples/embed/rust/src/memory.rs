//! A complete store in memory, with every capability of the contract.

use crate::types::{
    ByteRange, Capabilities, DeleteOptions, Entry, Error, ListOptions, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most entries of a page.
const PAGE: u32 = 1_000;

/// The most bytes of a key, in UTF-8.
const MAX_KEY_BYTES: usize = 4_096;

/// The most bytes in one answer; larger objects must be streamed.
const MOST_AT_ONCE: usize = 8 * 1024 * 1024;

/// A store in memory. Clones share the objects.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<Objects>>);

#[derive(Default)]
struct Objects {
    by_key: BTreeMap<String, Object>,
    writes: u64,
}

#[derive(Clone)]
struct Object {
    info: ObjectInfo,
    data: Arc<[u8]>,
}

impl Memory {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        // Every change is a single insert or remove, so a panic leaves nothing half
        // done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &str) -> Result<Object, Error> {
        check(key)?;
        self.objects().by_key.get(key).cloned().ok_or(Error::NotFound)
    }

    /// All capabilities of the contract.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }

    /// See the contract.
    pub fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>), Error> {
        let mut reader = self.read(key, options)?;
        if reader.end - reader.position > MOST_AT_ONCE {
            return Err(Error::LimitExceeded("more than 8 MiB are to be streamed".to_owned()));
        }
        Ok((reader.info(), reader.next(MOST_AT_ONCE)))
    }

    /// See the contract.
    pub fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo, Error> {
        check(key)?;
        let mut objects = self.objects();
        met(objects.by_key.get(key), options.if_absent, options.if_match.as_ref())?;
        objects.writes += 1;
        let derived = format!("{:08x}-1", objects.writes);
        let info = ObjectInfo {
            size: Some(data.len() as u64),
            etag: Some(options.etag.clone().unwrap_or(derived)),
            modified: Some(crate::clock::now()),
            content_type: options.content_type.clone(),
            metadata: options.metadata.clone(),
        };
        let object = Object { info: info.clone(), data: data.into() };
        objects.by_key.insert(key.to_owned(), object);
        Ok(info)
    }

    /// See the contract.
    pub fn delete(&self, key: &str, options: &DeleteOptions) -> Result<(), Error> {
        check(key)?;
        let mut objects = self.objects();
        let object = objects.by_key.get(key).ok_or(Error::NotFound)?;
        met(Some(object), false, options.if_match.as_ref())?;
        objects.by_key.remove(key);
        Ok(())
    }

    /// See the contract.
    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        check(key)?;
        Ok(self.objects().by_key.contains_key(key))
    }

    /// See the contract.
    pub fn stat(&self, key: &str) -> Result<ObjectInfo, Error> {
        Ok(self.find(key)?.info)
    }

    /// See the contract.
    pub fn list(&self, options: &ListOptions) -> Page {
        if options.skipped {
            // Everything in here is an object.
            return Page { entries: Vec::new(), skipped: Vec::new(), next: None };
        }
        let objects = self.objects();
        let prefix = options.prefix.as_str();
        let start = match options.start_after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let most = options.limit.unwrap_or(PAGE).clamp(1, PAGE) as usize;
        let mut found = objects.by_key.range::<str, _>((start, Bound::Unbounded));
        let mut entries: Vec<Entry> = found
            .by_ref()
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(most + 1)
            .map(|(key, object)| Entry { key: key.clone(), info: object.info.clone() })
            .collect();
        let more = entries.len() > most;
        entries.truncate(most);
        let next = entries.last().filter(|_| more).map(|entry| entry.key.clone());
        Page { entries, skipped: Vec::new(), next }
    }

    /// See the contract.
    pub fn read(&self, key: &str, options: &ReadOptions) -> Result<Reader, Error> {
        let object = self.find(key)?;
        let etag = object.info.etag.as_ref();
        let wrong = options.if_match.is_some() && options.if_match.as_ref() != etag;
        if wrong || options.if_none_match.is_some() && options.if_none_match.as_ref() == etag {
            return Err(Error::PreconditionFailed);
        }
        let (position, end) = bounds(options.range.as_ref(), object.data.len())?;
        Ok(Reader { object, position, end })
    }

    /// See the contract.
    pub fn write(&self, key: &str, options: PutOptions) -> Result<Writer, Error> {
        check(key)?;
        let objects = self.objects();
        met(objects.by_key.get(key), options.if_absent, options.if_match.as_ref())?;
        let opened = Opened { key: key.to_owned(), options, data: Vec::new() };
        Ok(Writer { store: self.clone(), opened: Some(opened) })
    }
}

/// Reads an object as it was when it was opened.
pub struct Reader {
    object: Object,
    position: usize,
    end: usize,
}

impl Reader {
    /// See the contract.
    pub fn info(&self) -> ObjectInfo {
        self.object.info.clone()
    }

    /// See the contract.
    pub fn next(&mut self, max: usize) -> Vec<u8> {
        let from = self.position;
        self.position = self.end.min(from.saturating_add(max.min(MOST_AT_ONCE)));
        self.object.data[from..self.position].to_vec()
    }
}

/// Collects an object. Dropped before `finish`, it leaves nothing behind.
pub struct Writer {
    store: Memory,
    opened: Option<Opened>,
}

struct Opened {
    key: String,
    options: PutOptions,
    data: Vec<u8>,
}

impl Writer {
    /// See the contract.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.opened.as_mut().ok_or_else(finished)?.data.extend_from_slice(chunk);
        Ok(())
    }

    /// See the contract.
    pub fn finish(&mut self, trailer: Trailer) -> Result<ObjectInfo, Error> {
        let Opened { key, mut options, data } = self.opened.take().ok_or_else(finished)?;
        options.etag = trailer.etag.or(options.etag);
        options.metadata.retain(|(name, _)| trailer.metadata.iter().all(|(new, _)| new != name));
        options.metadata.extend(trailer.metadata);
        self.store.put(&key, &data, &options)
    }
}

fn finished() -> Error {
    Error::Other("this writer was finished already".to_owned())
}

fn check(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.contains('\0') {
        return Err(Error::InvalidKey(format!(
            "a key has 1 to {MAX_KEY_BYTES} bytes of UTF-8 and no NUL"
        )));
    }
    Ok(())
}

fn met(current: Option<&Object>, absent: bool, etag: Option<&String>) -> Result<(), Error> {
    match (current, etag) {
        (Some(_), _) if absent => Err(Error::AlreadyExists),
        (None, Some(_)) => Err(Error::NotFound),
        (Some(object), Some(etag)) if object.info.etag.as_ref() != Some(etag) => {
            Err(Error::PreconditionFailed)
        }
        _ => Ok(()),
    }
}

/// The start and the exclusive end of a range.
fn bounds(range: Option<&ByteRange>, size: usize) -> Result<(usize, usize), Error> {
    let Some(range) = range else { return Ok((0, size)) };
    let number = |n: Option<u64>| n.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    match (number(range.offset), number(range.length)) {
        (None, None) => Ok((0, size)),
        (_, Some(0)) => Err(Error::InvalidRange),
        (None, Some(_)) if size == 0 => Err(Error::InvalidRange),
        (None, Some(length)) => Ok((size.saturating_sub(length), size)),
        (Some(offset), _) if offset >= size => Err(Error::InvalidRange),
        (Some(offset), None) => Ok((offset, size)),
        (Some(offset), Some(length)) => Ok((offset, offset.saturating_add(length).min(size))),
    }
}
