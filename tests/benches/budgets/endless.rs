//! A store with nearly no cost.

use async_trait::async_trait;
use bytes::Bytes;
use storage_contract::types::*;
use storage_host::store::{self, Access, ObjectStore, SharedStore};

/// The size of chunks.
pub const CHUNK: usize = 256 * 1024;

/// A chunk or an object of zeroes.
pub fn zeroes(size: usize) -> Bytes {
    vec![0; size].into()
}

/// A store of one object of zeroes that discards writes. It costs next to nothing, so
/// that the measurement shows the chain.
#[derive(Clone, Copy)]
pub struct Endless {
    pub size: u64,
}

impl Endless {
    fn info(self) -> ObjectInfo {
        ObjectInfo { size: Some(self.size), ..ObjectInfo::default() }
    }
}

fn not_here<T>() -> Result<T> {
    Err(Error::Unsupported("only streams here".to_owned()))
}

struct NativeZeroes {
    info: ObjectInfo,
    left: u64,
}

impl storage_contract::Reader for NativeZeroes {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let size = self.left.min(max as u64);
        self.left -= size;
        Ok(vec![0; usize::try_from(size).unwrap_or(max)])
    }
}

struct Sink;

impl storage_contract::Writer for Sink {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        std::hint::black_box(chunk);
        Ok(())
    }
    fn finish(self: Box<Self>, _: Trailer) -> Result<ObjectInfo> {
        Ok(ObjectInfo::default())
    }
}

impl storage_contract::Store for Endless {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }
    fn get(&self, _: &str, _: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        not_here()
    }
    fn put(&self, _: &str, _: &[u8], _: &PutOptions) -> Result<ObjectInfo> {
        not_here()
    }
    fn exists(&self, _: &str) -> Result<bool> {
        Ok(true)
    }
    fn delete(&self, _: &str, _: &DeleteOptions) -> Result<()> {
        not_here()
    }
    fn stat(&self, _: &str) -> Result<ObjectInfo> {
        Ok(self.info())
    }
    fn list(&self, _: &ListOptions) -> Result<Page> {
        not_here()
    }
    fn read(&self, _: &str, _: &ReadOptions) -> Result<Box<dyn storage_contract::Reader>> {
        Ok(Box::new(NativeZeroes { info: self.info(), left: self.size }))
    }
    fn write(&self, _: &str, _: &PutOptions) -> Result<Box<dyn storage_contract::Writer>> {
        Ok(Box::new(Sink))
    }
    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

struct Zeroes {
    info: ObjectInfo,
    left: u64,
    chunk: Bytes,
}

#[async_trait]
impl store::Reader for Zeroes {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }
    async fn next(&mut self, max: usize) -> Result<Bytes> {
        let size = usize::try_from(self.left).unwrap_or(max).min(max).min(self.chunk.len());
        self.left -= size as u64;
        Ok(self.chunk.slice(..size))
    }
}

#[async_trait]
impl store::Writer for Sink {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        std::hint::black_box(chunk);
        Ok(())
    }
    async fn finish(self: Box<Self>, _: Trailer) -> Result<ObjectInfo> {
        Ok(ObjectInfo::default())
    }
}

#[async_trait]
impl ObjectStore for Endless {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }
    async fn get(&self, _: &str, _: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        not_here()
    }
    async fn put(&self, _: &str, _: Bytes, _: PutOptions) -> Result<ObjectInfo> {
        not_here()
    }
    async fn exists(&self, _: &str) -> Result<bool> {
        Ok(true)
    }
    async fn delete(&self, _: &str, _: DeleteOptions) -> Result<()> {
        not_here()
    }
    async fn stat(&self, _: &str) -> Result<ObjectInfo> {
        Ok(self.info())
    }
    async fn list(&self, _: ListOptions) -> Result<Page> {
        not_here()
    }
    async fn read(&self, _: &str, _: ReadOptions) -> Result<Box<dyn store::Reader>> {
        Ok(Box::new(Zeroes { info: self.info(), left: self.size, chunk: zeroes(CHUNK) }))
    }
    async fn write(&self, _: &str, _: PutOptions) -> Result<Box<dyn store::Writer>> {
        Ok(Box::new(Sink))
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
