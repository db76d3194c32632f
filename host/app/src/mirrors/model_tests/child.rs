//! An in-memory child with injected faults, for the decorator and for healing, and the
//! coordinator for both.

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use storage_contract::env;
use storage_contract::store::{self as core, Store};
use storage_sandbox::coordinator::{Coordinator, Guard};
use storage_store::*;

/// A clock for all children, so that the newest copy is known.
static CLOCK: AtomicU64 = AtomicU64::new(1);

#[derive(Default)]
pub(super) struct State {
    pub objects: BTreeMap<String, (ObjectInfo, Bytes)>,
    /// All operations fail.
    pub down: bool,
    /// Writes fail.
    pub full: bool,
    /// Writes and deletes take effect, but report failure.
    pub mute: bool,
}

/// A child in memory, with its faults. Clones share their state.
#[derive(Clone, Default)]
pub(super) struct Child(Arc<Mutex<State>>);

fn fault() -> Error {
    Error::Unavailable("injected".to_owned())
}

impl Child {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn enter(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.down { Err(fault()) } else { Ok(state) }
    }

    /// The version that it holds of a key, whatever its faults.
    pub fn holds(&self, key: &str) -> Option<u64> {
        self.state().objects.get(key).map(|(_, data)| version(data))
    }

    fn publish(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let mut state = self.enter()?;
        check_write(&options, state.objects.get(key).map(|(info, _)| info))?;
        if state.full {
            return Err(Error::LimitExceeded("injected: full".to_owned()));
        }
        let modified = CLOCK.fetch_add(1, Ordering::Relaxed);
        let info = ObjectInfo {
            size: Some(data.len() as u64),
            etag: Some(options.etag.unwrap_or_else(|| format!("{modified}-1"))),
            modified: Some(modified),
            content_type: options.content_type,
            metadata: options.metadata,
        };
        state.objects.insert(key.to_owned(), (info.clone(), data));
        if state.mute { Err(fault()) } else { Ok(info) }
    }
}

#[async_trait]
impl ObjectStore for Child {
    fn capabilities(&self) -> Capabilities {
        Capabilities { range: false, ..Capabilities::ALL }
    }
    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        let (info, data) = self.enter()?.objects.get(key).cloned().ok_or(Error::NotFound)?;
        options.check(&info)?;
        Ok((info, data))
    }
    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.publish(key, data, options)
    }
    async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.enter()?.objects.contains_key(key))
    }
    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        let mut state = self.enter()?;
        let (info, _) = state.objects.get(key).ok_or(Error::NotFound)?;
        if options.if_match.is_some() && options.if_match != info.etag {
            return Err(Error::PreconditionFailed);
        }
        state.objects.remove(key);
        if state.mute { Err(fault()) } else { Ok(()) }
    }
    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        let found = self.enter()?.objects.get(key).map(|(info, _)| info.clone());
        found.ok_or(Error::NotFound)
    }
    async fn list(&self, options: ListOptions) -> Result<Page> {
        let state = self.enter()?;
        let after = |key: &&String| options.start_after.as_ref().is_none_or(|after| *key > after);
        let limit = options.limit.unwrap_or(PAGE_LIMIT) as usize;
        let mut keys =
            state.objects.keys().filter(after).filter(|k| k.starts_with(&options.prefix));
        let entry = |key: &String| Entry { key: key.clone(), info: state.objects[key].0.clone() };
        let entries: Vec<Entry> = keys.by_ref().take(limit).map(entry).collect();
        let next = keys.next().and(entries.last()).map(|entry| entry.key.clone());
        Ok(Page::of(entries, next))
    }
    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let (info, data) = self.get(key, options).await?;
        Ok(Box::new(Stream { child: self.clone(), info, data }))
    }
    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        check_write(&options, self.enter()?.objects.get(key).map(|(info, _)| info))?;
        let key = key.to_owned();
        Ok(Box::new(Upload { child: self.clone(), key, options, data: Vec::new() }))
    }
    async fn copy(&self, _: &str, _: &str, _: &str, _: PutOptions) -> Result<Option<ObjectInfo>> {
        Ok(None)
    }
    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

struct Stream {
    child: Child,
    info: ObjectInfo,
    data: Bytes,
}

#[async_trait]
impl Reader for Stream {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }
    async fn next(&mut self, max: usize) -> Result<Bytes> {
        drop(self.child.enter()?);
        Ok(self.data.split_to(self.data.len().min(max)))
    }
}

struct Upload {
    child: Child,
    key: String,
    options: PutOptions,
    data: Vec<u8>,
}

#[async_trait]
impl Writer for Upload {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        drop(self.child.enter()?);
        self.data.extend(chunk);
        Ok(())
    }
    async fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let mut options = self.options;
        options.etag = trailer.etag.or(options.etag);
        self.child.publish(&self.key, self.data.into(), options)
    }
}

/// The same child for the decorator, which is synchronous.
pub(super) struct Plain<T: ?Sized>(pub Box<T>);

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a child in memory does not wait")
}

impl Store for Plain<Child> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        now(self.0.get(key, options.clone())).map(|(info, data)| (info, data.to_vec()))
    }
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        now(self.0.put(key, data.to_vec().into(), options.clone()))
    }
    fn exists(&self, key: &str) -> Result<bool> {
        now(self.0.exists(key))
    }
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        now(self.0.delete(key, options.clone()))
    }
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        now(self.0.stat(key))
    }
    fn list(&self, options: &ListOptions) -> Result<Page> {
        now(self.0.list(options.clone()))
    }
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn core::Reader>> {
        Ok(Box::new(Plain(now(self.0.read(key, options.clone()))?)))
    }
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn core::Writer>> {
        Ok(Box::new(Plain(now(self.0.write(key, options.clone()))?)))
    }
    fn locate(&self, _: &str, _: Access) -> Result<Option<storage_contract::Location>> {
        Ok(None)
    }
}

impl core::Reader for Plain<dyn Reader> {
    fn info(&self) -> &ObjectInfo {
        self.0.info()
    }
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        now(self.0.next(max)).map(|chunk| chunk.to_vec())
    }
}

impl core::Writer for Plain<dyn Writer> {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        now(self.0.push(chunk.to_vec().into()))
    }
    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        now(self.0.finish(trailer))
    }
}

/// The host's coordinator for the decorator, with its own clock.
pub(super) struct Process {
    pub coordinator: Coordinator,
    pub runtime: Rc<tokio::runtime::Runtime>,
    pub time: Cell<u64>,
}

struct Held(Guard);

impl env::Guard for Held {
    fn check(&self) -> Result<()> {
        self.0.check()
    }
}

impl env::Coordinator for Process {
    fn lock(&self, name: &str) -> Result<Box<dyn env::Guard>> {
        let held = self.runtime.block_on(self.coordinator.lock(name))?;
        Ok(Box::new(Held(held)))
    }
    fn load(&self, name: &str) -> Result<Option<env::Versioned>> {
        let found = self.coordinator.load(name)?;
        Ok(found.map(|(value, version)| env::Versioned { value, version }))
    }
    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64> {
        self.coordinator.compare_and_set(name, expected, value.map(<[u8]>::to_vec))
    }
    fn now(&self) -> u64 {
        self.time.get()
    }
}

/// The version number in an object's bytes.
pub(super) fn version(data: &[u8]) -> u64 {
    std::str::from_utf8(data).unwrap().parse().unwrap()
}
