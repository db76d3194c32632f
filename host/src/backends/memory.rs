//! `DictStore`: objects in memory, gone when the process ends.

use super::{Backend, OpenArgs};
use crate::store::{
    Capabilities, DeleteOptions, Entry, Error, ListOptions, Metadata, ObjectInfo, ObjectStore,
    PAGE_LIMIT, Page, PutOptions, ReadOptions, Reader, Result, SharedStore, Trailer, Writer,
    check_key, check_write,
};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// See the module.
pub static BACKEND: Backend = Backend {
    name: "DictStore",
    aliases: &["MemoryStore"],
    config_schema: r#"{"type":"object","properties":{
        "objects":{"type":"object","additionalProperties":{"type":"string"},"default":{},
            "description":"Objects to start with: keys and their text, stored as UTF-8"}
    },"additionalProperties":false}"#,
    doc: "Keeps objects in memory, until the process ends",
    open: |args| Box::pin(async move { open(&args) }),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    objects: BTreeMap<String, String>,
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let config =
        Config::deserialize(&args.config).map_err(|e| Error::InvalidConfig(e.to_string()))?;
    let memory = Memory::new();
    for (key, text) in config.objects {
        check_key(&key)?;
        memory.publish(&key, text.into(), PutOptions::default())?;
    }
    Ok(Arc::new(memory))
}

/// An object store in memory. Clones share the objects. Reading copies
/// nothing: the bytes are shared with whoever reads them.
#[derive(Clone, Default)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: RwLock<BTreeMap<String, Object>>,
    version: AtomicU64,
}

#[derive(Clone)]
struct Object {
    data: Bytes,
    etag: String,
    modified: u64,
    content_type: Option<String>,
    metadata: Metadata,
}

impl Object {
    fn info(&self) -> ObjectInfo {
        ObjectInfo {
            size: Some(self.data.len() as u64),
            etag: Some(self.etag.clone()),
            modified: Some(self.modified),
            content_type: self.content_type.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(&self, key: &str, f: impl FnOnce(&Object) -> Result<T>) -> Result<T> {
        check_key(key)?;
        let objects = self.inner.objects.read().unwrap_or_else(PoisonError::into_inner);
        f(objects.get(key).ok_or(Error::NotFound)?)
    }

    fn publish(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let mut objects = self.inner.objects.write().unwrap_or_else(PoisonError::into_inner);
        check_write(&options, objects.get(key).map(Object::info).as_ref())?;
        let version = self.inner.version.fetch_add(1, Ordering::Relaxed);
        let object = Object {
            data,
            etag: options.etag.unwrap_or_else(|| format!("{version:016x}-1")),
            modified: now(),
            content_type: options.content_type,
            metadata: options.metadata,
        };
        let info = object.info();
        objects.insert(key.to_owned(), object);
        Ok(info)
    }

    fn slice(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.with(key, |object| {
            let info = object.info();
            options.check(&info)?;
            let size = object.data.len();
            let (start, end) = options.range.unwrap_or_default().resolve(size as u64)?;
            let at = |n: u64| usize::try_from(n).unwrap_or(size).min(size);
            Ok((info, object.data.slice(at(start)..at(end))))
        })
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
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
        match self.with(key, |_| Ok(())) {
            Ok(()) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        check_key(key)?;
        let mut objects = self.inner.objects.write().unwrap_or_else(PoisonError::into_inner);
        let object = objects.get(key).ok_or(Error::NotFound)?;
        if options.if_match.is_some_and(|wanted| wanted != object.etag) {
            return Err(Error::PreconditionFailed);
        }
        objects.remove(key);
        Ok(())
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.with(key, |object| Ok(object.info()))
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        let objects = self.inner.objects.read().unwrap_or_else(PoisonError::into_inner);
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let prefix = options.prefix.as_str();
        let start = match options.start_after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut rest = objects
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix));
        let entry =
            |(key, object): (&String, &Object)| Entry { key: key.clone(), info: object.info() };
        let entries: Vec<Entry> = rest.by_ref().take(limit).map(entry).collect();
        let more = rest.next().is_some();
        let next = entries.last().filter(|_| more).map(|e| e.key.clone());
        Ok(Page { entries, next })
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let (info, data) = self.slice(key, &options)?;
        Ok(Box::new(MemoryReader { info, data }))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        check_key(key)?;
        {
            let objects = self.inner.objects.read().unwrap_or_else(PoisonError::into_inner);
            check_write(&options, objects.get(key).map(Object::info).as_ref())?;
        }
        let data = BytesMut::new();
        Ok(Box::new(MemoryWriter { store: self.clone(), key: key.to_owned(), options, data }))
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

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(config: serde_json::Value) -> OpenArgs {
        OpenArgs { name: "m".to_owned(), config, directory: ".".into(), check_only: false }
    }

    #[tokio::test]
    async fn config_seeds_objects_with_text_as_utf_8() {
        let store = open(&args(serde_json::json!({"objects": {"k": "é"}}))).unwrap();
        let (info, data) = store.get("k", ReadOptions::default()).await.unwrap();
        assert_eq!((&data[..], info.size), ("é".as_bytes(), Some(2)));
    }

    #[tokio::test]
    async fn a_seeded_key_that_is_no_key_is_refused() {
        let opened = open(&args(serde_json::json!({"objects": {"": "x"}})));
        assert!(matches!(opened.err(), Some(Error::InvalidKey(_))));
    }

    #[tokio::test]
    async fn a_dropped_writer_publishes_nothing() {
        let store = Memory::new();
        let mut writer = store.write("k", PutOptions::default()).await.unwrap();
        writer.push("half".into()).await.unwrap();
        drop(writer);
        assert_eq!(store.exists("k").await, Ok(false));
    }
}
