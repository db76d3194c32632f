//! FilesystemStore: objects as files, the key is the path below the root.
//!
//! - [`path`]: what confines keys to the root. [`root`]: what is done there.
//! - [`side`]: the directory next to the root. [`metadata`]: what is kept
//!   besides the bytes.
//! - [`writer`], [`reader`], [`listing`]; [`error`]: the system's errors.

mod error;
mod listing;
mod metadata;
mod path;
mod reader;
mod root;
mod side;
mod writer;

use super::blocking::blocking;
use super::{Backend, OpenArgs};
use crate::store::{
    Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, ObjectStore, Page, PutOptions,
    ReadOptions, Reader, Result, SharedStore, Writer,
};
use async_trait::async_trait;
use bytes::Bytes;
use reader::FileReader;
use root::Root;
use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;
use side::Side;
use std::path::PathBuf;
use std::sync::Arc;
use writer::{FileWriter, Temp};

/// The type, for the registry.
pub static BACKEND: Backend = Backend {
    name: "FilesystemStore",
    aliases: &["AsyncFilesystemStore"],
    config_schema: r#"{
        "type": "object",
        "properties": {
            "root_path": {
                "type": "string",
                "description": "The directory of the objects; made when missing."
            },
            "durable": {
                "type": "boolean",
                "description": "Whether a write is on disk (fsync) before it is acknowledged.",
                "default": true
            }
        },
        "required": ["root_path"],
        "additionalProperties": false
    }"#,
    doc: "Objects as files below a directory; the key is the relative path.",
    open: |args| Box::pin(blocking(move || open(&args))),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    root_path: PathBuf,
    #[serde(default = "yes")]
    durable: bool,
}

fn yes() -> bool {
    true
}

/// Objects as files.
#[derive(Clone)]
struct Filesystem {
    root: Arc<Root>,
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let bad = |problem: String| Error::InvalidConfig(format!("store {:?}: {problem}", args.name));
    let config = Config::deserialize(&args.config).map_err(|e| bad(e.to_string()))?;
    if config.root_path.as_os_str().is_empty() {
        return Err(bad("root_path is empty; name a directory".to_owned()));
    }
    let shown = config.root_path.display().to_string();
    let path = args.directory.join(&config.root_path);
    if args.check_only && !path.exists() {
        return Err(bad(format!(
            "root_path {shown} does not exist; it would be created by a start"
        )));
    }
    let at = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => bad(format!(
            "root_path {shown} is not a directory; name a directory, or move that file away"
        )),
        _ => match error::at(&shown, e) {
            Error::NotFound => bad(format!("root_path {shown} can't be reached")),
            error => error,
        },
    };
    if !args.check_only {
        std::fs::create_dir_all(&path).map_err(at)?;
    }
    let path = path.canonicalize().map_err(at)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(&path, flags, Mode::empty()).map_err(|e| at(e.into()))?;
    let side = if args.check_only {
        Err(Error::Unsupported("the store was opened to look only".to_owned()))
    } else {
        let writable = rustix::fs::accessat(&dir, ".", Access::WRITE_OK, AtFlags::EACCESS);
        let opened = match side::place(&path) {
            Some(place) => Side::open(&place, rustix::fd::AsFd::as_fd(&dir)),
            None => Err(Errno::XDEV),
        };
        match (opened, writable) {
            (Ok(side), Ok(())) => Ok(side),
            // Reading works all the same.
            (_, Err(e)) => Err(error::at(&shown, e)),
            (Err(Errno::XDEV), Ok(())) => {
                return Err(bad(format!(
                    "root_path {shown} is itself a mount point, and files being written are kept \
                     next to it on the same filesystem; name a directory inside of it"
                )));
            }
            (Err(e), Ok(())) => {
                let place = side::place(&config.root_path).unwrap_or_default();
                Err(error::at(&place.display().to_string(), e))
            }
        }
    };
    Ok(Arc::new(Filesystem { root: Arc::new(Root::new(dir, shown, side, config.durable)) }))
}

impl Filesystem {
    async fn with<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(Arc<Root>, String) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, key) = (self.root.clone(), key.to_owned());
        blocking(move || work(root, key)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Filesystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.with(key, move |root, key| FileReader::open(root, key, &options)?.all()).await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.with(key, move |root, key| {
            root.check(&key, &options)?;
            let temp = Temp::new(root.clone(), &key)?;
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
        let reader = self.with(key, move |root, key| FileReader::open(root, key, &options)).await?;
        Ok(Box::new(reader))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let writer = self.with(key, move |root, key| FileWriter::start(root, key, options)).await?;
        Ok(Box::new(writer))
    }

    async fn close(&self) -> Result<()> {
        self.with("", |root, _| root.sync()).await
    }
}
