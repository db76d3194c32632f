//! The root directory and the operations on its objects.

use super::key_locks::KeyLocks;
use super::names::Names;
use super::sidecar::{Sidecar, SidecarPlace, WITHIN, are_apart};
use super::writer::StagedFile;
use super::{metadata, path};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, MutexGuard};
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions, Result, check_write};

/// How often a put recreates folders that deletes prune, and a reader retries when
/// puts replace what it opened.
const ATTEMPTS: usize = 1000;

/// An open root.
pub(super) struct Root {
    dir: OwnedFd,
    /// The path as written in the configuration, for messages.
    shown: String,
    place: SidecarPlace,
    /// The side directory, or why nothing can be written.
    sidecar: Result<Sidecar>,
    durable: bool,
    shared: Arc<KeyLocks>,
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

    fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        self.shared.lock(key)
    }

    fn fresh(&self) -> MutexGuard<'_, HashSet<String>> {
        self.shared.fresh()
    }

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

    fn current(&self, key: &str) -> Result<Option<ObjectInfo>> {
        match self.open(key) {
            Ok((_, _, info)) => Ok(Some(info)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Moves a finished file to its place. With `durable`, file and folder entry
    /// are synced when this returns.
    pub(super) fn publish(
        &self,
        key: &str,
        mut temp: StagedFile,
        options: &PutOptions,
    ) -> Result<ObjectInfo> {
        let mut made = Vec::new();
        match self.save_and_place(key, &mut temp, options, &mut made) {
            Ok(info) => {
                self.sync_folders(key, &made).map_err(|e| self.unsynced(key, "written", e))?;
                Ok(info)
            }
            Err(error) => {
                // Leave nothing behind.
                if let (Ok(sidecar), Ok(stat)) = (self.sidecar(), rustix::fs::fstat(temp.file())) {
                    metadata::forget(sidecar, key, stat.st_ino);
                }
                if !made.is_empty() {
                    self.prune(path::split(key).0);
                }
                Err(error)
            }
        }
    }

    fn save_and_place(
        &self,
        key: &str,
        temp: &mut StagedFile,
        options: &PutOptions,
        made: &mut Vec<String>,
    ) -> Result<ObjectInfo> {
        let sidecar = self.sidecar()?;
        let shown = self.shown(key);
        let info = metadata::save(sidecar, key, &shown, temp.file(), options, self.durable)?;
        if self.durable {
            rustix::fs::fsync(temp.file()).map_err(|e| self.error(key, e))?;
        }
        let _lock = self.lock(key);
        if options.if_match.is_some() || options.if_absent {
            check_write(options, self.current(key)?.as_ref())?;
        }
        if let Some(replaced) = self.place(key, temp, options, made)? {
            metadata::forget(sidecar, key, replaced.st_ino);
        }
        Ok(info)
    }

    fn place(
        &self,
        key: &str,
        temp: &mut StagedFile,
        options: &PutOptions,
        made: &mut Vec<String>,
    ) -> Result<Option<Stat>> {
        let (folder, name) = path::split(key);
        for _ in 0..ATTEMPTS {
            let parent = match path::open_folder(self.dir(), folder) {
                Ok(parent) => parent,
                Err(Errno::NOENT) => match self.make_folders(key, made) {
                    Ok(()) | Err(Errno::NOENT) => continue,
                    Err(e) => return Err(self.conflict(key, e)),
                },
                Err(e) => return Err(self.conflict(key, e)),
            };
            let there = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(stat),
                Err(Errno::NOENT) => None,
                Err(e) => return Err(self.error(key, e)),
            };
            match there.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
                None | Some(FileType::RegularFile) => {}
                // A folder left by a crash between creating folders and the object.
                Some(FileType::Directory) => {
                    if remove_empty(parent.as_fd(), name).is_err() {
                        return Err(self.conflict(key, Errno::ISDIR));
                    }
                }
                Some(FileType::Symlink) => return Err(self.error(key, Errno::LOOP)),
                Some(_) => {
                    return Err(Error::InvalidKey(format!(
                        "{} is a device, pipe or socket of another program",
                        self.shown(key)
                    )));
                }
            }
            let file =
                there.filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
            let moved = match file {
                Some(_) if options.if_absent => Err(Errno::EXIST),
                Some(_) => temp.replace(parent.as_fd(), name),
                None => temp.place(parent.as_fd(), name),
            };
            match moved {
                Ok(()) => return Ok(file),
                Err(Errno::EXIST) if options.if_absent => return Err(Error::AlreadyExists),
                // Pruned, or turned into a folder, between check and move.
                Err(Errno::NOENT | Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {}
                Err(Errno::XDEV) => return Err(self.mounted_below(key)),
                Err(e) => return Err(self.error(key, e)),
            }
        }
        Err(self.busy(key))
    }

    /// The error for a key in a folder on another filesystem.
    fn mounted_below(&self, key: &str) -> Error {
        let there = |folder: &&str| {
            path::open_folder(self.dir(), folder)
                .is_ok_and(|folder| are_apart(self.dir(), folder.as_fd()) == Ok(true))
        };
        let folder = path::folders(key).find(there).unwrap_or(path::split(key).0);
        Error::InvalidKey(format!(
            "{}: {} is another filesystem than the rest of root_path, so nothing can be written \
             there through this store; give that folder a store of its own, with it as root_path",
            self.shown(key),
            self.shown(folder)
        ))
    }

    fn make_folders(&self, key: &str, made: &mut Vec<String>) -> Result<(), Errno> {
        for folder in path::folders(key) {
            let (above, name) = path::split(folder);
            let above = path::open_folder(self.dir(), above)?;
            match rustix::fs::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => continue,
                Err(Errno::NOENT) => {}
                Err(e) => return Err(e),
            }
            self.fresh().insert(folder.to_owned());
            made.push(folder.to_owned());
            match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Makes the object's entry durable, with the entries of folders that this or
    /// another put has just created.
    fn sync_folders(&self, key: &str, made: &[String]) -> Result<(), Errno> {
        let mut wanted: Vec<&str> = Vec::new();
        {
            let fresh = self.fresh();
            if !fresh.is_empty() {
                wanted.extend(path::folders(key).filter(|folder| fresh.contains(*folder)));
            }
        }
        if self.durable {
            let above = wanted.iter().map(|folder| path::split(folder).0);
            for folder in above.chain([path::split(key).0]) {
                self.sync_folder(folder)?;
            }
        }
        if !wanted.is_empty() || !made.is_empty() {
            let mut fresh = self.fresh();
            for folder in wanted.into_iter().chain(made.iter().map(String::as_str)) {
                fresh.remove(folder);
            }
        }
        Ok(())
    }

    /// Makes the entries of a folder durable.
    fn sync_folder(&self, folder: &str) -> Result<(), Errno> {
        self.shared.group_sync.sync(folder, || {
            let mut folder = folder;
            loop {
                match path::open_folder(self.dir(), folder).and_then(rustix::fs::fsync) {
                    // Already pruned: now the removal has to be durable.
                    Err(Errno::NOENT) if !folder.is_empty() => folder = path::split(folder).0,
                    done => return done,
                }
            }
        })
    }

    pub(super) fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.check_path(key)?;
        let fail = |e: Errno| self.error(key, e);
        let lock = self.lock(key);
        let (folder, name) = path::split(key);
        let parent = path::open_folder(self.dir(), folder).map_err(fail)?;
        let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(fail(Errno::LOOP)),
            _ => return Err(Error::NotFound),
        }
        if options.if_match.is_some() && self.open(key)?.2.etag != options.if_match {
            return Err(Error::PreconditionFailed);
        }
        rustix::fs::unlinkat(&parent, name, AtFlags::empty()).map_err(fail)?;
        if let Ok(sidecar) = self.sidecar() {
            metadata::forget(sidecar, key, stat.st_ino);
        }
        drop(lock);
        if self.durable {
            self.sync_folder(folder).map_err(|e| self.unsynced(key, "deleted", e))?;
        }
        self.prune(folder);
        Ok(())
    }

    /// Removes folders that became empty. A concurrent put recreates them; their
    /// removal need not be durable.
    fn prune(&self, mut folder: &str) {
        while !folder.is_empty() {
            let (above, name) = path::split(folder);
            let Ok(parent) = path::open_folder(self.dir(), above) else { return };
            if rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            folder = above;
        }
    }

    /// Makes the root's own entries durable.
    pub(super) fn sync(&self) -> Result<()> {
        if self.sidecar.is_ok() {
            rustix::fs::fsync(&self.dir).map_err(|e| self.unsynced("", "all was done", e))?;
        }
        Ok(())
    }
}

/// Removes a folder that holds nothing but empty folders.
fn remove_empty(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(e),
    }
    let folder = path::open_folder(parent, name)?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(name) if entry.file_type() == FileType::Directory => {
                remove_empty(folder.as_fd(), name)?;
            }
            _ => return Err(Errno::NOTEMPTY),
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// `renameat2` with `RENAME_NOREPLACE`, or link and unlink on filesystems without
/// it.
pub(super) fn rename_to_free(
    from: BorrowedFd<'_>,
    old: &str,
    to: BorrowedFd<'_>,
    new: &str,
) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
            rustix::fs::linkat(from, old, to, new, AtFlags::empty())?;
            // The file is in place; the next start removes the old name.
            let _ = rustix::fs::unlinkat(from, old, AtFlags::empty());
            Ok(())
        }
        done => done,
    }
}
