//! Lookups of objects.

use super::metadata;
use super::root::{ATTEMPTS, Homes, Root};
use super::tree::TreeFile;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;
use storage_store::{Error, ObjectInfo, PutOptions, Result, check_write};

/// An object's open file with its info.
type Opened = (OwnedFd, Stat, ObjectInfo);

impl Root {
    /// Opens an object for reading; also returns its info.
    pub(super) fn open(&self, key: &str) -> Result<Opened> {
        self.look(key, |file| self.open_file(file))?.ok_or(Error::NotFound)
    }

    pub(super) fn exists(&self, key: &str) -> Result<bool> {
        let found = self.look(key, |file| Ok(self.is_there(file)?.then_some(())))?;
        Ok(found.is_some())
    }

    /// Whether an object is in this file.
    pub(super) fn is_there(&self, file: &TreeFile<'_>) -> Result<bool> {
        let stat = file.open(OFlags::PATH).and_then(rustix::fs::fstat);
        Ok(self.regular(file.key, stat, |stat| stat)?.is_some())
    }

    /// Looks for an object where it can be, in the plain tree first.
    fn look<T>(
        &self,
        key: &str,
        look: impl Fn(&TreeFile<'_>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let homes = self.homes(key)?;
        let plain = self.plain().file(key);
        if homes != Homes::Odd
            && let Some(found) = look(&plain)?
        {
            return Ok(Some(found));
        }
        let odd = if homes == Homes::Plain { None } else { self.seen_odd()? };
        let Some(odd) = odd else { return Ok(None) };
        match look(&odd.file(key))? {
            // A put may have brought it to the plain tree meanwhile. None brings it
            // back without a time at which it is nowhere.
            None if homes == Homes::Both => look(&plain),
            found => Ok(found),
        }
    }

    /// What a look at a file found; `None` if it is no object.
    fn regular<T>(
        &self,
        key: &str,
        found: Result<T, Errno>,
        stat: impl Fn(&T) -> &Stat,
    ) -> Result<Option<T>> {
        match found.map_err(|e| self.error(key, e)) {
            Ok(found) => {
                let kind = FileType::from_raw_mode(stat(&found).st_mode);
                Ok((kind == FileType::RegularFile).then_some(found))
            }
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open_file(&self, file: &TreeFile<'_>) -> Result<Option<Opened>> {
        let key = file.key;
        for _ in 0..ATTEMPTS {
            // Without NONBLOCK, a pipe below the root would hang the reader.
            let opened = file
                .open(OFlags::RDONLY | OFlags::NONBLOCK)
                .and_then(|handle| rustix::fs::fstat(&handle).map(|stat| (handle, stat)));
            let Some((handle, stat)) = self.regular(key, opened, |(_, stat)| stat)? else {
                return Ok(None);
            };
            match metadata::load(self.sidecar().ok(), key, handle.as_fd(), &stat) {
                Ok(info) => return Ok(Some((handle, stat, info))),
                Err(Errno::STALE) => {}
                Err(e) => return Err(self.error(key, e)),
            }
        }
        Err(self.busy(key))
    }

    /// Checks preconditions early, before the bytes are written; `publish` checks
    /// them again.
    pub(super) fn check(&self, key: &str, options: &PutOptions) -> Result<()> {
        self.homes(key)?;
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
