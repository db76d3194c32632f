//! The side directory of a root: unfinished writes, objects whose keys can't be
//! paths, and metadata on filesystems without attributes.
//!
//! It is `.<name of root>.storage` next to the root, because the Python library
//! lists every file inside. Files can only be moved within one filesystem, so if
//! the root's parent is on another one (the root is a mount point), it is
//! [`WITHIN`] the root, under a name that no key can have.
//!
//! Every open store has its own folder in it, locked while the store is open. So
//! the next process that opens the root can recognize and remove what a killed one
//! left.

use super::syscalls::link_unnamed;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const METADATA: &str = "metadata";
const ODD: &str = "odd";

/// The side directory of an open store.
pub(super) struct Sidecar {
    dir: OwnedFd,
    own_name: String,
    /// Locked while this process uses it.
    own: OwnedFd,
    metadata: OnceLock<OwnedFd>,
    counter: AtomicU64,
    /// Whether a file can be created without a name and linked later.
    unnamed: bool,
}

/// The name of the side directory inside a root.
pub(super) const WITHIN: &str = ".storage-host";

/// The location of a root's side directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SidecarPlace {
    path: PathBuf,
    within: bool,
}

impl SidecarPlace {
    /// Locates the side directory of the root that is open at `path`. A root that
    /// has one inside keeps it, however it is reached: a directory may be a mount
    /// point in a container and none outside. Uncertainty is an error: with another
    /// side directory than before, the metadata of every object would be missing.
    pub(super) fn of(path: &Path, root: BorrowedFd<'_>) -> Result<Self, Errno> {
        let within = Self { path: path.join(WITHIN), within: true };
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(within);
        };
        if existing(rustix::fs::openat(root, WITHIN, FOLDER, Mode::empty()))?.is_some() {
            return Ok(within);
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let above = rustix::fs::open(parent, flags, Mode::empty())?;
        match are_apart(above.as_fd(), root)? {
            true => Ok(within),
            false => Ok(Self::beside(parent, name)),
        }
    }

