//! Maps keys to files. No key can name anything outside the root or reach through a
//! symbolic link.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_store::{Error, Result, check_key, key_too_long};

/// The longest file name on common filesystems.
const MAX_NAME_BYTES: usize = 255;

/// Checks that a key can serve as a relative path, unchanged.
pub(super) fn check(key: &str) -> Result<()> {
    check_key(key)?;
    let problem = if key.starts_with('/') {
        "it begins with \"/\"; a key is a path relative to root_path".to_owned()
    } else if key.ends_with('/') {
        "it ends with \"/\", which names a folder".to_owned()
    } else if let Some(part) = key.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        format!("the part {part:?} between its slashes is not a file name")
    } else if let Some(part) = key.split('/').find(|part| part.len() > MAX_NAME_BYTES) {
        return Err(key_too_long(part, MAX_NAME_BYTES, "a part of a key, which is a file name,"));
    } else {
        return Ok(());
    };
    Err(Error::InvalidKey(format!("{key:?} can't be a file: {problem}")))
}

/// Splits a key into folder (empty: the root) and file name.
pub(super) fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// The folders that a key is in, outermost first, without the root.
pub(super) fn folders(key: &str) -> impl Iterator<Item = &str> {
    key.match_indices('/').filter_map(|(at, _)| key.get(..at))
}

/// Nothing outside the root, and nothing through a link.
const CONFINED: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_SYMLINKS);

static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// The longest path to pass in one system call, with some room to spare.
const MAX_PATH_BYTES: usize = 4_000;

/// Opens a path below a directory; a symbolic link anywhere in it is `ELOOP`. The
/// path must be empty (the directory itself) or have passed [`check`]. It may be
/// longer than the system's limit.
pub(super) fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    if path.len() > MAX_PATH_BYTES
        && let Some((folder, rest)) = path
            .get(..path.floor_char_boundary(MAX_PATH_BYTES))
            .and_then(|start| start.rfind('/'))
            .and_then(|at| Some((path.get(..at)?, path.get(at + 1..)?)))
    {
        let folder = open(root, folder, OFlags::PATH | OFlags::DIRECTORY)?;
        return open(folder.as_fd(), rest, flags);
    }
    let path = if path.is_empty() { "." } else { path };
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    if !NO_OPENAT2.load(Ordering::Relaxed) {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), CONFINED) {
            Err(Errno::NOSYS) => NO_OPENAT2.store(true, Ordering::Relaxed),
            // Some container runtimes answer unknown calls like this; a real
            // refusal comes again below.
            Err(Errno::PERM) => {}
            done => return done,
        }
    }
    open_stepwise(root, path, flags)
}

static NO_CACHED: AtomicBool = AtomicBool::new(false);

/// Like [`open`], for a name on the same filesystem that the kernel has in memory: fails
/// rather than waits.
pub(super) fn open_cached(
    root: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    if NO_CACHED.load(Ordering::Relaxed) {
        return Err(Errno::NOSYS);
    }
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = CONFINED | ResolveFlags::NO_XDEV | ResolveFlags::CACHED;
    let opened = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve);
    // No such call, or, before 5.12, no such flag.
    if let Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) = opened {
        NO_CACHED.store(true, Ordering::Relaxed);
    }
    opened
}

/// The same as [`open`] for kernels before 5.6: one component at a time.
fn open_stepwise(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let (folder, name) = split(path);
    let step = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let mut at: Option<OwnedFd> = None;
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        let from = at.as_ref().map_or(root, AsFd::as_fd);
        at = Some(rustix::fs::openat(from, part, step, Mode::empty())?);
    }
    rustix::fs::openat(at.as_ref().map_or(root, AsFd::as_fd), name, flags, Mode::empty())
}

/// Opens a folder below the root.
pub(super) fn open_folder(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    open(root, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens a folder inside another by its name, which may be any bytes.
pub(super) fn open_folder_by_name(folder: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_no_relative_path_are_refused_with_the_reason() {
        for key in ["/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", "a\0", ""] {
            assert!(matches!(check(key), Err(Error::InvalidKey(_))), "{key:?}");
        }
        let long = format!("a/{}", "x".repeat(256));
        assert!(matches!(check(&long), Err(Error::InvalidKey(m)) if m.contains("256")));
        for key in ["a", "a/b", "...", "a\\..\\b", "C:", " ", "a b/\u{1f980}", "~", "-rf"] {
            assert_eq!(check(key), Ok(()), "{key:?}");
        }
    }

    #[test]
    fn a_path_longer_than_the_system_takes_is_opened_in_parts() {
        let dir = tempfile::tempdir().unwrap();
        let root = rustix::fs::open(dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        for part in ["x".repeat(255), "é".repeat(127)] {
            let mut path = part.clone();
            rustix::fs::mkdirat(&root, &part, Mode::RWXU).unwrap();
            while path.len() + part.len() < storage_contract::MAX_KEY_BYTES {
                let above = open_folder(root.as_fd(), &path).unwrap();
                rustix::fs::mkdirat(&above, &part, Mode::RWXU).unwrap();
                path = format!("{path}/{part}");
            }
            assert!(path.len() > MAX_PATH_BYTES && open_folder(root.as_fd(), &path).is_ok());
            std::os::unix::fs::symlink(&part, dir.path().join("link")).unwrap();
            let linked = format!("link/{}", path.split_once('/').unwrap().1);
            assert_eq!(open_folder(root.as_fd(), &linked).unwrap_err(), Errno::LOOP);
            std::fs::remove_file(dir.path().join("link")).unwrap();
        }
    }

    #[test]
    fn the_stepwise_walk_follows_no_link() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c"), "x").unwrap();
        std::os::unix::fs::symlink("b", dir.path().join("a/link")).unwrap();
        std::os::unix::fs::symlink("b/c", dir.path().join("a/file")).unwrap();
        let root = rustix::fs::open(dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
        for open in [open, open_stepwise] {
            assert!(open(root.as_fd(), "a/b/c", flags).is_ok());
            assert!(open(root.as_fd(), "a/link/c", flags).is_err());
            assert_eq!(open(root.as_fd(), "a/file", flags).unwrap_err(), Errno::LOOP);
        }
    }
}
