//! Errors of a root, which name the key as the user would write it.

use super::errno::at;
use super::path;
use super::root::Root;
use rustix::io::Errno;
use storage_store::Error;

impl Root {
    pub(super) fn error(&self, key: &str, error: Errno) -> Error {
        at(&self.shown(key), error)
    }

    pub(super) fn busy(&self, key: &str) -> Error {
        let shown = self.shown(key);
        Error::Unavailable(format!("{shown}: it was changed again and again meanwhile"))
    }

    /// The error for a change that is visible but may be lost in a power cut.
    pub(super) fn unsynced(&self, key: &str, done: &str, error: Errno) -> Error {
        Error::Other(format!(
            "{}: {done}, but its folder could not be synced ({}), so a power cut may undo that; \
             look at the disk, then do it again",
            self.shown(key),
            std::io::Error::from(error)
        ))
    }

    pub(super) fn conflict(&self, key: &str, error: Errno) -> Error {
        match error {
            Errno::NOTDIR => {
                let taken = path::folders(key).find(|folder| self.exists(folder) == Ok(true));
                Error::InvalidKey(format!(
                    "{key:?} can't be stored: {:?} is an object, and a filesystem can't have objects below it",
                    taken.unwrap_or("a part of it")
                ))
            }
            Errno::ISDIR => Error::InvalidKey(format!(
                "{key:?} can't be stored: it is a folder, there are objects below \"{key}/\""
            )),
            error => self.error(key, error),
        }
    }
}
