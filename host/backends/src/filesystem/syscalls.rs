//! System calls with the ways around where the system lacks one.

use super::path;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{AtFlags, Dir, FileType, RenameFlags};
use rustix::io::Errno;

/// The numbers of ext4, XFS, Btrfs and tmpfs in statfs(2).
const LOCAL: [u32; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994];

/// Whether a directory is on a filesystem where nothing but a disk can make an open wait.
pub(super) fn is_local(dir: BorrowedFd<'_>) -> bool {
    let kind = rustix::fs::fstatfs(dir).ok().and_then(|found| u32::try_from(found.f_type).ok());
    kind.is_some_and(|kind| LOCAL.contains(&kind))
}

/// Removes a folder that holds nothing but empty folders.
pub(super) fn remove_empty(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
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

/// Gives an unnamed file its first name.
pub(super) fn link_unnamed(
    file: BorrowedFd<'_>,
    folder: BorrowedFd<'_>,
    name: &str,
) -> Result<(), Errno> {
    // By its path, because before version 6.10 the kernel accepts the handle itself
    // only from processes with a rare capability.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(rustix::fs::CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)
}
