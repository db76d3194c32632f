//! A complete store in memory for one thread. Tests compare other stores with it;
//! benchmarks use it as the base of decorators.

use crate::store::{Reader, Store, Writer};
use crate::types::{
    Access, Capabilities, DeleteOptions, Entry, Error, ListOptions, Location, MAX_INLINE_BYTES,
    ObjectInfo, PAGE_LIMIT, Page, PutOptions, ReadOptions, Result, Trailer, check_key, check_write,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

/// An object store in memory. Clones share the objects.
#[derive(Clone, Default)]
pub struct Memory {
    objects: Rc<RefCell<BTreeMap<String, Object>>>,
    version: Rc<Cell<u64>>,
    /// The name that `locate` answers with.
    name: Option<Rc<str>>,
}

#[derive(Clone)]
struct Object {
    info: ObjectInfo,
    data: Rc<[u8]>,
}

impl Memory {
    /// The same store, given to a component under this name: `locate` then answers
    /// with it.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: Some(name.into()), ..self.clone() }
    }

    fn find(&self, key: &str) -> Result<Object> {
        check_key(key)?;
        self.objects.borrow().get(key).cloned().ok_or(Error::NotFound)
    }

    fn publish(&self, key: &str, data: &[u8], options: PutOptions) -> Result<ObjectInfo> {
        let mut objects = self.objects.borrow_mut();
        check_write(&options, objects.get(key).map(|o| &o.info))?;
        let version = self.version.get() + 1;
        self.version.set(version);
        let info = ObjectInfo {
            size: Some(data.len() as u64),
            etag: Some(options.etag.unwrap_or_else(|| format!("{version:016x}-1"))),
            modified: Some(version),
            content_type: options.content_type,
            metadata: options.metadata,
        };
        objects.insert(key.to_owned(), Object { info: info.clone(), data: data.into() });
        Ok(info)
    }

    fn open(&self, key: &str, options: &ReadOptions) -> Result<(Object, usize, usize)> {
        let object = self.find(key)?;
        options.check(&object.info)?;
        let size = object.data.len();
        let (start, end) = options.range.unwrap_or_default().resolve(size as u64)?;
        Ok((object, usize::try_from(start).unwrap_or(size), usize::try_from(end).unwrap_or(size)))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let (object, start, end) = self.open(key, options)?;
        if (end - start) as u64 > MAX_INLINE_BYTES {
            return Err(Error::LimitExceeded("stream large objects with read".to_owned()));
        }
        Ok((object.info, object.data[start..end].to_vec()))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        check_key(key)?;
        self.publish(key, data, options.clone())
    }

    fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        Ok(self.objects.borrow().contains_key(key))
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let object = self.find(key)?;
        if options.if_match.is_some() && options.if_match != object.info.etag {
            return Err(Error::PreconditionFailed);
        }
        self.objects.borrow_mut().remove(key);
        Ok(())
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        Ok(self.find(key)?.info)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        if options.skipped {
            return Ok(Page::default());
        }
        let objects = self.objects.borrow();
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let prefix = options.prefix.as_str();
        let start = match options.start_after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut rest = objects
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let entries: Vec<Entry> = rest
            .by_ref()
            .take(limit)
            .map(|(key, object)| Entry { key: key.clone(), info: object.info.clone() })
            .collect();
        let more = rest.next().is_some();
        let next = entries.last().filter(|_| more).map(|e| e.key.clone());
        Ok(Page::of(entries, next))
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let (object, start, end) = self.open(key, options)?;
        Ok(Box::new(MemoryReader { object, position: start, end }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        check_key(key)?;
        check_write(options, self.objects.borrow().get(key).map(|o| &o.info))?;
        Ok(Box::new(MemoryWriter {
            store: self.clone(),
            key: key.to_owned(),
            options: options.clone(),
            data: Vec::new(),
        }))
    }

    fn locate(&self, key: &str, _: Access) -> Result<Option<Location>> {
        let named = |name: &Rc<str>| Location { base: name.to_string(), key: key.to_owned() };
        Ok(self.name.as_ref().map(named))
    }
}

struct MemoryReader {
    object: Object,
    position: usize,
    end: usize,
}

impl Reader for MemoryReader {
    fn info(&self) -> &ObjectInfo {
        &self.object.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let end = self.end.min(self.position.saturating_add(max));
        let chunk = self.object.data[self.position..end].to_vec();
        self.position = end;
        Ok(chunk)
    }
}

struct MemoryWriter {
    store: Memory,
    key: String,
    options: PutOptions,
    data: Vec<u8>,
}

impl Writer for MemoryWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.data.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        self.options.absorb(trailer);
        self.store.publish(&self.key, &self.data, self.options)
    }
}
