//! An async store of the host, shown as the sync trait.

use bytes::Bytes;
use std::rc::Rc;
use std::sync::Arc;
use storage_core::types::{
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions, Result,
    Trailer,
};
use storage_core::{Reader, SharedStore, Store, Writer};
use storage_host::store as host;
use tokio::runtime::Runtime;

/// The runtime that drives a blocking store.
pub fn runtime() -> std::io::Result<Arc<Runtime>> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(Arc::new(builder.worker_threads(1).enable_all().build()?))
}

/// The adapter: every call waits for its end.
pub struct Blocking {
    runtime: Arc<Runtime>,
    store: host::SharedStore,
}

impl Blocking {
    /// Shows `store`, driven by `runtime`.
    pub fn shared(runtime: &Arc<Runtime>, store: host::SharedStore) -> SharedStore {
        Rc::new(Blocking { runtime: runtime.clone(), store })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Blocking {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let (info, data) = self.runtime.block_on(self.store.get(key, options.clone()))?;
        Ok((info, data.to_vec()))
    }
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let data = Bytes::copy_from_slice(data);
        self.runtime.block_on(self.store.put(key, data, options.clone()))
    }
    fn exists(&self, key: &str) -> Result<bool> {
        self.runtime.block_on(self.store.exists(key))
    }
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.runtime.block_on(self.store.delete(key, options.clone()))
    }
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.runtime.block_on(self.store.stat(key))
    }
    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.runtime.block_on(self.store.list(options.clone()))
    }
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let reader = self.runtime.block_on(self.store.read(key, options.clone()))?;
        Ok(Box::new(BlockingReader { runtime: self.runtime.clone(), reader: Some(reader) }))
    }
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let writer = self.runtime.block_on(self.store.write(key, options.clone()))?;
        Ok(Box::new(BlockingWriter { runtime: self.runtime.clone(), writer: Some(writer) }))
    }
}

struct BlockingReader {
    runtime: Arc<Runtime>,
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
            Some(reader) => Ok(self.runtime.block_on(reader.next(max))?.to_vec()),
            None => Ok(Vec::new()),
        }
    }
}

impl Drop for BlockingReader {
    // Resources of the sandbox are let go of by tasks: those need a runtime.
    fn drop(&mut self) {
        let _context = self.runtime.enter();
        self.reader.take();
    }
}

struct BlockingWriter {
    runtime: Arc<Runtime>,
    writer: Option<Box<dyn host::Writer>>,
}

impl Writer for BlockingWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        match &mut self.writer {
            Some(writer) => self.runtime.block_on(writer.push(Bytes::copy_from_slice(chunk))),
            None => Ok(()),
        }
    }
    fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        match self.writer.take() {
            Some(writer) => self.runtime.block_on(writer.finish(trailer)),
            None => Err(storage_core::types::Error::Other("finished already".to_owned())),
        }
    }
}

impl Drop for BlockingWriter {
    fn drop(&mut self) {
        let _context = self.runtime.enter();
        self.writer.take();
    }
}
