//! Changes: objects come to their place or go, and folders with them.

use super::form::Form;
use super::root::{ATTEMPTS, Homes, Root};
use super::sidecar::are_apart;
use super::staged_file::StagedFile;
use super::syscalls::remove_empty;
use super::tree::TreeFile;
use super::{metadata, path};
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions, Result, check_write};

/// The names of folders that a put made.
type Made = Vec<String>;

/// Why a file didn't come to its place.
enum Unplaced {
    /// Other objects are where it or its folders would be.
    Blocked(Errno),
    Failed(Error),
}

impl Root {
    /// Moves a finished file to its place. With `durable`, file and folder entry
    /// are synced when this returns.
    pub(super) fn publish(
        &self,
        key: &str,
        mut temp: StagedFile,
        options: &PutOptions,
    ) -> Result<ObjectInfo> {
        let homes = self.homes(key)?;
        let info = self.save(key, &temp, options);
        let lock = self.lock(key);
        let placed = info.and_then(|info| {
            if options.if_match.is_some() || options.if_absent {
                check_write(options, self.current(key)?.as_ref())?;
            }
            // What fails later would do so after the object could be seen.
            self.odd()?;
            let (file, made) = self.place_somewhere(key, homes, &mut temp, options)?;
            Ok((info, file, made))
        });
        let (info, file, made) = match placed {
            Ok(placed) => placed,
            Err(error) => {
                // Leave nothing behind.
                if let (Ok(sidecar), Ok(stat)) = (self.sidecar(), rustix::fs::fstat(temp.file())) {
                    metadata::forget(sidecar, key, stat.st_ino);
                }
                return Err(error);
            }
        };
        if let Err(error) = self.settle(&file, &temp, &made, homes, options) {
            // Whatever it was: the object can be seen.
            let _ = file.sync(&made);
            return Err(error);
        }
        drop(lock);
        file.sync(&made).map_err(|e| self.unsynced(key, "written", e))?;
        Ok(info)
    }

    /// Makes the file durable, with its metadata.
    fn save(&self, key: &str, temp: &StagedFile, options: &PutOptions) -> Result<ObjectInfo> {
        let shown = self.shown(key);
        let file = temp.file();
        let info = metadata::save(self.sidecar()?, key, &shown, file, options, self.durable())?;
        if self.durable() {
            rustix::fs::fsync(file).map_err(|e| self.error(key, e))?;
        }
        Ok(info)
    }

