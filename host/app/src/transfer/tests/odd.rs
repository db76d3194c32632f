//! An in-memory store with injected faults, for tests.

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use storage_backends::memory::Memory;
use storage_store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, ObjectStore, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Skipped, Writer,
};

/// A store in memory with one fault.
pub struct Odd {
    pub memory: Memory,
    pub capabilities: Capabilities,
    /// Listing fails on this page.
    pub fails_at_page: Option<usize>,
    /// Pages list their entries in reverse.
    pub backwards: bool,
    /// Readers announce more bytes than they return.
    pub short: bool,
    /// Every object changes once it has been read.
    pub restless: bool,
    /// The most concurrent reads so far, and the current ones.
    pub reads: Arc<Mutex<(usize, usize)>>,
    pub pages: Mutex<usize>,
    /// Its entries that are not objects.
    pub left_out: Vec<&'static str>,
}

impl Odd {
    pub fn new() -> Self {
        Self {
            memory: Memory::new(),
            capabilities: Capabilities::ALL,
            fails_at_page: None,
            backwards: false,
            short: false,
            restless: false,
            reads: Arc::default(),
            pages: Mutex::default(),
            left_out: Vec::new(),
        }
    }
}

#[async_trait]
impl ObjectStore for Odd {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.memory.get(key, options).await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.memory.put(key, data, options).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.memory.exists(key).await
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        self.memory.delete(key, options).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.memory.stat(key).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        if options.skipped {
            // One entry per page.
            let done = options.start_after.map_or(0, |token| token.parse().unwrap());
            let one = |entry: &&str| Skipped::new(entry.as_bytes(), "odd");
            let page = self.left_out.get(done).iter().copied().map(one).collect();
            let next = (done + 1 < self.left_out.len()).then(|| (done + 1).to_string());
            return Ok(Page::of_skipped(page, next));
        }
        let page = {
            let mut pages = self.pages.lock().unwrap();
            *pages += 1;
            *pages
        };
        if self.fails_at_page == Some(page) {
            return Err(Error::Unavailable("the line is down".to_owned()));
        }
        let limit = Some(if self.backwards { 1000 } else { 2 });
        let mut page = self.memory.list(ListOptions { limit, ..options }).await?;
        if self.backwards {
            page.entries.reverse();
        }
        Ok(page)
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let mut info = self.memory.stat(key).await?;
        let (_, data) = self.memory.get(key, options).await?;
        if self.short {
            info.size = info.size.map(|size| size + 1);
        }
        if self.restless {
            self.memory.put(key, "newer".into(), PutOptions::default()).await?;
        }
        let reads = self.reads.clone();
        let mut counted = reads.lock().unwrap();
        counted.1 += 1;
        counted.0 = counted.0.max(counted.1);
        drop(counted);
        Ok(Box::new(Counted { info, data, reads }))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        self.memory.write(key, options).await
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

struct Counted {
    info: ObjectInfo,
    data: Bytes,
    reads: Arc<Mutex<(usize, usize)>>,
}

#[async_trait]
impl Reader for Counted {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        // Yield, so that all reads allowed at a time can start.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        Ok(self.data.split_to(max.min(self.data.len())))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.reads.lock().unwrap().1 -= 1;
    }
}
