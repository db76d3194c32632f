//! System errors as errors of the contract.

use rustix::io::Errno;
use std::io;
use storage_contract::types::too_long;
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
            too_long(&format!("{path}: the filesystem takes no name that long"))
        }
        Some(Errno::ACCESS | Errno::PERM) => Error::PermissionDenied(format!("{path}: {error}")),
        Some(Errno::ROFS) => {
            Error::PermissionDenied(format!("{path}: the filesystem is read-only"))
        }
        Some(Errno::NOSPC) => Error::out_of_space(&format!("{path}: the disk is full")),
        Some(Errno::DQUOT) => Error::out_of_space(&format!("{path}: the disk quota is used up")),
        Some(Errno::FBIG) => Error::LimitExceeded(format!(
            "{path}: larger than a file may be here; nothing was written"
        )),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::INTR) => {
            Error::Unavailable(format!("{path}: {error}"))
        }
        _ => Error::Other(format!("{path}: {error}")),
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
        assert_eq!(at("data/key", error), Error::out_of_space("data/key: the disk is full"));
    }
}
