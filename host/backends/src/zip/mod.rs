//! ZipStore: objects as entries of one archive.
//!
//! An archive can't grow in place and stay readable: its directory is at its end,
//! and programs look for that only in the last 64 KiB. So a put is first made
//! durable in a journal next to the archive. Later, many puts together are merged
//! into a new file that replaces the archive.
//!
//! - [`archive_path`]: the files, and the lock of the writing process.
//! - [`directory`], [`name`]: reading an archive. [`record`], [`extra_field`]: writing its
//!   records. [`journal`]: what waits. [`view`]: both together.
//! - [`archive`]: what all stores of one archive share. [`commit`]: the writer
//!   thread. [`merge`]: from the journal into the archive. [`reader`]: reading
//!   objects.

mod archive;
mod archive_path;
mod commit;
mod directory;
mod extra_field;
mod journal;
mod merge;
mod name;
mod reader;
mod record;
mod view;

use super::backend::{Backend, Medium, OpenArgs};
use super::blocking::blocking;
use super::spool::{Body, Spool};
use archive::{Archive, archives};
use archive_path::ArchivePath;
use async_trait::async_trait;
use bytes::Bytes;
use commit::Queue;
use reader::Packed;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_contract::options;
use storage_contract::options::Options;
use storage_store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, MAX_INLINE_BYTES, ObjectInfo,
    ObjectStore, Page, PutOptions, ReadOptions, Reader, Result, SharedStore, Trailer, Writer,
    check_key,
};
use view::Shared;

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "ZipStore",
    aliases: &[],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects as entries of a zip archive; they can't be replaced or deleted.",
    medium: Medium::File { property: "path", replaced: true },
    files: &[],
    open: |args| Box::pin(blocking(move || open(&args))),
};

options! {
    struct Config {
        /// The archive; made when missing.
        path: PathBuf,
        /// Whether a write is on disk (fsync) before it is acknowledged.
        durable: bool = true,
    }
}

struct Zip {
    archive: Arc<Archive>,
    check_only: bool,
    closed: AtomicBool,
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let config: Config = args.parse()?;
    let shown = config.path.display().to_string();
    let path = args.directory.join(&config.path);
    // The archive that a link leads to: replacing the link would hide that one.
    let path = match path.canonicalize() {
        Err(error) if path.is_symlink() => {
            let text = format!("path {shown:?} is a link that leads to no archive: {error}");
            return Err(args.bad(&text));
        }
        found => found.unwrap_or(path),
    };
    let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
        return Err(args.bad(&format!("path {shown:?} is not a file name; name an archive")));
    };
    let mut side = std::ffi::OsString::from(".");
    side.push(name);
    side.push(".storage");
    let durable = config.durable.into();
    let place = ArchivePath { side: path.with_file_name(side), path, shown, durable };
    // An archive that can't be examined is not missing; a new one would replace it.
    let missing = !place.path.try_exists().map_err(|e| place.io(&e))?;
    if missing {
        args.may_create("path", &place.path)?;
    }
    if args.is_check() {
        let archive = Archive::open(place, None)?;
        return Ok(Arc::new(Zip { archive, check_only: true, closed: false.into() }));
    }
    if let Some(folder) = place.path.parent().filter(|_| missing) {
        std::fs::create_dir_all(folder).map_err(|e| {
            args.bad(&format!("path {}: its directory can't be made: {e}", place.shown))
        })?;
    }
    let mut archives = archives();
    let side = place.real_side().map_err(|e| place.io(&e))?;
    let archive = match Archive::find(&archives, &side, config.durable)? {
        Some(archive) => archive,
        None => {
            // A read-only location can still be read.
            let lock = place.lock();
            if missing && matches!(lock, Ok(Some(_))) {
                merge::create(&place)?;
            }
            let lock = match lock {
                Err(Error::PermissionDenied(_)) if !missing => None,
                lock => lock?,
            };
            let archive = Archive::open(place, lock)?;
            archives.retain(|_, archive| archive.strong_count() > 0);
            archives.insert(side, Arc::downgrade(&archive));
            archive
        }
    };
    Ok(Arc::new(Zip { archive, check_only: false, closed: false.into() }))
}

impl Zip {
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = self.archive.shared.clone();
        blocking(move || work(&shared)).await
    }

    /// Checks early what can be checked before the bytes are known.
    async fn writable(&self, key: &str, options: &PutOptions) -> Result<Arc<Queue>> {
        name::check(key)?;
        if self.check_only {
            return Err(Error::Unsupported("the store was opened to look only".to_owned()));
        }
        let archive = self.archive.clone();
        let (key, options) = (key.to_owned(), options.clone());
        blocking(move || {
            let queue = archive.queue()?;
            let view = archive.shared.current()?;
            if let Some(why) = view.directory.fixed {
                return Err(merge::fixed(&archive.shared.place, why));
            }
            commit::check(&view, &key, &options)?;
            Ok(queue)
        })
        .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Zip {
    fn capabilities(&self) -> Capabilities {
        Capabilities { replace: false, delete: false, ..Capabilities::ALL }
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        name::check_readable(key)?;
        let key = key.to_owned();
        self.with(move |shared| {
            let found = shared.find(&key)?;
            let object = Packed::open(&shared.place.shown, &key, found, &options)?;
            if object.left() > MAX_INLINE_BYTES {
                return Err(Error::LimitExceeded(format!(
                    "{} bytes are too many to read at once; stream them",
                    object.left()
                )));
            }
            object.all()
        })
        .await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let queue = self.writable(key, &options).await?;
        queue.put(key.to_owned(), Body::Bytes(data), options).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        let key = key.to_owned();
        self.with(move |shared| Ok(shared.current()?.has(&key))).await
    }

    async fn delete(&self, key: &str, _: DeleteOptions) -> Result<()> {
        check_key(key)?;
        Err(Error::Unsupported(format!(
            "{}: objects of an archive can't be deleted",
            self.archive.shared.place.shown
        )))
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        check_key(key)?;
        let key = key.to_owned();
        self.with(move |shared| Ok(shared.find(&key)?.entry.info())).await
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        self.with(move |shared| Ok(shared.current()?.list(&options))).await
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        name::check_readable(key)?;
        let key = key.to_owned();
        let open = move |shared: &Shared| {
            let found = shared.find(&key)?;
            Packed::open(&shared.place.shown, &key, found, &options)
        };
        Ok(Box::new(self.with(open).await?.stream()))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let queue = self.writable(key, &options).await?;
        let place = &self.archive.shared.place;
        let folder = place.path.parent().unwrap_or(&place.path).to_owned();
        let spool = Spool::new(folder, format!("{}, key {key:?}", place.shown));
        Ok(Box::new(EntryWriter { queue, key: key.to_owned(), options, spool }))
    }

    async fn copy(&self, _: &str, _: &str, _: &str, _: PutOptions) -> Result<Option<ObjectInfo>> {
        Ok(None)
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
        let last = !self.closed.swap(true, Ordering::Relaxed) && self.archive.leave();
        if last { self.archive.close().await } else { Ok(()) }
    }
}

impl Drop for Zip {
    fn drop(&mut self) {
        if !*self.closed.get_mut() {
            self.archive.leave();
        }
    }
}

/// A streamed write.
struct EntryWriter {
    queue: Arc<Queue>,
    key: String,
    options: PutOptions,
    spool: Spool,
}

#[async_trait]
impl Writer for EntryWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.spool.push(chunk).await
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let body = self.spool.finish().await?;
        let mut options = std::mem::take(&mut self.options);
        options.absorb(trailer);
        self.queue.put(std::mem::take(&mut self.key), body, options).await
    }
}
