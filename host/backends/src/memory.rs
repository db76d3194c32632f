//! DictStore: objects in memory, lost when the process ends.

use super::backend::{Backend, Medium, OpenArgs};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};
use storage_contract::options;
use storage_contract::options::Options;
use storage_store::{
    Access, Capabilities, DeleteOptions, Entry, Error, ListOptions, ObjectInfo, ObjectStore,
    PAGE_LIMIT, Page, PutOptions, ReadOptions, Reader, Result, SharedStore, Trailer, Writer,
    check_key, check_write,
};

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "DictStore",
    aliases: &["MemoryStore"],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects in memory, gone when the process ends.",
    medium: Medium::Process,
    files: &[],
    open: |args| Box::pin(async move { Memory::open(&args).map(|m| Arc::new(m) as SharedStore) }),
};

options! {
    struct Config {
        /// What the store holds at the start: keys and their text, kept as UTF-8.
        objects: BTreeMap<String, String> = {},
    }
}

/// An object store in memory. Clones share the objects.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<RwLock<Objects>>,
    /// Part of every derived etag, so that an etag from an earlier run never
    /// matches.
    run: u64,
}

#[derive(Default)]
struct Objects {
    by_key: BTreeMap<String, Arc<Object>>,
    version: u64,
}

struct Object {
    info: ObjectInfo,
    data: Bytes,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self { shared: Arc::default(), run: RandomState::new().hash_one(0) }
    }

    fn open(args: &OpenArgs) -> Result<Self> {
        let store = Self::new();
        let config: Config = args.parse()?;
        for (key, text) in config.objects {
            check_key(&key).map_err(|e| args.bad(&format!("objects: {key:?}: {e}")))?;
            store.publish(&key, Bytes::from(text), PutOptions::default())?;
        }
        Ok(store)
    }

    // Every change is one insert or remove, so a panic can't leave the map half
    // changed.
    fn objects(&self) -> RwLockReadGuard<'_, Objects> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn objects_mut(&self) -> RwLockWriteGuard<'_, Objects> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &str) -> Result<Arc<Object>> {
        check_key(key)?;
        self.objects().by_key.get(key).cloned().ok_or(Error::NotFound)
    }

    fn publish(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let modified = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|d| u64::try_from(d.as_millis()).ok());
        let mut objects = self.objects_mut();
        check_write(&options, objects.by_key.get(key).map(|o| &o.info))?;
        objects.version += 1;
        let version = objects.version;
        let info = ObjectInfo {
            size: Some(data.len() as u64),
            etag: Some(options.etag.unwrap_or_else(|| format!("{:016x}{version:x}-1", self.run))),
            modified,
            content_type: options.content_type,
            metadata: options.metadata,
        };
        let object = Arc::new(Object { info: info.clone(), data });
        let replaced = objects.by_key.insert(key.to_owned(), object);
        drop(objects);
        // Freeing a large object takes time, so do it outside the lock.
        drop(replaced);
        Ok(info)
    }

    fn slice(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        let object = self.find(key)?;
        options.check(&object.info)?;
        let size = object.data.len();
        let (start, end) = options.range.unwrap_or_default().resolve(size as u64)?;
        let bound = |at: u64| usize::try_from(at).unwrap_or(size).min(size);
        Ok((object.info.clone(), object.data.slice(bound(start)..bound(end))))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.slice(key, &options)
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        check_key(key)?;
        self.publish(key, data, options)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        Ok(self.objects().by_key.contains_key(key))
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        check_key(key)?;
        let mut objects = self.objects_mut();
        let object = objects.by_key.get(key).ok_or(Error::NotFound)?;
        if options.if_match.is_some() && options.if_match != object.info.etag {
            return Err(Error::PreconditionFailed);
        }
        let removed = objects.by_key.remove(key);
        drop(objects);
        drop(removed);
        Ok(())
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        Ok(self.find(key)?.info.clone())
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        if options.skipped {
            return Ok(Page::default());
        }
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let prefix = options.prefix.as_str();
        let start = match options.start_after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let objects = self.objects();
        let mut rest = objects
            .by_key
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

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let (info, data) = self.slice(key, &options)?;
        Ok(Box::new(MemoryReader { info, data }))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        check_key(key)?;
        check_write(&options, self.objects().by_key.get(key).map(|o| &o.info))?;
        let key = key.to_owned();
        Ok(Box::new(MemoryWriter { store: self.clone(), key, options, data: BytesMut::new() }))
    }

    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        check_key(to)?;
        match self.find(from) {
            Ok(object) if object.info.etag.as_deref() == Some(etag) => {
                self.publish(to, object.data.clone(), options).map(Some)
            }
            Ok(_) | Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn join(
        &self,
        _: &[(String, String)],
        _: &str,
        _: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        Ok(None)
    }

    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

struct MemoryReader {
    info: ObjectInfo,
    data: Bytes,
}

#[async_trait]
impl Reader for MemoryReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        Ok(self.data.split_to(max.min(self.data.len())))
    }
}

struct MemoryWriter {
    store: Memory,
    key: String,
    options: PutOptions,
    data: BytesMut,
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.data.extend_from_slice(&chunk);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        self.options.absorb(trailer);
        self.store.publish(&self.key, self.data.freeze(), self.options)
    }
}
