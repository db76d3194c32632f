//! An adapter that shows an async store as the sync trait. It serves code
//! written against that trait, such as the conformance suite.

use crate as host;
use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result, Trailer,
};
use storage_contract::{Reader, SharedStore, Store, Writer};
use tokio::runtime::Runtime;

/// Creates a runtime that drives blocking stores.
pub fn runtime() -> std::io::Result<Arc<Runtime>> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(Arc::new(builder.worker_threads(1).enable_all().build()?))
}

/// Blocks on calls until they end. Must not be used on a runtime's thread.
#[derive(Clone)]
pub struct Driver {
    runtime: Arc<Runtime>,
    until: Option<Instant>,
}

impl Driver {
    /// Waits without a limit.
    pub fn new(runtime: &Arc<Runtime>) -> Self {
        Self { runtime: runtime.clone(), until: None }
    }

    /// Waits until a deadline. Calls that start or end later fail with
    /// `LimitExceeded`.
    pub fn until(runtime: &Arc<Runtime>, until: Instant) -> Self {
        Self { runtime: runtime.clone(), until: Some(until) }
    }

    /// Blocks until `call` ends and returns its result.
    pub fn wait<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(until) = self.until else { return self.runtime.block_on(call) };
        let late = || Error::LimitExceeded("the time was over".to_owned());
        if Instant::now() >= until {
            return Err(late());
        }
        let timely = async { tokio::time::timeout_at(until.into(), call).await };
        self.runtime.block_on(timely).unwrap_or_else(|_| Err(late()))
    }
}

/// The adapter: every call blocks.
pub struct Blocking {
    driver: Driver,
    store: host::SharedStore,
}

impl Blocking {
    /// Adapts `store`, driven by `runtime`.
    pub fn shared(runtime: &Arc<Runtime>, store: host::SharedStore) -> SharedStore {
        Self::driven(&Driver::new(runtime), store)
    }

    /// Adapts `store` with the deadline of `driver`.
    pub fn driven(driver: &Driver, store: host::SharedStore) -> SharedStore {
        Rc::new(Blocking { driver: driver.clone(), store })
    }

    /// Finds where `store` does an operation instead.
    pub fn there(
        driver: &Driver,
        store: host::SharedStore,
    ) -> impl Fn(&str, Access) -> Result<Option<(SharedStore, String)>> + use<> {
        let driver = driver.clone();
        move |key, access| {
            let located = driver.wait(store.locate(key, access))?;
            Ok(located.map(|(store, key)| (Self::driven(&driver, store), key)))
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Blocking {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let (info, data) = self.driver.wait(self.store.get(key, options.clone()))?;
        Ok((info, data.to_vec()))
    }
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let data = Bytes::copy_from_slice(data);
        self.driver.wait(self.store.put(key, data, options.clone()))
    }
    fn exists(&self, key: &str) -> Result<bool> {
        self.driver.wait(self.store.exists(key))
    }
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.driver.wait(self.store.delete(key, options.clone()))
    }
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.driver.wait(self.store.stat(key))
    }
    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.driver.wait(self.store.list(options.clone()))
    }
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let reader = self.driver.wait(self.store.read(key, options.clone()))?;
        Ok(Box::new(BlockingReader { driver: self.driver.clone(), reader: Some(reader) }))
    }
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let writer = self.driver.wait(self.store.write(key, options.clone()))?;
        Ok(Box::new(BlockingWriter { driver: self.driver.clone(), writer: Some(writer) }))
    }
    /// The async store follows its locations by itself.
    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

struct BlockingReader {
    driver: Driver,
    reader: Option<Box<dyn host::Reader>>,
}

impl Reader for BlockingReader {
    fn info(&self) -> &ObjectInfo {
        static NONE: ObjectInfo = ObjectInfo {
            size: None,
            etag: None,
            modified: None,
            content_type: None,
            metadata: Vec::new(),
        };
        self.reader.as_ref().map_or(&NONE, |reader| reader.info())
    }
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        match &mut self.reader {
            Some(reader) => Ok(self.driver.wait(reader.next(max))?.to_vec()),
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for BlockingReader {
    // The sandbox releases its resources in tasks, which need a runtime.
    fn drop(&mut self) {
        let _context = self.driver.runtime.enter();
        self.reader.take();
    }
}

struct BlockingWriter {
    driver: Driver,
    writer: Option<Box<dyn host::Writer>>,
}

impl Writer for BlockingWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        match &mut self.writer {
            Some(writer) => self.driver.wait(writer.push(Bytes::copy_from_slice(chunk))),
            None => Ok(()),
        }
    }
    fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        match self.writer.take() {
            Some(writer) => self.driver.wait(writer.finish(trailer)),
            None => Err(Error::Other("finished already".to_owned())),
        }
    }
}

impl Drop for BlockingWriter {
    fn drop(&mut self) {
        let _context = self.driver.runtime.enter();
        self.writer.take();
    }
}
