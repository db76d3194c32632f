//! Converts system errors to the contract's errors.

use super::path;
use super::root::Root;
use rustix::io::Errno;
use std::io;
use storage_store::Error;

/// Converts an error at `path`, which is shown as the user would write it.
pub(super) fn at(path: &str, error: impl Into<io::Error>) -> Error {
    let error = error.into();
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        Some(Errno::NOENT | Errno::NOTDIR) => Error::NotFound,
        Some(Errno::LOOP) => Error::InvalidKey(format!(
            "{path} is, or lies behind, a symbolic link; the store follows none"
        )),
        Some(Errno::NAMETOOLONG) => {
            Error::InvalidKey(format!("{path}: the filesystem takes no name that long"))
        }
        Some(Errno::ACCESS | Errno::PERM) => Error::PermissionDenied(format!("{path}: {error}")),
        Some(Errno::ROFS) => {
            Error::PermissionDenied(format!("{path}: the filesystem is read-only"))
        }
        Some(Errno::NOSPC) => {
            Error::LimitExceeded(format!("{path}: the disk is full; nothing was written"))
        }
        Some(Errno::DQUOT) => {
            Error::LimitExceeded(format!("{path}: the disk quota is used up; nothing was written"))
        }
        Some(Errno::FBIG) => Error::LimitExceeded(format!(
            "{path}: larger than a file may be here; nothing was written"
        )),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::INTR) => {
            Error::Unavailable(format!("{path}: {error}"))
        }
        _ => Error::Other(format!("{path}: {error}")),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_full_disk_is_called_a_full_disk() {
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = full.write_all(b"x").unwrap_err();
        assert_eq!(
            at("data/key", error),
            Error::LimitExceeded("data/key: the disk is full; nothing was written".to_owned())
        );
    }
}
