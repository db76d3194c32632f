//! The root directory, and the two trees of its objects.

use super::form::Form;
use super::sidecar::{Sidecar, SidecarPlace, WITHIN};
use super::syscalls::is_local;
use super::tree::Tree;
use super::{errno, path};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, OnceLock};
use storage_contract::options;
use storage_store::{Error, Result, check_key};

/// How often a put recreates folders that deletes prune, and a reader retries when
/// puts replace what it opened.
pub(super) const ATTEMPTS: usize = 1000;

options! {
    /// What becomes of keys that the filesystem can't have as paths.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum OddKeys {
        /// Their objects are in the side directory.
        Keep = "keep",
        /// They are invalid.
        Refuse = "refuse",
    }
}

/// An open root.
///
/// An object is in the plain tree, where its key is its path, wherever the
/// filesystem can have it there when it is put. Otherwise it is in the odd tree. If
/// both have one (a put went to the plain tree and died before it removed the odd
/// object), the plain one holds.
pub(super) struct Root {
    plain: Tree,
    odd: OnceLock<Tree>,
    /// Set once the folder of the odd tree is durable.
    odd_made: OnceLock<()>,
    odd_keys: OddKeys,
    place: SidecarPlace,
    /// The side directory, or why nothing can be written.
    sidecar: Result<Sidecar>,
    is_local: bool,
}

/// Where the object of a key can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Homes {
    Plain,
    Odd,
    Both,
}

impl Root {
    pub(super) fn new(
        dir: OwnedFd,
        shown: String,
        place: SidecarPlace,
        sidecar: Result<Sidecar>,
        durable: bool,
        odd_keys: OddKeys,
    ) -> Result<Self, Errno> {
        let is_local = is_local(dir.as_fd());
        let plain = Tree::new(dir, shown, Form::Plain, durable)?;
        let (odd, odd_made) = (OnceLock::new(), OnceLock::new());
        Ok(Self { plain, odd, odd_made, odd_keys, place, sidecar, is_local })
    }

    /// Whether nothing but a disk can make an open of its files wait.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.plain.dir()
    }

    /// Whether writes are synced before they are acknowledged.
    pub(super) fn durable(&self) -> bool {
        self.plain.durable()
    }

    /// A key as a path in the user's terms.
    pub(super) fn shown(&self, key: &str) -> String {
        self.plain.shown(key)
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

    /// Checks a key, and returns where its object can be.
    pub(super) fn homes(&self, key: &str) -> Result<Homes> {
        check_key(key)?;
        match (self.check_path(key), self.odd_keys) {
            (Ok(()), OddKeys::Keep) => Ok(Homes::Both),
            (Ok(()), OddKeys::Refuse) => Ok(Homes::Plain),
            (Err(_), OddKeys::Keep) => Ok(Homes::Odd),
            (Err(problem), OddKeys::Refuse) => Err(problem),
        }
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

    /// The tree of the objects whose keys are their paths.
    pub(super) fn plain(&self) -> &Tree {
        &self.plain
    }

    /// The tree of the other objects, if there is one.
    pub(super) fn odd(&self) -> Result<Option<&Tree>> {
        if self.odd.get().is_none() {
            // Check every time: another process may have created it.
            let dir = match &self.sidecar {
                Ok(sidecar) => sidecar.odd(),
                // What can't be opened was reported at the start.
                Err(_) => self.place.odd().or_else(|e| match e {
                    Errno::ACCESS | Errno::PERM => Ok(None),
                    e => Err(e),
                }),
            };
            if let Some(dir) = dir.map_err(|e| self.odd_error(e))? {
                self.keep_odd(dir)?;
            }
        }
        Ok(self.odd.get())
    }

    /// The tree of the other objects, created if necessary.
    pub(super) fn make_odd(&self) -> Result<&Tree> {
        if let (Some(()), Some(odd)) = (self.odd_made.get(), self.odd.get()) {
            return Ok(odd);
        }
        let dir = self.sidecar()?.make_odd().map_err(|e| self.odd_error(e))?;
        let odd = self.keep_odd(dir)?;
        self.odd_made.get_or_init(|| ());
        Ok(odd)
    }

    fn keep_odd(&self, dir: OwnedFd) -> Result<&Tree> {
        let shown = self.odd_directory().display().to_string();
        let tree = Tree::new(dir, shown, Form::Odd, self.durable());
        let tree = tree.map_err(|e| self.odd_error(e))?;
        Ok(self.odd.get_or_init(|| tree))
    }

    fn odd_error(&self, error: Errno) -> Error {
        if matches!(error, Errno::NOENT | Errno::NOTDIR | Errno::LOOP) {
            let shown = self.odd_directory();
            return Error::Other(format!(
                "{}: it is no directory, or was removed; objects are kept there",
                shown.display()
            ));
        }
        errno::at(&self.odd_directory().display().to_string(), error)
    }

    /// Where the odd tree is or would be.
    pub(super) fn odd_directory(&self) -> PathBuf {
        self.place.odd_path()
    }

    /// The tree of the other objects, if there is one and they can be seen.
    pub(super) fn seen_odd(&self) -> Result<Option<&Tree>> {
        match self.odd_keys {
            OddKeys::Keep => self.odd(),
            OddKeys::Refuse => Ok(None),
        }
    }

    /// Where objects are that can't be seen, and why, if there are any.
    pub(super) fn hidden(&self) -> Option<(PathBuf, &'static str)> {
        let here = self.odd_directory();
        if let (Err(_), Err(Errno::ACCESS | Errno::PERM)) = (&self.sidecar, self.place.odd()) {
            return Some((here, "this user can't open it"));
        }
        if self.odd_keys == OddKeys::Refuse && self.place.has_odd() {
            return Some((here, "odd keys are refused"));
        }
        let elsewhere = self.place.odd_beside()?;
        Some((
            elsewhere,
            "since the root is a mount point, or has a side directory of its own, \
                          odd objects are kept within it",
        ))
    }

    pub(super) fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        self.plain.shared().lock(key)
    }

    /// Makes the root's own entries durable.
    pub(super) fn sync(&self) -> Result<()> {
        if self.sidecar.is_ok() {
            rustix::fs::fsync(self.dir()).map_err(|e| self.unsynced("", "all was done", e))?;
        }
        Ok(())
    }
}
