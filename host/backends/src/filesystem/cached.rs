//! Reads of small objects that the kernel has in memory, on the caller's own thread:
//! handing them to a thread that may block costs more than reading them.
//!
//! The kernel is asked for what it has and told not to wait: for names by
//! `RESOLVE_CACHED` (openat2(2)), for bytes by `RWF_NOWAIT` (preadv2(2)). What it hasn't
//! is read as ever. Its filesystem must be one that opens a cached name without asking
//! anybody.

use super::metadata::{self, version};
use super::path;
use super::root::{Homes, Root};
use bytes::Bytes;
use rustix::fd::AsFd;
use rustix::fs::{FileType, OFlags};
use rustix::io::ReadWriteFlags;
use std::io::IoSliceMut;
use storage_store::{ObjectInfo, ReadOptions, Result};

/// The most bytes of a file that is read so.
const MOST: u64 = 64 * 1024;

/// The bytes of an object, or of a range, if the kernel can give them at once. `None`
/// says nothing about the object.
pub(super) fn get(
    root: &Root,
    key: &str,
    options: &ReadOptions,
) -> Option<Result<(ObjectInfo, Bytes)>> {
    if !root.is_local() || root.homes(key).ok()? == Homes::Odd {
        return None;
    }
    // Metadata that no attribute had room for would have to be looked for.
    if root.sidecar().ok().and_then(|sidecar| sidecar.metadata().ok()?).is_some() {
        return None;
    }
    let file = path::open_cached(root.dir(), key, OFlags::RDONLY | OFlags::NONBLOCK).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    let size = u64::try_from(stat.st_size).ok().filter(|size| *size <= MOST)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let range = options.range.unwrap_or_default().resolve(size);
    let (at, end) = range.as_ref().copied().unwrap_or((0, 0));
    let mut bytes = vec![0; usize::try_from(end - at).ok()?];
    if !bytes.is_empty() {
        let into = &mut [IoSliceMut::new(&mut bytes)];
        let read = rustix::io::preadv2(&file, into, at, ReadWriteFlags::NOWAIT).ok()?;
        // Less if only that much is in memory.
        if read < bytes.len() {
            return None;
        }
    }
    // ext4 may keep the attribute in a block of its own. Where the bytes are in memory, it
    // is, too, unless another program read them.
    let info = metadata::load(root.sidecar().ok(), key, file.as_fd(), &stat).ok()?;
    if version(&rustix::fs::fstat(&file).ok()?) != version(&stat) {
        return None;
    }
    Some(options.check(&info).and(range.map(|_| (info, bytes.into()))))
}

#[cfg(test)]
mod tests;