    fn beside(parent: &Path, name: &OsStr) -> Self {
        let mut sidecar = OsString::from(".");
        sidecar.push(name);
        sidecar.push(".storage");
        Self { path: parent.join(sidecar), within: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where objects are whose keys can't be paths.
    pub(super) fn odd_path(&self) -> PathBuf {
        self.path.join(ODD)
    }

    /// The folder there, if there is one, of a root that can only be read.
    pub(super) fn odd(&self) -> Result<Option<OwnedFd>, Errno> {
        odd_of(&self.path)
    }

    /// Whether there is anything in it.
    pub(super) fn has_odd(&self) -> bool {
        has_entries(odd_of(&self.path))
    }

    /// The same folder next to the root, if it has anything in it, but what is within
    /// the root is used.
    pub(super) fn odd_beside(&self) -> Option<PathBuf> {
        let root = self.path.parent().filter(|_| self.within)?;
        let beside = Self::beside(root.parent()?, root.file_name()?);
        has_entries(odd_of(&beside.path)).then(|| beside.odd_path())
    }

    /// Whether a path below the root is, or is inside, where the side directory may
    /// be. This also holds while it is next to the root: creating this folder would
    /// move it.
    pub(super) fn is_reserved(path: &str) -> bool {
        path.strip_prefix(WITHIN).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a reserved path belongs to a side directory. Someone else's folder
    /// may have the same name; what is in it is not an object either.
    pub(super) fn is_own(path: &str) -> bool {
        let Some(inside) = path.strip_prefix(WITHIN).and_then(|rest| rest.strip_prefix('/')) else {
            return false;
        };
        let (name, _) = inside.split_once('/').unwrap_or((inside, ""));
        matches!(name, METADATA | ODD) || is_own_name(name.as_bytes())
    }

    /// Whether [`Sidecar::open`] would succeed, as far as can be told without creating
    /// anything.
    pub(super) fn rehearse(&self, root: BorrowedFd<'_>) -> Result<(), Errno> {
        let may_change = |folder: BorrowedFd<'_>| {
            let wanted = Access::WRITE_OK | Access::EXEC_OK;
            rustix::fs::accessat(folder, ".", wanted, AtFlags::EACCESS)
        };
        match rustix::fs::open(&self.path, FOLDER, Mode::empty()) {
            Ok(sidecar) if are_apart(sidecar.as_fd(), root)? => return Err(Errno::XDEV),
            Ok(sidecar) => may_change(sidecar.as_fd())?,
            Err(Errno::NOENT) if self.within => {}
            Err(Errno::NOENT) => {
                let parent = self.path.parent().unwrap_or(Path::new("/"));
                may_change(rustix::fs::open(parent, FOLDER, Mode::empty())?.as_fd())?;
            }
            Err(e) => return Err(e),
        }
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        match rustix::fs::openat(root, ".", flags, Mode::from_raw_mode(0o600)) {
            // Not every filesystem supports unnamed files.
            Ok(_) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

/// Whether files can't be moved between two directories, because they are on two
/// filesystems, two mounts of one, or two subvolumes. Changes nothing: a directory
/// can't be renamed as ".", but the kernel compares the mounts first.
pub(super) fn are_apart(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> Result<bool, Errno> {
    let device = |folder| rustix::fs::fstat(folder).map(|stat| stat.st_dev);
    if device(a)? != device(b)? {
        return Ok(true);
    }
    match rustix::fs::renameat(a, ".", b, ".") {
        Err(Errno::XDEV) => Ok(true),
        Err(e @ (Errno::IO | Errno::NOMEM | Errno::INTR)) => Err(e),
        _ => Ok(false),
    }
}

impl Sidecar {
    /// Opens the directory, creates it if necessary, and removes what dead
    /// processes left. `XDEV` if files can't be moved from it into the root.
    pub(super) fn open(path: &Path, root: BorrowedFd<'_>) -> Result<Self, Errno> {
        match rustix::fs::mkdir(path, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
        let dir = rustix::fs::open(path, FOLDER, Mode::empty())?;
        if are_apart(dir.as_fd(), root)? {
            return Err(Errno::XDEV);
        }
        // Held while folders are created and locked, so that a new one is not
        // mistaken for a dead one. Closing the handle releases it.
        let guard = rustix::fs::open(path, FOLDER, Mode::empty())?;
        rustix::fs::flock(&guard, FlockOperation::LockExclusive)?;
        let left = sweep(dir.as_fd())?;
        if left > 0 {
            let sidecar = path.display();
            tracing::info!(target: "storage", %sidecar, left, "unfinished writes were removed");
        }
        let nonce = RandomState::new().hash_one(std::process::id());
        let own_name = format!("writing-{}-{nonce:016x}", std::process::id());
        rustix::fs::mkdirat(&dir, &own_name, Mode::from_raw_mode(0o777))?;
        let own = rustix::fs::openat(&dir, &own_name, FOLDER, Mode::empty())?;
        rustix::fs::flock(&own, FlockOperation::NonBlockingLockExclusive)?;
        let unnamed = try_unnamed(own.as_fd()).is_ok();
        let (metadata, counter) = (OnceLock::new(), AtomicU64::new(0));
        Ok(Self { dir, own_name, own, metadata, counter, unnamed })
    }

    /// A new name in the folder for unfinished writes.
    pub(super) fn fresh(&self) -> String {
        format!("{:x}", self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Acts as on a filesystem without unnamed files.
    #[cfg(test)]
    pub(super) fn without_unnamed(self) -> Self {
        let mut sidecar = self;
        sidecar.unnamed = false;
        sidecar
    }

    /// Whether a file can be created without a name and linked later.
    pub(super) fn unnamed(&self) -> bool {
        self.unnamed
    }

    /// The folder for unfinished writes.
    pub(super) fn own(&self) -> BorrowedFd<'_> {
        self.own.as_fd()
    }

    /// The folder for metadata, if there is one.
    pub(super) fn metadata(&self) -> Result<Option<BorrowedFd<'_>>, Errno> {
        if self.metadata.get().is_none() {
            // Check every time: another process may have created it.
            if let Some(folder) = existing(openat(&self.dir, METADATA))? {
                drop(self.metadata.set(folder));
            }
        }
        Ok(self.metadata.get().map(AsFd::as_fd))
    }

    /// The folder for metadata, created if necessary.
    pub(super) fn make_metadata(&self) -> Result<BorrowedFd<'_>, Errno> {
        match self.metadata()? {
            Some(folder) => Ok(folder),
            None => {
                let folder = self.make(METADATA)?;
                Ok(self.metadata.get_or_init(|| folder).as_fd())
            }
        }
    }

    /// The folder for objects whose keys can't be paths, if there is one.
    pub(super) fn odd(&self) -> Result<Option<OwnedFd>, Errno> {
        existing(openat(&self.dir, ODD))
    }

    /// The folder for objects whose keys can't be paths, created if necessary, and
    /// durable.
    pub(super) fn make_odd(&self) -> Result<OwnedFd, Errno> {
        self.make(ODD)
    }

    /// Makes a folder that is there after a power cut, too.
    fn make(&self, name: &str) -> Result<OwnedFd, Errno> {
        match rustix::fs::mkdirat(&self.dir, name, Mode::from_raw_mode(0o777)) {
            // Whoever made it may not have synced it yet.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
        rustix::fs::fsync(&self.dir)?;
        // The side directory itself may be new, too.
        if let Ok(above) = openat(&self.dir, "..") {
            rustix::fs::fsync(above)?;
        }
        openat(&self.dir, name)
    }
}

/// The folder for odd objects in the side directory at this path.
fn odd_of(path: &Path) -> Result<Option<OwnedFd>, Errno> {
    match existing(rustix::fs::open(path, FOLDER, Mode::empty()))? {
        Some(dir) => existing(openat(&dir, ODD)),
        None => Ok(None),
    }
}

fn has_entries(folder: Result<Option<OwnedFd>, Errno>) -> bool {
    let entries = |folder| Dir::read_from(&folder).map_or(0, |entries| entries.take(3).count());
    // Two are the folder and the one above.
    folder.ok().flatten().is_some_and(|folder| entries(folder) > 2)
}

fn openat(dir: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, FOLDER, Mode::empty())
}

/// `None` if there is no such folder.
fn existing(opened: Result<OwnedFd, Errno>) -> Result<Option<OwnedFd>, Errno> {
    match opened {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(e) => Err(e),
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // Every writer holds the store, so the folder is empty by now.
        let _ = rustix::fs::unlinkat(&self.dir, &self.own_name, AtFlags::REMOVEDIR);
    }
}

/// Fails if the filesystem has no unnamed files, or the system no /proc.
fn try_unnamed(folder: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, ".", flags, Mode::from_raw_mode(0o600))?;
    link_unnamed(file.as_fd(), folder, "probe")?;
    rustix::fs::unlinkat(folder, "probe", AtFlags::empty())
}

/// Whether a store gives its folder such a name. Nothing else is ours to remove.
fn is_own_name(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(b"writing-") else { return false };
    let mut parts = rest.splitn(2, |byte| *byte == b'-');
    let (process, nonce) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_number = !process.is_empty() && process.iter().all(u8::is_ascii_digit);
    is_number && nonce.len() == 16 && nonce.iter().all(u8::is_ascii_hexdigit)
}

/// Whether an unfinished write has such a name.
fn is_fresh_name(name: &[u8]) -> bool {
    name == b"probe" || (!name.is_empty() && name.iter().all(u8::is_ascii_hexdigit))
}

/// Removes the folders that nobody has locked; returns how many files were in them.
fn sweep(dir: BorrowedFd<'_>) -> Result<usize, Errno> {
    let mut removed = 0;
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_own_name(name.to_bytes()) {
            continue;
        }
        let Ok(folder) = rustix::fs::openat(dir, name, FOLDER, Mode::empty()) else { continue };
        if rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let Ok(inside) = Dir::read_from(&folder) else { continue };
        for left in inside.flatten() {
            if is_fresh_name(left.file_name().to_bytes()) {
                let gone = rustix::fs::unlinkat(&folder, left.file_name(), AtFlags::empty());
                removed += usize::from(gone.is_ok());
            }
        }
        let _ = rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_a_store_names_so_is_swept() {
        let home = tempfile::tempdir().unwrap();
        let dead = "writing-4194305-00000000000000ff";
        let others = ["writing-1", "writing-x-00000000000000ff", "writing-1-ff", "k"];
        for folder in others.iter().chain([&dead]) {
            fs::create_dir(home.path().join(folder)).unwrap();
            for file in ["f", "photo.jpg"] {
                fs::write(home.path().join(folder).join(file), "precious").unwrap();
            }
        }
        let dir: OwnedFd = fs::File::open(home.path()).unwrap().into();
        assert_eq!(sweep(dir.as_fd()), Ok(1));
        assert!(!home.path().join(dead).join("f").exists());
        assert!(home.path().join(dead).join("photo.jpg").exists());
        for folder in others {
            assert!(home.path().join(folder).join("f").exists(), "{folder}");
        }
    }
}
