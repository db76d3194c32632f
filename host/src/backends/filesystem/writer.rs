//! Objects being written: a file in the side directory until it is whole.

use super::root::{Root, rename_to_free};
use crate::backends::blocking::{blocking, drop_elsewhere};
use crate::objects::CHUNK;
use crate::store::{Error, ObjectInfo, PutOptions, Result, Trailer, Writer};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::sync::Arc;

/// A file without a place yet; dropping it removes it.
pub(super) struct Temp {
    root: Arc<Root>,
    file: OwnedFd,
    name: Option<String>,
}

impl Temp {
    pub(super) fn new(root: Arc<Root>, key: &str) -> Result<Self> {
        let (folder, name) = root.side()?.fresh();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        // As any program would: the umask decides who may read it.
        let file = rustix::fs::openat(folder, &name, flags, Mode::from_raw_mode(0o666))
            .map_err(|e| root.error(key, e))?;
        Ok(Self { root, file, name: Some(name) })
    }

    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(super) fn append(&self, key: &str, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.file, bytes) {
                Ok(0) => return Err(self.root.error(key, Errno::NOSPC)),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.root.error(key, e)),
            }
        }
        Ok(())
    }

    pub(super) fn move_to(&mut self, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        self.moved(|own, old| rustix::fs::renameat(own, old, folder, name))
    }

    /// As [`move_to`](Self::move_to); `EXIST` when something is there.
    pub(super) fn move_to_free(&mut self, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        self.moved(|own, old| rename_to_free(own, old, folder, name))
    }

    fn moved(
        &mut self,
        how: impl FnOnce(BorrowedFd<'_>, &str) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        if let (Ok(side), Some(name)) = (self.root.side(), &self.name) {
            how(side.own(), name)?;
            self.name = None;
        }
        Ok(())
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if let (Ok(side), Some(name)) = (self.root.side(), &self.name) {
            let _ = rustix::fs::unlinkat(side.own(), name, AtFlags::empty());
        }
    }
}

/// A streamed write.
pub(super) struct FileWriter {
    root: Arc<Root>,
    key: String,
    options: PutOptions,
    /// Gone after an error, and while a push is under way.
    temp: Option<Temp>,
    held: BytesMut,
}

impl FileWriter {
    pub(super) fn start(root: Arc<Root>, key: String, options: PutOptions) -> Result<Self> {
        root.check(&key, &options)?;
        let temp = Some(Temp::new(root.clone(), &key)?);
        Ok(Self { root, key, options, temp, held: BytesMut::new() })
    }

    fn temp(&mut self) -> Result<Temp> {
        self.temp.take().ok_or_else(|| {
            Error::Other(format!("{}: this write failed before", self.root.shown(&self.key)))
        })
    }
}

#[async_trait]
impl Writer for FileWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        let chunk = if self.held.is_empty() && chunk.len() >= CHUNK {
            chunk
        } else {
            // Small pieces are gathered: each trip to another thread costs.
            self.held.extend_from_slice(&chunk);
            if self.held.len() < CHUNK {
                return Ok(());
            }
            self.held.split().freeze()
        };
        let temp = self.temp()?;
        let key = self.key.clone();
        let temp = blocking(move || temp.append(&key, &chunk).map(|()| temp)).await?;
        self.temp = Some(temp);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let temp = self.temp()?;
        let rest = self.held.split().freeze();
        let mut options = std::mem::take(&mut self.options);
        options.absorb(trailer);
        let (root, key) = (self.root.clone(), self.key.clone());
        blocking(move || {
            temp.append(&key, &rest)?;
            root.publish(&key, temp, &options)
        })
        .await
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Some(temp) = self.temp.take() {
            drop_elsewhere(temp);
        }
    }
}
