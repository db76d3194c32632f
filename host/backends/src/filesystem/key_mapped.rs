//! Objects as files whose names are derived from the keys.

use super::Filesystem;
use async_trait::async_trait;
use bytes::Bytes;
use storage_store::{
    Access, Capabilities, DeleteOptions, ListOptions, ObjectInfo, ObjectStore, Page, PutOptions,
    ReadOptions, Reader, Result, SharedStore, Writer,
};

/// Maps keys to file names.
#[async_trait]
pub(crate) trait Naming: Send + Sync + 'static {
    /// The store's capabilities, given those of the files.
    fn capabilities(&self, files: Capabilities) -> Capabilities;
    /// The path of a key's file, relative to the root. Must differ for different
    /// keys.
    fn path(&self, key: &str) -> Result<String>;
    /// A page of the listing.
    async fn list(&self, files: &Filesystem, options: ListOptions) -> Result<Page>;
}

/// A store of files that are not named by their keys.
pub(crate) struct KeyMapped<N> {
    pub(crate) files: Filesystem,
    pub(crate) naming: N,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<N: Naming> ObjectStore for KeyMapped<N> {
    fn capabilities(&self) -> Capabilities {
        self.naming.capabilities(self.files.capabilities())
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.files.get(&self.naming.path(key)?, options).await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.files.put(&self.naming.path(key)?, data, options).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.files.exists(&self.naming.path(key)?).await
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        self.files.delete(&self.naming.path(key)?, options).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.files.stat(&self.naming.path(key)?).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        self.naming.list(&self.files, options).await
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        self.files.read(&self.naming.path(key)?, options).await
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        self.files.write(&self.naming.path(key)?, options).await
    }

    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        let (from, to) = (self.naming.path(from)?, self.naming.path(to)?);
        self.files.copy(&from, etag, &to, options).await
    }

    async fn join(
        &self,
        parts: &[(String, String)],
        to: &str,
        options: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        let there = |(key, etag): &(String, String)| Ok((self.naming.path(key)?, etag.clone()));
        let parts: Vec<(String, String)> = parts.iter().map(there).collect::<Result<_>>()?;
        self.files.join(&parts, &self.naming.path(to)?, options).await
    }

    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }

    async fn close(&self) -> Result<()> {
        self.files.close().await
    }
}