    /// Places the file in the tree that can have it.
    fn place_somewhere<'a>(
        &'a self,
        key: &'a str,
        homes: Homes,
        temp: &mut StagedFile,
        options: &PutOptions,
    ) -> Result<(TreeFile<'a>, Made)> {
        if homes != Homes::Odd {
            let file = self.plain().file(key);
            match self.place(&file, temp, options) {
                Ok(made) => return Ok((file, made)),
                Err(Unplaced::Blocked(_)) if homes == Homes::Both => {}
                Err(Unplaced::Blocked(e)) => return Err(self.conflict(key, e)),
                Err(Unplaced::Failed(error)) => return Err(error),
            }
        }
        let file = self.make_odd()?.file(key);
        match self.place(&file, temp, options) {
            Ok(made) => Ok((file, made)),
            Err(Unplaced::Blocked(_)) => {
                let shown = file.shown();
                Err(Error::Other(format!("{shown}: a file that is not the store's is in the way")))
            }
            Err(Unplaced::Failed(error)) => Err(error),
        }
    }

    /// Sees to it that the key has one object, now that its file is in its place.
    fn settle(
        &self,
        file: &TreeFile<'_>,
        temp: &StagedFile,
        made: &[String],
        homes: Homes,
        options: &PutOptions,
    ) -> Result<()> {
        let Some(odd) = self.odd()?.filter(|_| homes != Homes::Odd) else { return Ok(()) };
        let other = match file.tree.form() {
            Form::Plain => odd.file(file.key),
            Form::Odd => self.plain().file(file.key),
        };
        if !self.is_there(&other)? {
            return Ok(());
        }
        // Another process has put the other one. It may believe to have been the first, and
        // an odd one would not be seen: this one gives in.
        let is_odd = file.tree.form() == Form::Odd;
        if homes == Homes::Both && (options.if_absent || is_odd) {
            let own = rustix::fs::fstat(temp.file()).map_err(|e| self.error(file.key, e))?;
            self.unlink(file, Some(own.st_ino))?;
            file.sync_removal().map_err(|e| self.unsynced(file.key, "deleted", e))?;
            return Err(match options.if_absent {
                true => Error::AlreadyExists,
                false => self.busy(file.key),
            });
        }
        // An odd object would come back once this one is deleted. It goes when this one
        // is sure to stay.
        file.sync(made).map_err(|e| self.unsynced(file.key, "written", e))?;
        self.remove_odd(file.key)?;
        Ok(())
    }

    fn place(
        &self,
        file: &TreeFile<'_>,
        temp: &mut StagedFile,
        options: &PutOptions,
    ) -> Result<Made, Unplaced> {
        let mut made = Made::new();
        let placed = self.try_to_place(file, temp, options, &mut made);
        if placed.is_err() && !made.is_empty() {
            file.prune();
            // Another put may be about to use them; this takes them off the list of new ones.
            let _ = file.sync(&made);
        }
        placed.map(|()| made)
    }

    fn try_to_place(
        &self,
        file: &TreeFile<'_>,
        temp: &mut StagedFile,
        options: &PutOptions,
        made: &mut Made,
    ) -> Result<(), Unplaced> {
        let key = file.key;
        let fail = |e| Unplaced::Failed(self.error(key, e));
        for _ in 0..ATTEMPTS {
            let (parent, name) = match file.parent() {
                Ok(parent) => parent,
                Err(Errno::NOENT) => match file.make_folders(made) {
                    Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => continue,
                    Err(e) => return Err(fail(e)),
                },
                // A link to a folder is no folder, either, but nothing to get around.
                Err(Errno::NOTDIR) => match file.in_the_way() {
                    Ok(FileType::Symlink) => return Err(fail(Errno::LOOP)),
                    Ok(_) => return Err(Unplaced::Blocked(Errno::NOTDIR)),
                    Err(Errno::NOENT | Errno::NOTDIR) => continue,
                    Err(e) => return Err(fail(e)),
                },
                Err(e) => return Err(fail(e)),
            };
            let there = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some((stat, FileType::from_raw_mode(stat.st_mode))),
                Err(Errno::NOENT) => None,
                Err(e) => return Err(fail(e)),
            };
            let replaced = match there {
                None => None,
                Some((_, FileType::RegularFile)) if options.if_absent => {
                    return Err(Unplaced::Failed(Error::AlreadyExists));
                }
                Some((stat, FileType::RegularFile)) => Some(stat),
                // A folder left by a crash between creating folders and the object.
                Some((_, FileType::Directory)) => match remove_empty(parent.as_fd(), name) {
                    Ok(()) => None,
                    Err(
                        Errno::NOTEMPTY | Errno::EXIST | Errno::ACCESS | Errno::PERM | Errno::BUSY,
                    ) => return Err(Unplaced::Blocked(Errno::ISDIR)),
                    Err(Errno::NOENT | Errno::NOTDIR) => continue,
                    Err(e) => return Err(fail(e)),
                },
                Some((_, FileType::Symlink)) => return Err(fail(Errno::LOOP)),
                Some(_) => {
                    return Err(Unplaced::Failed(Error::InvalidKey(format!(
                        "{} is a device, pipe or socket of another program",
                        self.shown(key)
                    ))));
                }
            };
            let moved = match replaced {
                Some(_) => temp.replace(parent.as_fd(), name),
                None => temp.place(parent.as_fd(), name),
            };
            match moved {
                Ok(()) => {
                    if let (Some(replaced), Ok(sidecar)) = (replaced, self.sidecar()) {
                        metadata::forget(sidecar, key, replaced.st_ino);
                    }
                    return Ok(());
                }
                // Pruned, turned into a folder, or put by another process, between check
                // and move.
                Err(
                    Errno::NOENT | Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY,
                ) => {}
                Err(Errno::XDEV) if file.tree.form() == Form::Plain => {
                    return Err(Unplaced::Failed(self.mounted_below(key)));
                }
                Err(e) => return Err(fail(e)),
            }
        }
        Err(Unplaced::Failed(self.busy(key)))
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

    pub(super) fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let homes = self.homes(key)?;
        let lock = self.lock(key);
        if options.if_match.is_some() && self.open(key)?.2.etag != options.if_match {
            return Err(Error::PreconditionFailed);
        }
        let file = self.plain().file(key);
        // If there are both, the odd one goes first: it must not come back meanwhile. One
        // that can't be seen goes with the object that shadows it.
        let odd = match homes {
            Homes::Plain => self.is_there(&file)? && self.remove_odd(key)?,
            Homes::Odd | Homes::Both => self.remove_odd(key)?,
        };
        let plain = homes != Homes::Odd && self.unlink(&file, None)?;
        drop(lock);
        match (plain, odd) {
            (true, _) => file.sync_removal().map_err(|e| self.unsynced(key, "deleted", e)),
            (false, true) => Ok(()),
            (false, false) => Err(Error::NotFound),
        }
    }

    /// Removes the object of a key from the odd tree, durably. Returns whether there
    /// was one.
    fn remove_odd(&self, key: &str) -> Result<bool> {
        let Some(odd) = self.odd()? else { return Ok(false) };
        let file = odd.file(key);
        let found = self.unlink(&file, None)?;
        if found {
            file.sync_removal().map_err(|e| self.unsynced(key, "deleted", e))?;
        }
        Ok(found)
    }

    /// Removes a file, but not its folders; with `only`, if it is that inode. Returns whether
    /// there was one.
    fn unlink(&self, file: &TreeFile<'_>, only: Option<u64>) -> Result<bool> {
        let found = file.parent().and_then(|(parent, name)| {
            let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if only.is_some_and(|inode| inode != stat.st_ino) {
                return Err(Errno::NOENT);
            }
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {
                    let gone = rustix::fs::unlinkat(&parent, name, AtFlags::empty());
                    // Another process has put a folder there.
                    gone.map_err(|e| if e == Errno::ISDIR { Errno::NOENT } else { e })?;
                }
                FileType::Symlink if file.tree.form() == Form::Plain => return Err(Errno::LOOP),
                _ => return Err(Errno::NOENT),
            }
            Ok(stat)
        });
        match found.map_err(|e| self.error(file.key, e)) {
            Ok(stat) => {
                if let Ok(sidecar) = self.sidecar() {
                    metadata::forget(sidecar, file.key, stat.st_ino);
                }
                Ok(true)
            }
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
