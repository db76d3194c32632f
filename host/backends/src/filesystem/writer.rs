//! Writes of objects: a file in the side directory until it is complete.

use super::root::{Root, rename_to_free};
use super::writeback::Writeback;
use crate::blocking::{blocking, drop_elsewhere};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::sync::Arc;
use storage_store::chunk_size::piece;
use storage_store::{Error, ObjectInfo, PutOptions, Result, Trailer, Writer};

/// An unpublished file; dropping it removes it.
pub(super) struct StagedFile {
    root: Arc<Root>,
    file: OwnedFd,
    /// Its name in the side directory. `None` if it can be published without one,
    /// which saves the locks of two folders and leaves nothing after a crash.
    name: Option<String>,
    writeback: Writeback,
}

impl StagedFile {
    pub(super) fn new(root: Arc<Root>, key: &str) -> Result<Self> {
        let sidecar = root.sidecar()?;
        // Like any other program, let the umask decide who may read it.
        let mode = Mode::from_raw_mode(0o666);
        let (name, flags) = match sidecar.unnamed() {
            true => (None, OFlags::RDWR | OFlags::TMPFILE),
            false => (Some(sidecar.fresh()), OFlags::RDWR | OFlags::CREATE | OFlags::EXCL),
        };
        let path = name.as_deref().unwrap_or(".");
        let file = rustix::fs::openat(sidecar.own(), path, flags | OFlags::CLOEXEC, mode)
            .map_err(|e| root.error(key, e))?;
        Ok(Self { root, file, name, writeback: Writeback::default() })
    }

    pub(super) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(super) fn append(&mut self, key: &str, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.file, bytes) {
                Ok(0) => return Err(self.root.error(key, Errno::NOSPC)),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    self.wrote(written);
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.root.error(key, e)),
            }
        }
        Ok(())
    }

    /// Called when `length` bytes were appended to the file.
    pub(super) fn wrote(&mut self, length: usize) {
        if self.root.durable() {
            self.writeback.wrote(&self.file, length);
        }
    }

    /// Publishes the file, replacing the existing one.
    pub(super) fn replace(&mut self, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        let Ok(sidecar) = self.root.sidecar() else { return Err(Errno::ROFS) };
        if self.name.is_none() {
            // Only a named file can replace another one.
            let own = sidecar.fresh();
            link_unnamed(self.file.as_fd(), sidecar.own(), &own)?;
            self.name = Some(own);
        }
        let own = self.name.as_deref().unwrap_or_default();
        rustix::fs::renameat(sidecar.own(), own, folder, name)?;
        self.name = None;
        Ok(())
    }

    /// Publishes the file under a free name; `EXIST` if the name is taken.
    pub(super) fn place(&mut self, folder: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        let Ok(sidecar) = self.root.sidecar() else { return Err(Errno::ROFS) };
        match self.name.as_deref() {
            None => link_unnamed(self.file.as_fd(), folder, name),
            Some(own) => {
                rename_to_free(sidecar.own(), own, folder, name)?;
                self.name = None;
                Ok(())
            }
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let (Ok(sidecar), Some(name)) = (self.root.sidecar(), &self.name) {
            let _ = rustix::fs::unlinkat(sidecar.own(), name, AtFlags::empty());
        }
    }
}

/// Gives an unnamed file its first name.
pub(super) fn link_unnamed(
    file: BorrowedFd<'_>,
    folder: BorrowedFd<'_>,
    name: &str,
) -> Result<(), Errno> {
    // By its path, because before version 6.10 the kernel accepts the handle itself
    // only from processes with a rare capability.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(rustix::fs::CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
}

/// A streamed write.
pub(super) struct FileWriter {
    root: Arc<Root>,
    key: String,
    options: PutOptions,
    file: Written,
    /// Pieces are collected, since each trip to another thread costs time.
    held: Vec<Bytes>,
    /// The small pieces after those, joined.
    small: BytesMut,
    length: usize,
}

/// Pieces smaller than this are copied together, so that there are never many.
const SMALL: usize = 8 * 1024;

/// The file of a streamed write.
enum Written {
    /// The first trip to another thread will create the file.
    None,
    File(StagedFile),
    /// A write failed or is in progress.
    Broken,
}

