//! Opening of regular files only.
//!
//! Something else may have put a pipe, a device or a link under a name. Opening
//! one here never blocks, and fails.

use crate::units::show_bytes;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Opens a file that the user named, for reading; follows links.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::empty())
}

/// Opens one of our own files for reading; fails on a link.
pub fn open_own(path: &Path) -> io::Result<File> {
    open_with(path, OFlags::NOFOLLOW)
}

/// Reads a file that the user named; fails if it has more than `most` bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it has more than {}", show_bytes(most)))),
        false => Ok(bytes),
    }
}

/// Creates one of our own files, replacing whatever has its name.
pub fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

fn open_with(path: &Path, more: OFlags) -> io::Result<File> {
    // Opening a pipe without a writer would block; regular files ignore the
    // flag.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, mknodat};

    #[test]
    fn neither_a_pipe_nor_a_device_nor_a_folder_is_opened_or_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&*pipe, &*socket, folder.path(), Path::new("/dev/zero")] {
            assert!(open(path).is_err(), "{path:?}");
            assert!(open_own(path).is_err(), "{path:?}");
            assert!(read(path, 10).is_err(), "{path:?}");
        }
        std::fs::write(folder.path().join("file"), "content").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(read(&link, 7).unwrap(), b"content");
        assert!(read(&link, 6).is_err());
        assert!(open_own(&link).is_err());
        for taken in [pipe, socket, link] {
            create(&taken).unwrap();
            assert!(taken.symlink_metadata().unwrap().is_file(), "{taken:?}");
        }
        assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"content");
    }
}
