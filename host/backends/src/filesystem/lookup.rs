//! Lookups of objects.

use super::root::{ATTEMPTS, Root};
use super::{metadata, path};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use storage_store::{Error, ObjectInfo, PutOptions, Result, check_write};

impl Root {
    /// Opens an object for reading; also returns its info.
    pub(super) fn open(&self, key: &str) -> Result<(OwnedFd, Stat, ObjectInfo)> {
        self.check_path(key)?;
        // Without NONBLOCK, a pipe below the root would hang the reader.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        for _ in 0..ATTEMPTS {
            let file = path::open(self.dir(), key, flags).map_err(|e| self.error(key, e))?;
            let stat = rustix::fs::fstat(&file).map_err(|e| self.error(key, e))?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(Error::NotFound);
            }
            match metadata::load(self.sidecar().ok(), key, file.as_fd(), &stat) {
                Ok(info) => return Ok((file, stat, info)),
                Err(Errno::STALE) => {}
                Err(e) => return Err(self.error(key, e)),
            }
        }
        Err(self.busy(key))
    }

    pub(super) fn exists(&self, key: &str) -> Result<bool> {
        self.check_path(key)?;
        let found = path::open(self.dir(), key, OFlags::PATH).and_then(rustix::fs::fstat);
        match found {
            Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
            Err(e) => match self.error(key, e) {
                Error::NotFound => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Checks preconditions early, before the bytes are written; `publish` checks
    /// them again.
    pub(super) fn check(&self, key: &str, options: &PutOptions) -> Result<()> {
        self.check_path(key)?;
        self.sidecar()?;
        if options.if_absent || options.if_match.is_some() {
            check_write(options, self.current(key)?.as_ref())?;
        }
        Ok(())
    }

    pub(super) fn current(&self, key: &str) -> Result<Option<ObjectInfo>> {
        match self.open(key) {
            Ok((_, _, info)) => Ok(Some(info)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
