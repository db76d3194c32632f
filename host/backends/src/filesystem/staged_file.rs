//! Files that are not yet objects.

use super::root::Root;
use super::syscalls::{link_unnamed, rename_to_free};
use super::writeback::Writeback;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::sync::Arc;
use storage_store::Result;

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
