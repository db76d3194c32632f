//! An object's metadata: content type, user metadata and etag.
//!
//! It is one JSON value in an extended attribute of the file, so that the same
//! rename publishes both. If the filesystem has no attributes, or too little room,
//! it is a file in the side directory, named after key and inode. It is bound to
//! size, mtime and inode: once another program has changed the object, it no longer
//! applies and is ignored.

use super::errno;
use super::sidecar::Sidecar;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, XattrFlags, futimens,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};
use storage_store::{Error, Metadata, ObjectInfo, PutOptions};

const ATTRIBUTE: &str = "user.storage.object";

/// More than any filesystem stores in one attribute.
const MAX_BYTES: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
struct Kept {
    size: u64,
    mtime: i128,
    inode: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metadata: Metadata,
}

/// Size, mtime in nanoseconds and inode, which identify a version.
pub(super) fn version(stat: &Stat) -> (u64, i128, u64) {
    let mtime = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
    (u64::try_from(stat.st_size).unwrap_or(0), mtime, stat.st_ino)
}

/// The info that follows from the file alone.
pub(super) fn derived(stat: &Stat) -> ObjectInfo {
    let (size, mtime, _) = version(stat);
    ObjectInfo {
        size: Some(size),
        etag: Some(derived_etag(stat)),
        modified: u64::try_from(mtime / 1_000_000).ok(),
        content_type: None,
        metadata: Metadata::new(),
    }
}

fn derived_etag(stat: &Stat) -> String {
    let (size, mtime, inode) = version(stat);
    format!("{size:x}-{mtime:x}-{inode:x}-1")
}

/// The info of an open file. Read errors are returned, because an object must not
/// seem to have another etag when its disk fails. `STALE`: the file was replaced or
/// deleted since, and its metadata is gone.
pub(super) fn load(
    sidecar: Option<&Sidecar>,
    key: &str,
    file: BorrowedFd<'_>,
    stat: &Stat,
) -> Result<ObjectInfo, Errno> {
    let kept = match (from_attribute(file)?, sidecar) {
        (None, Some(sidecar)) if sidecar.metadata()?.is_some() => {
            let kept = from_side(sidecar, key, stat.st_ino)?;
            // Metadata is removed after the file.
            if kept.is_none() && rustix::fs::fstat(file)?.st_nlink == 0 {
                return Err(Errno::STALE);
            }
            kept
        }
        (kept, _) => kept,
    };
    let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    let Some(kept) = kept.filter(|kept| (kept.size, kept.mtime, kept.inode) == version(stat))
    else {
        return Ok(derived(stat));
    };
    Ok(ObjectInfo {
        size: Some(kept.size),
        etag: Some(kept.etag.unwrap_or_else(|| derived_etag(stat))),
        modified: u64::try_from(kept.mtime / 1_000_000).ok(),
        content_type: kept.content_type,
        metadata: kept.metadata,
    })
}

fn from_attribute(file: BorrowedFd<'_>) -> Result<Option<Vec<u8>>, Errno> {
    // Most values are small: try one call, then a second one with room for the
    // others.
    let mut small = [0; 1024];
    let mut large = Vec::new();
    let got = match rustix::fs::fgetxattr(file, ATTRIBUTE, &mut small[..]) {
        Ok(length) => return Ok(small.get(..length).map(<[u8]>::to_vec)),
        Err(Errno::RANGE) => {
            large.resize(MAX_BYTES, 0);
            rustix::fs::fgetxattr(file, ATTRIBUTE, &mut large[..])
        }
        Err(e) => Err(e),
    };
    match got {
        Ok(length) => {
            large.truncate(length);
            Ok(Some(large))
        }
        Err(e @ (Errno::IO | Errno::NOMEM | Errno::INTR)) => Err(e),
        // No value, or no attributes on this filesystem.
        Err(_) => Ok(None),
    }
}

