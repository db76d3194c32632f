//! The root directory.

use super::key_locks::KeyLocks;
use super::names::Names;
use super::path;
use super::sidecar::{Sidecar, SidecarPlace, WITHIN};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use storage_store::{Error, Result};

/// How often a put recreates folders that deletes prune, and a reader retries when
/// puts replace what it opened.
pub(super) const ATTEMPTS: usize = 1000;

/// An open root.
pub(super) struct Root {
    dir: OwnedFd,
    /// The path as written in the configuration, for messages.
    shown: String,
    place: SidecarPlace,
    /// The side directory, or why nothing can be written.
    sidecar: Result<Sidecar>,
    durable: bool,
    pub(super) shared: Arc<KeyLocks>,
    names: Names,
}

impl Root {
    pub(super) fn new(
        dir: OwnedFd,
        shown: String,
        place: SidecarPlace,
        sidecar: Result<Sidecar>,
        durable: bool,
    ) -> Result<Self, Errno> {
        let shared = KeyLocks::of(&rustix::fs::fstat(&dir)?);
        Ok(Self { dir, shown, place, sidecar, durable, shared, names: Names::default() })
    }

    /// Names of large folders, kept for listings.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Whether writes are synced before they are acknowledged.
    pub(super) fn durable(&self) -> bool {
        self.durable
    }

    /// A key as a path in the user's terms.
    pub(super) fn shown(&self, key: &str) -> String {
        format!("{}/{key}", self.shown.trim_end_matches('/'))
    }

    /// The side directory; an error if the root is read-only.
    pub(super) fn sidecar(&self) -> Result<&Sidecar> {
        self.sidecar.as_ref().map_err(Clone::clone)
    }

    /// Where the side directory is or would be.
    pub(super) fn side_directory(&self) -> &Path {
        self.place.path()
    }

    /// Whether no object, and no folder of objects, may be at this path.
    pub(super) fn is_reserved(&self, path: &str) -> bool {
        SidecarPlace::is_reserved(path)
    }

    /// Checks that a key can be the path of an object.
    pub(super) fn check_path(&self, key: &str) -> Result<()> {
        path::check(key)?;
        match self.is_reserved(key) {
            true => Err(Error::InvalidKey(format!(
                "{key:?} can't be an object: {WITHIN} is where this store keeps files that it writes"
            ))),
            false => Ok(()),
        }
    }

    pub(super) fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        self.shared.lock(key)
    }

    pub(super) fn fresh(&self) -> MutexGuard<'_, HashSet<String>> {
        self.shared.fresh()
    }

    /// Makes the root's own entries durable.
    pub(super) fn sync(&self) -> Result<()> {
        if self.sidecar.is_ok() {
            rustix::fs::fsync(&self.dir).map_err(|e| self.unsynced("", "all was done", e))?;
        }
        Ok(())
    }
}
