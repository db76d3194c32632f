//! Trees: directories whose files are objects, with the folders in them.

use super::form::Form;
use super::key_locks::KeyLocks;
use super::names::Names;
use super::path;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::borrow::Cow;
use std::sync::Arc;

/// A directory whose files are objects.
pub(super) struct Tree {
    dir: OwnedFd,
    /// Its path, for messages.
    shown: String,
    form: Form,
    durable: bool,
    shared: Arc<KeyLocks>,
    names: Names,
}

impl Tree {
    pub(super) fn new(
        dir: OwnedFd,
        shown: String,
        form: Form,
        durable: bool,
    ) -> Result<Self, Errno> {
        let shared = KeyLocks::of(&rustix::fs::fstat(&dir)?);
        Ok(Self { dir, shown, form, durable, shared, names: Names::new(form) })
    }

    pub(super) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Whether writes are synced before they are acknowledged.
    pub(super) fn durable(&self) -> bool {
        self.durable
    }

    /// The locks that all trees of one directory share.
    pub(super) fn shared(&self) -> &KeyLocks {
        &self.shared
    }

    /// Names of large folders, kept for listings.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// A path in the tree, for messages.
    pub(super) fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.shown.trim_end_matches('/'))
    }

    /// The file of a key.
    pub(super) fn file<'a>(&'a self, key: &'a str) -> TreeFile<'a> {
        TreeFile { tree: self, key, path: self.form.path(key) }
    }

    /// Makes the entries of a folder durable.
    fn sync_folder(&self, folder: &str) -> Result<(), Errno> {
        if !self.durable {
            return Ok(());
        }
        self.shared.group_sync.sync(folder, || {
            let mut folder = folder;
            loop {
                match path::open_folder(self.dir(), folder).and_then(rustix::fs::fsync) {
                    // Already pruned, and perhaps a file by now: the removal has to be durable.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if !folder.is_empty() => {
                        folder = path::split(folder).0;
                    }
                    done => return done,
                }
            }
        })
    }
}

/// The file of a key in one of the trees, which need not exist.
pub(super) struct TreeFile<'a> {
    pub(super) tree: &'a Tree,
    pub(super) key: &'a str,
    path: Cow<'a, str>,
}

impl TreeFile<'_> {
    /// Its path, for messages.
    pub(super) fn shown(&self) -> String {
        self.tree.shown(&self.path)
    }

    pub(super) fn open(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        path::open(self.tree.dir(), &self.path, flags)
    }

    /// Opens its folder; also returns its name there.
    pub(super) fn parent(&self) -> Result<(OwnedFd, &str), Errno> {
        let (folder, name) = path::split(&self.path);
        Ok((path::open_folder(self.tree.dir(), folder)?, name))
    }

    /// What the first of its folders is that is no folder; `NOENT` if one is missing.
    pub(super) fn in_the_way(&self) -> Result<FileType, Errno> {
        for folder in path::folders(&self.path) {
            let found = path::open(self.tree.dir(), folder, OFlags::PATH)?;
            match FileType::from_raw_mode(rustix::fs::fstat(found)?.st_mode) {
                FileType::Directory => {}
                other => return Ok(other),
            }
        }
        Err(Errno::NOENT)
    }

    /// Makes the folders that are missing, and adds them to `made`.
    pub(super) fn make_folders(&self, made: &mut Vec<String>) -> Result<(), Errno> {
        for folder in path::folders(&self.path) {
            let (above, name) = path::split(folder);
            let above = path::open_folder(self.tree.dir(), above)?;
            match rustix::fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => continue,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
            self.tree.shared.fresh().insert(folder.to_owned());
            made.push(folder.to_owned());
            match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Makes the file's entry durable, with the entries of folders that this or
    /// another put has just created.
    pub(super) fn sync(&self, made: &[String]) -> Result<(), Errno> {
        let mut wanted: Vec<&str> = Vec::new();
        {
            let fresh = self.tree.shared.fresh();
            if !fresh.is_empty() || !made.is_empty() {
                let is_new = |folder: &&str| {
                    fresh.contains(*folder) || made.iter().any(|made| made == folder)
                };
                wanted.extend(path::folders(&self.path).filter(is_new));
            }
        }
        let above = wanted.iter().map(|folder| path::split(folder).0);
        for folder in above.chain([path::split(&self.path).0]) {
            self.tree.sync_folder(folder)?;
        }
        if !wanted.is_empty() || !made.is_empty() {
            let mut fresh = self.tree.shared.fresh();
            for folder in wanted.into_iter().chain(made.iter().map(String::as_str)) {
                fresh.remove(folder);
            }
        }
        Ok(())
    }

    /// Makes the file's removal durable, then removes the folders that became empty.
    /// A concurrent put recreates them; their removal need not be durable.
    pub(super) fn sync_removal(&self) -> Result<(), Errno> {
        self.tree.sync_folder(path::split(&self.path).0)?;
        self.prune();
        Ok(())
    }

    /// Removes the folders that became empty.
    pub(super) fn prune(&self) {
        let mut folder = path::split(&self.path).0;
        while !folder.is_empty() {
            let (above, name) = path::split(folder);
            let removed = path::open_folder(self.tree.dir(), above)
                .and_then(|parent| rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR));
            match removed {
                Ok(()) | Err(Errno::NOENT) => folder = above,
                Err(_) => return,
            }
        }
    }
}
