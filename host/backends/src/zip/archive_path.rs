//! The files of an archive, and the lock of its writer.

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use storage_store::{Error, Result};

/// The archive, and the directory `.<name>.storage` next to it, which holds the
/// journal and the archive being built. It exists while a process writes.
pub(super) struct ArchivePath {
    pub(super) path: PathBuf,
    /// The path as written in the configuration, for messages.
    pub(super) shown: String,
    pub(super) side: PathBuf,
    /// Whether writes are synced before they are acknowledged. Set if any store of
    /// this archive wants it.
    pub(super) durable: AtomicBool,
}

/// Distinguishes versions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(|found| Self::new(&found))
    }

    pub(super) fn of_path(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|found| Self::new(&found))
    }

    /// Whether `now` is the same file with at least as much in it.
    pub(super) fn grew_to(&self, now: &Self) -> bool {
        (self.device, self.inode) == (now.device, now.inode) && self.size <= now.size
    }

    fn new(found: &std::fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }
}

/// Held by the process that writes the archive; dropping it releases the lock.
pub(super) struct Lock {
    _side: rustix::fd::OwnedFd,
    path: PathBuf,
}

impl ArchivePath {
    pub(super) fn journal(&self) -> PathBuf {
        self.side.join("journal")
    }

    /// The side directory by its canonical path.
    pub(super) fn real_side(&self) -> io::Result<PathBuf> {
        let above = self.side.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new(".")).canonicalize()?;
        Ok(above.join(self.side.file_name().unwrap_or_default()))
    }

    pub(super) fn durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    /// The archive being built.
    pub(super) fn making(&self) -> PathBuf {
        self.side.join("making")
    }

    /// Converts a system error.
    pub(super) fn io(&self, error: &io::Error) -> Error {
        use io::ErrorKind as Kind;
        let at = &self.shown;
        match error.kind() {
            Kind::NotFound => Error::Unavailable(format!("{at}: the archive is gone")),
            Kind::StorageFull | Kind::QuotaExceeded => {
                Error::out_of_space(&format!("{at}: the disk is full"))
            }
            Kind::FileTooLarge => Error::LimitExceeded(format!(
                "{at}: larger than a file may be here; nothing was written"
            )),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Error::PermissionDenied(format!(
                "{at}: the archive, or the directory that it lies in, can't be written ({error})"
            )),
            Kind::IsADirectory => Error::InvalidConfig(format!("{at} is a directory; name a file")),
            _ => Error::Unavailable(format!("{at}: {error}")),
        }
    }

    /// With `durable`, makes the entries of the archive's folder durable.
    pub(super) fn sync_folder(&self) -> io::Result<()> {
        if !self.durable() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        File::open(folder)?.sync_all()
    }

    /// Makes this process the writer; `None` while another one is.
    pub(super) fn lock(&self) -> Result<Option<Lock>> {
        let fail = |e: Errno| self.io(&e.into());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            match rustix::fs::mkdir(&self.side, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(fail(e)),
            }
            let side = match rustix::fs::open(&self.side, flags, Mode::empty()) {
                Ok(side) => side,
                // The last holder has just removed it.
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(fail(e)),
            };
            match rustix::fs::flock(&side, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(e) => return Err(fail(e)),
            }
            let ours = rustix::fs::fstat(&side).map_err(fail)?;
            match rustix::fs::stat(&self.side) {
                Ok(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => {
                    return Ok(Some(Lock { _side: side, path: self.side.clone() }));
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(e) => return Err(fail(e)),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Fails, as it should, while there is a journal in it.
        let _ = std::fs::remove_dir(&self.path);
    }
}