impl Written {
    /// Appends the pieces, creating the file if necessary.
    fn append(self, root: &Arc<Root>, key: &str, pieces: &[Bytes]) -> Result<StagedFile> {
        let mut temp = match self {
            Self::None => StagedFile::new(root.clone(), key)?,
            Self::File(temp) => temp,
            Self::Broken => {
                return Err(Error::Other(format!("{}: this write failed before", root.shown(key))));
            }
        };
        for piece in pieces {
            temp.append(key, piece)?;
        }
        Ok(temp)
    }
}

impl FileWriter {
    pub(super) async fn start(root: Arc<Root>, key: String, options: PutOptions) -> Result<Self> {
        let (root, key, options) = match options.if_absent || options.if_match.is_some() {
            // This reads the current object, which blocks.
            true => {
                blocking(move || root.check(&key, &options).map(|()| (root, key, options))).await?
            }
            false => root.check(&key, &options).map(|()| (root, key, options))?,
        };
        let (held, small) = (Vec::new(), BytesMut::new());
        Ok(Self { root, key, options, file: Written::None, held, small, length: 0 })
    }

    fn take(&mut self) -> Vec<Bytes> {
        self.length = 0;
        self.keep_small();
        std::mem::take(&mut self.held)
    }

    fn keep_small(&mut self) {
        if !self.small.is_empty() {
            self.held.push(self.small.split().freeze());
        }
    }
}

#[async_trait]
impl Writer for FileWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.length += chunk.len();
        if chunk.len() < SMALL {
            self.small.extend_from_slice(&chunk);
        } else {
            self.keep_small();
            self.held.push(chunk);
        }
        if self.length < piece() {
            return Ok(());
        }
        let pieces = self.take();
        let file = std::mem::replace(&mut self.file, Written::Broken);
        let (root, key) = (self.root.clone(), self.key.clone());
        let temp = blocking(move || file.append(&root, &key, &pieces)).await?;
        self.file = Written::File(temp);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let file = std::mem::replace(&mut self.file, Written::Broken);
        let rest = self.take();
        let mut options = std::mem::take(&mut self.options);
        options.absorb(trailer);
        let (root, key) = (self.root.clone(), self.key.clone());
        blocking(move || {
            let temp = file.append(&root, &key, &rest)?;
            root.publish(&key, temp, &options)
        })
        .await
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Written::File(temp) = std::mem::replace(&mut self.file, Written::Broken) {
            drop_elsewhere(temp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sidecar::{Sidecar, SidecarPlace};
    use super::*;

    #[test]
    fn files_are_published_with_and_without_a_name_of_their_own() {
        for unnamed in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("root");
            std::fs::create_dir(&path).unwrap();
            let dir = rustix::fs::open(&path, OFlags::DIRECTORY, Mode::empty()).unwrap();
            let place = SidecarPlace::of(&path, dir.as_fd()).unwrap();
            let mut sidecar = Sidecar::open(place.path(), dir.as_fd()).unwrap();
            if !unnamed {
                sidecar = sidecar.without_unnamed();
            }
            let root =
                Arc::new(Root::new(dir, "root".to_owned(), place, Ok(sidecar), true).unwrap());
            let put = |text: &str, if_absent: bool| {
                let mut temp = StagedFile::new(root.clone(), "a/b").unwrap();
                temp.append("a/b", text.as_bytes()).unwrap();
                let options = PutOptions { if_absent, ..PutOptions::default() };
                let done = root.publish("a/b", temp, &options);
                (done.map(drop), std::fs::read_to_string(path.join("a/b")).unwrap())
            };
            assert_eq!(put("first", true), (Ok(()), "first".to_owned()));
            assert_eq!(put("second", true), (Err(Error::AlreadyExists), "first".to_owned()));
            assert_eq!(put("third", false), (Ok(()), "third".to_owned()));
            drop(StagedFile::new(root.clone(), "a/c").unwrap());
            let own = root.sidecar().unwrap().own();
            let left = rustix::fs::Dir::read_from(own).unwrap().count();
            assert_eq!(left, 2, "only . and .. are left");
        }
    }
}
