//! A store whose objects do not end as announced.

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use storage_host::backends::memory::Memory;
use storage_host::store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, ObjectStore, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Writer,
};

/// How a read ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With all bytes and no error.
    Well,
    /// With an error after all the announced bytes, the first of which is wrong, as
    /// after a failed checksum.
    Fails,
    /// One byte late.
    Longer,
    /// One byte early.
    Shorter,
}

impl Ending {
    /// All endings that must not pass for a complete object.
    pub const ILL: [Ending; 3] = [Ending::Fails, Ending::Longer, Ending::Shorter];
}

/// A store in memory. Clones share objects and ending.
#[derive(Clone)]
pub struct Ill {
    /// The objects.
    pub memory: Arc<Memory>,
    ending: Arc<Mutex<Ending>>,
    range: bool,
}

impl Ill {
    /// Creates an empty store that still behaves; with `range`, it supports range
    /// reads.
    pub fn new(range: bool) -> Self {
        Self { memory: Arc::new(Memory::new()), ending: Arc::new(Mutex::new(Ending::Well)), range }
    }

    /// Sets the ending of reads from now on, for keys that end in `k`.
    pub fn end(&self, ending: Ending) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
    }

    /// The store as the host holds it.
    pub fn shared(&self) -> SharedStore {
        Arc::new(self.clone())
    }

    async fn bytes(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes, Ending)> {
        let (info, data) = self.memory.get(key, options).await?;
        let ending = match key.ends_with('k') {
            true => *self.ending.lock().unwrap_or_else(PoisonError::into_inner),
            false => Ending::Well,
        };
        let mut data = data.to_vec();
        match ending {
            Ending::Well => {}
            Ending::Fails => data.iter_mut().take(1).for_each(|byte| *byte ^= 1),
            Ending::Longer => data.push(b' '),
            Ending::Shorter => drop(data.pop()),
        }
        Ok((info, data.into(), ending))
    }
}

fn rotten() -> Error {
    Error::InvalidData("the checksum is another".to_owned())
}

#[async_trait]
impl ObjectStore for Ill {
    fn capabilities(&self) -> Capabilities {
        Capabilities { range: self.range, ..Capabilities::ALL }
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        match self.bytes(key, options).await? {
            (.., Ending::Fails) => Err(rotten()),
            (info, data, _) => Ok((info, data)),
        }
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
        let (info, data, ending) = self.bytes(key, options).await?;
        Ok(Box::new(IllReader { info, data, fails: ending == Ending::Fails }))
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

struct IllReader {
    info: ObjectInfo,
    data: Bytes,
    fails: bool,
}

#[async_trait]
impl Reader for IllReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        if self.data.is_empty() && self.fails {
            return Err(rotten());
        }
        Ok(self.data.split_to(max.min(self.data.len())))
    }
}