fn side_name(key: &str, inode: u64) -> String {
    format!("{}-{inode:x}", hex::encode(Sha256::digest(key)))
}

fn from_side(sidecar: &Sidecar, key: &str, inode: u64) -> Result<Option<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Some(folder) = sidecar.metadata()? else { return Ok(None) };
    let file = match rustix::fs::openat(folder, side_name(key, inode), flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP) => return Ok(None),
        Err(e) => return Err(e),
    };
    // Anything but a file holds no metadata, and reading it may never end.
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    match File::from(file).take(MAX_BYTES as u64 * 16).read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(e) => Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
    }
}

/// Stores the metadata in `options` for a file that is not yet published. Returns
/// what a later [`load`] will.
pub(super) fn save(
    sidecar: &Sidecar,
    key: &str,
    shown: &str,
    file: &OwnedFd,
    options: &PutOptions,
    durable: bool,
) -> Result<ObjectInfo, Error> {
    let fail = |e: std::io::Error| errno::at(shown, e);
    if options.etag.is_none() {
        date(file);
    }
    let stat = rustix::fs::fstat(file).map_err(|e| fail(e.into()))?;
    let mut info = derived(&stat);
    let (size, mtime, inode) = version(&stat);
    if options.etag.is_none() && options.content_type.is_none() && options.metadata.is_empty() {
        // A recycled inode must not inherit the metadata of an older file.
        forget(sidecar, key, inode);
        return Ok(info);
    }
    let kept = Kept {
        size,
        mtime,
        inode,
        etag: options.etag.clone(),
        content_type: options.content_type.clone(),
        metadata: options.metadata.clone(),
    };
    let bytes = serde_json::to_vec(&kept).map_err(|e| fail(e.into()))?;
    match rustix::fs::fsetxattr(file, ATTRIBUTE, &bytes, XattrFlags::empty()) {
        Ok(()) => {}
        // No attributes here, or not that large (ext4 then reports "no space").
        Err(Errno::OPNOTSUPP | Errno::NOSPC | Errno::TOOBIG | Errno::RANGE | Errno::PERM) => {
            let folder = sidecar.make_metadata().map_err(|e| fail(e.into()))?;
            // What is there belongs to an older file or is not ours: replace it,
            // don't write into it.
            forget(sidecar, key, inode);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let name = side_name(key, inode);
            let file = rustix::fs::openat(folder.as_fd(), &name, flags, Mode::from_raw_mode(0o666))
                .map_err(|e| fail(e.into()))?;
            let mut file = File::from(file);
            file.write_all(&bytes).map_err(fail)?;
            if durable {
                file.sync_all().map_err(fail)?;
                rustix::fs::fsync(folder).map_err(|e| fail(e.into()))?;
            }
        }
        Err(e) => return Err(fail(e.into())),
    }
    if kept.etag.is_some() {
        info.etag = kept.etag;
    }
    info.content_type = kept.content_type;
    info.metadata = kept.metadata;
    Ok(info)
}

/// Gives a file the time as its mtime, in nanoseconds. A derived etag depends on it: by
/// itself the kernel may give all files of several milliseconds the same, and an inode
/// that is used again would then show the etag of an older version.
fn date(file: &OwnedFd) {
    let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { return };
    let Ok(tv_sec) = now.as_secs().try_into() else { return };
    let last_modification = Timespec { tv_sec, tv_nsec: now.subsec_nanos().into() };
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    // Some filesystems can't. They have times of their own.
    let _ = futimens(file, &Timestamps { last_access, last_modification });
}

/// Removes metadata of a version that is gone from the side directory.
pub(super) fn forget(sidecar: &Sidecar, key: &str, inode: u64) {
    if let Ok(Some(folder)) = sidecar.metadata() {
        // On failure only rubbish stays, since metadata is bound to its version.
        let _ = rustix::fs::unlinkat(folder, side_name(key, inode), AtFlags::empty());
    }
}
