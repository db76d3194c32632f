//! Copies of objects by the kernel: it shares blocks where the filesystem can, and
//! otherwise copies bytes from file to file.

use super::metadata::version;
use super::root::Root;
use super::staged_file::StagedFile;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::sync::Arc;
use storage_store::{Error, ObjectInfo, PutOptions, Result};

/// The most bytes to copy in one system call.
const PIECE: usize = 8 * 1024 * 1024;

/// Makes one object of the objects with these keys and etags, one after another. `None` if
/// one of them is another one by now, or if the kernel can't copy here; then nothing was
/// done.
pub(super) fn join(
    root: Arc<Root>,
    parts: &[(String, String)],
    to: &str,
    options: &PutOptions,
) -> Result<Option<ObjectInfo>> {
    root.check(to, options)?;
    let mut temp = StagedFile::new(root.clone(), to)?;
    for (from, etag) in parts {
        if !append(&root, from, etag, &mut temp, parts.len() == 1)? {
            return Ok(None);
        }
    }
    root.publish(to, temp, options).map(Some)
}

/// Appends the object with this etag to a new file, of which it may be the `whole`. False if
/// the object is another one by now, or if the kernel can't copy.
fn append(
    root: &Arc<Root>,
    from: &str,
    etag: &str,
    temp: &mut StagedFile,
    whole: bool,
) -> Result<bool> {
    let (file, stat, info) = match root.open(from) {
        Err(Error::NotFound) => return Ok(false),
        opened => opened?,
    };
    if info.etag.as_deref() != Some(etag) {
        return Ok(false);
    }
    let copied = match bytes(&file, temp, whole) {
        Ok(copied) => copied,
        Err(
            Errno::XDEV
            | Errno::NOSYS
            | Errno::OPNOTSUPP
            | Errno::INVAL
            | Errno::PERM
            | Errno::BADF,
        ) => return Ok(false),
        Err(e) => return Err(root.error(from, e)),
    };
    let now = rustix::fs::fstat(&file).map_err(|e| root.error(from, e))?;
    // If another program wrote into the source file, an ordinary read will report that.
    Ok(version(&now) == version(&stat) && Some(copied) == info.size)
}

/// Appends all of `source` to the new file; returns the number of bytes.
fn bytes(source: &OwnedFd, temp: &mut StagedFile, whole: bool) -> Result<u64, Errno> {
    #[cfg(target_os = "linux")]
    if whole && rustix::fs::ioctl_ficlone(temp.file(), source).is_ok() {
        let size = rustix::fs::fstat(temp.file())?.st_size;
        return Ok(u64::try_from(size).unwrap_or(0));
    }
    let mut at = 0;
    loop {
        match rustix::fs::copy_file_range(source, Some(&mut at), temp.file(), None, PIECE) {
            Ok(0) => return Ok(at),
            Ok(copied) => temp.wrote(copied),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}
