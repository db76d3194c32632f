//! An index of keys for a store that can't list them.
//!
//! The index is a store of empty objects. It may hold keys without an object (after
//! a crash or a failed put), which listings leave out. It never misses the key of
//! an object that was written here: a key goes in before its object is published
//! and comes out after the object is gone. Both check again at the end, because the
//! other may have run meanwhile.

use super::unknown::Unknown;
use async_trait::async_trait;
use bytes::Bytes;
use storage_store::{
    Access, Capabilities, DeleteOptions, Entry, Error, ListOptions, ObjectInfo, ObjectStore, Page,
    Paging, PutOptions, ReadOptions, Reader, Result, SharedStore, Trailer, Writer,
};

/// The error for a change that was made when the index could not be checked. It
/// shows only the code of `error`, whose text is about the index.
fn unseen(key: &str, done: &str, error: &Error) -> Error {
    Error::Unavailable(format!(
        "{key:?} was {done}, but whether the index of keys knows could not be seen ({}); write it \
         again, or listings may miss it",
        error.code()
    ))
}

/// A store whose keys are kept in a second store.
pub(super) struct Indexed {
    pub(super) store: SharedStore,
    pub(super) index: SharedStore,
    pub(super) unknown: Unknown,
}

/// Adds a key to the index unless it is there.
async fn add(index: &SharedStore, key: &str) -> Result<()> {
    if !index.exists(key).await? {
        index.put(key, Bytes::new(), PutOptions::default()).await?;
    }
    Ok(())
}

impl Indexed {
    /// Removes a key from the index unless it has an object.
    async fn remove(&self, key: &str) -> Result<()> {
        match self.index.delete(key, DeleteOptions::default()).await {
            Ok(()) | Err(Error::NotFound) => {}
            // It may stay, since listings leave it out.
            Err(error) => {
                tracing::warn!(target: "storage", key, %error, "a key stays in the index");
                return Ok(());
            }
        }
        if self.store.exists(key).await? { add(&self.index, key).await } else { Ok(()) }
    }

    /// Checks the index again after a write.
    async fn seen(&self, key: &str, info: ObjectInfo) -> Result<ObjectInfo> {
        add(&self.index, key).await.map_err(|e| unseen(key, "written", &e))?;
        Ok(info)
    }

    /// Cleans up after a failed write. A key too many does no harm.
    async fn unwritten(&self, key: &str) {
        if self.store.exists(key).await == Ok(false) {
            let _ = self.remove(key).await;
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Indexed {
    fn capabilities(&self) -> Capabilities {
        Capabilities { list: true, ordered: true, ..self.store.capabilities() }
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.store.get(key, options).await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        add(&self.index, key).await?;
        match self.store.put(key, data, options).await {
            Ok(info) => self.seen(key, info).await,
            Err(error) => {
                self.unwritten(key).await;
                Err(error)
            }
        }
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.store.exists(key).await
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        self.store.delete(key, options).await?;
        self.remove(key).await.map_err(|e| unseen(key, "deleted", &e))
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.store.stat(key).await
    }

    async fn list(&self, mut options: ListOptions) -> Result<Page> {
        if options.skipped {
            return self.unknown.list(&self.index, options).await;
        }
        let mut paging = Paging::default();
        loop {
            let page = self.index.list(options.clone()).await?;
            let more = paging.advance(&page, &mut options)?;
            let mut entries = Vec::with_capacity(page.entries.len());
            for Entry { key, .. } in page.entries {
                match self.store.stat(&key).await {
                    Ok(info) => entries.push(Entry { key, info }),
                    Err(Error::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            if !more || !entries.is_empty() {
                return Ok(Page::of(entries, page.next));
            }
        }
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        self.store.read(key, options).await
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let writer = self.store.write(key, options).await?;
        Ok(Box::new(IndexedWriter { writer, index: self.index.clone(), key: key.to_owned() }))
    }

    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        add(&self.index, to).await?;
        match self.store.copy(from, etag, to, options).await {
            Ok(Some(info)) => self.seen(to, info).await.map(Some),
            undone => {
                self.unwritten(to).await;
                undone
            }
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
        let closed = self.store.close().await;
        closed.and(self.index.close().await)
    }
}

struct IndexedWriter {
    writer: Box<dyn Writer>,
    index: SharedStore,
    key: String,
}

#[async_trait]
impl Writer for IndexedWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.writer.push(chunk).await
    }

    async fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        add(&self.index, &self.key).await?;
        let info = self.writer.finish(trailer).await?;
        add(&self.index, &self.key).await.map_err(|e| unseen(&self.key, "written", &e))?;
        Ok(info)
    }
}
