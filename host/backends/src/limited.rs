//! A store for tests of what the handle makes up for.

use crate::memory::Memory;
use async_trait::async_trait;
use bytes::Bytes;
use storage_store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, ObjectStore, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Writer,
};

/// A store in memory that can do less, and reads in pieces only.
pub struct Limited {
    pub memory: Memory,
    pub piece: usize,
    pub capabilities: Capabilities,
}

struct Piece(Box<dyn Reader>, usize);

#[async_trait]
impl Reader for Piece {
    fn info(&self) -> &ObjectInfo {
        self.0.info()
    }
    async fn next(&mut self, max: usize) -> Result<Bytes> {
        self.0.next(max.min(self.1)).await
    }
}

#[async_trait]
impl ObjectStore for Limited {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
    async fn get(&self, _: &str, _: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        Err(Error::LimitExceeded("only in pieces".to_owned()))
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
        self.memory.list(options).await
    }
    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        Ok(Box::new(Piece(self.memory.read(key, options).await?, self.piece)))
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
