//! Copies of objects by the kernel: it shares blocks where the filesystem can, and
//! otherwise copies bytes from file to file.

use super::metadata::version;
use super::root::Root;
use super::staged_file::StagedFile;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::sync::Arc;
use storage_store::{ObjectInfo, PutOptions, Result};

/// The most bytes to copy in one system call.
const PIECE: usize = 8 * 1024 * 1024;

/// Copies the object with this etag. `None` if it is another one by now, or if the kernel
/// can't copy here; then nothing was done.
pub(super) fn copy(
    root: Arc<Root>,
    from: &str,
    etag: &str,
    to: &str,
    options: &PutOptions,
) -> Result<Option<ObjectInfo>> {
    let source = (from.to_owned(), etag.to_owned());
    match join(&root, &[source], to, options)? {
        Some(temp) => root.publish(to, temp, options).map(Some),
        None => Ok(None),
    }
}

/// A file with the bytes of the objects with these keys and etags, one after another.
/// `None` as for [`copy`].
pub(super) fn join(
    root: &Arc<Root>,
    parts: &[(String, String)],
    to: &str,
    options: &PutOptions,
) -> Result<Option<StagedFile>> {
    root.check(to, options)?;
    let mut temp = StagedFile::new(root.clone(), to)?;
    for part in parts {
        if !append(root, part, to, &mut temp, parts.len() == 1)? {
            return Ok(None);
        }
    }
    Ok(Some(temp))
}

/// Appends the object with this etag to a new file, of which it may be the `whole`. False if
/// the object is another one by now, or if the kernel can't copy.
fn append(
    root: &Arc<Root>,
    (from, etag): &(String, String),
    to: &str,
    temp: &mut StagedFile,
    whole: bool,
) -> Result<bool> {
    // If it can't be read, an ordinary read says why.
    let Ok((file, stat, info)) = root.open(from) else { return Ok(false) };
    if info.etag.as_ref() != Some(etag) {
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
        Err(e) => return Err(root.error(to, e)),
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
