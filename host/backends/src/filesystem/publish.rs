//! Changes: objects come to their place or go, and folders with them.

use super::root::{ATTEMPTS, Root};
use super::sidecar::are_apart;
use super::staged_file::StagedFile;
use super::syscalls::remove_empty;
use super::{metadata, path};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions, Result, check_write};

impl Root {
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
        let info = metadata::save(sidecar, key, &shown, temp.file(), options, self.durable())?;
        if self.durable() {
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
        if self.durable() {
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
        if self.durable() {
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
}
