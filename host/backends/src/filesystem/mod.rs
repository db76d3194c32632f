//! FilesystemStore: objects as files; the key is the path below the root.
//!
//! - [`open`]: opening a root. [`root`]: the root and the two [`tree`]s of its objects;
//!   a tree's [`form`] maps its keys to paths. [`path`]: confining paths to a tree.
//!   [`odd_names`]: paths of keys that can't be paths.
//! - [`lookup`], [`publish`]: the operations on a root. [`error`]: the system's errors.
//! - [`key_locks`]: locks that stores of one directory share. [`sidecar`]: the
//!   directory for files that are not objects. [`metadata`]: what is stored besides
//!   the bytes.
//! - [`writer`] with [`writeback`], [`reader`] with [`readahead`], [`cached`], [`copying`].
//!   [`group_sync`]: shared folder syncs.
//! - [`listing`] by [`names`]. [`skipped`]: what a listing leaves out.
//! - [`key_mapped`], [`flat_listing`]: for stores whose file names are not the keys.

mod cached;
mod copying;
mod errno;
mod error;
mod flat_listing;
mod form;
mod group_sync;
mod key_locks;
pub(crate) mod key_mapped;
mod listing;
mod lookup;
mod metadata;
mod names;
mod odd_names;
mod open;
mod path;
mod publish;
mod readahead;
mod reader;
mod root;
mod sidecar;
mod skipped;
mod staged_file;
mod syscalls;
mod tree;
mod writeback;
mod writer;

pub(super) use flat_listing::FlatListing;
pub(crate) use root::OddKeys;
pub(super) use skipped::{Verdict, special};

use super::backend::{Backend, Medium, OpenArgs};
use super::blocking::blocking;
use async_trait::async_trait;
use bytes::Bytes;
use reader::FileReader;
use root::Root;
pub(super) use rustix::fs::FileType;
use staged_file::StagedFile;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage_contract::options;
use storage_contract::options::Options;
use storage_store::{
    Access, Capabilities, DeleteOptions, ListOptions, ObjectInfo, ObjectStore, Page, PutOptions,
    ReadOptions, Reader, Result, SharedStore, Writer,
};
use writer::FileWriter;

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "FilesystemStore",
    aliases: &["AsyncFilesystemStore"],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects as files below a directory; the key is the relative path.",
    medium: Medium::Folder { property: "root_path", keys: true },
    files: &[],
    open: |args| Box::pin(blocking(move || open(&args))),
};

options! {
    struct Config {
        /// The directory of the objects; made when missing.
        root_path: PathBuf,
        /// Whether a write is on disk (fsync) before it is acknowledged.
        durable: bool = true,
        /// Keys that the filesystem can't have as paths: kept in the side directory, or
        /// refused.
        odd_keys: OddKeys = "keep",
    }
}

/// Objects as files below one root.
#[derive(Clone)]
pub(crate) struct Filesystem {
    root: Arc<Root>,
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let config: Config = args.parse()?;
    Ok(Arc::new(Filesystem::open(args, &config.root_path, config.durable, config.odd_keys)?))
}

impl Filesystem {
    /// The directory for files that belong to the root but are not objects.
    pub(super) fn side_directory(&self) -> &Path {
        self.root.side_directory()
    }

    async fn with<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(Arc<Root>, String) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, key) = (self.root.clone(), key.to_owned());
        blocking(move || work(root, key)).await
    }

    /// A page of the listing of a root without folders.
    pub(super) async fn list_flat(
        &self,
        flat: &Arc<FlatListing>,
        options: ListOptions,
        key: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Result<Page> {
        let flat = flat.clone();
        self.with("", move |root, _| flat.list(&root, &options, key)).await
    }

    /// A page of the entries below the root that `judge` finds not to be objects.
    pub(super) async fn list_skipped(
        &self,
        options: ListOptions,
        judge: impl Fn(&[u8], FileType) -> Verdict + Send + 'static,
    ) -> Result<Page> {
        self.with("", move |root, _| skipped::list(&root, "", &options, judge)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Filesystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        if let Some(got) = cached::get(&self.root, key, &options) {
            return got;
        }
        self.with(key, move |root, key| reader::all(root, key, &options)).await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.with(key, move |root, key| {
            root.check(&key, &options)?;
            let mut temp = StagedFile::new(root.clone(), &key)?;
            temp.append(&key, &data)?;
            root.publish(&key, temp, &options)
        })
        .await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.with(key, |root, key| root.exists(&key)).await
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        self.with(key, move |root, key| root.delete(&key, &options)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.with(key, |root, key| Ok(root.open(&key)?.2)).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        self.with("", move |root, _| listing::list(&root, &options)).await
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        if let Some(got) = cached::get(&self.root, key, &options) {
            let (info, bytes) = got?;
            return Ok(Box::new(FileReader::of(info, bytes)));
        }
        let reader = self.with(key, move |root, key| FileReader::open(root, key, &options)).await?;
        Ok(Box::new(reader))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let writer = FileWriter::start(self.root.clone(), key.to_owned(), options).await?;
        Ok(Box::new(writer))
    }

    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        let (etag, to) = (etag.to_owned(), to.to_owned());
        self.with(from, move |root, from| copying::copy(root, &from, &etag, &to, &options)).await
    }

    async fn join(
        &self,
        parts: &[(String, String)],
        to: &str,
        options: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        let parts = parts.to_vec();
        let joined = self.with(to, move |root, to| {
            let temp = copying::join(&root, &parts, &to, &options)?;
            Ok(temp.map(|temp| FileWriter::of(root, to, options, temp)))
        });
        Ok(joined.await?.map(|writer| Box::new(writer) as Box<dyn Writer>))
    }

    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }

    async fn close(&self) -> Result<()> {
        self.with("", |root, _| root.sync()).await
    }
}
