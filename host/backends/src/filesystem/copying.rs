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

/// Copies the object with this etag. `None` if the object is another one by now, or
/// if the kernel can't copy here; then nothing was done.
pub(super) fn copy(
    root: Arc<Root>,
    from: &str,
    etag: &str,
    to: &str,
    options: &PutOptions,
) -> Result<Option<ObjectInfo>> {
    let (file, stat, info) = match root.open(from) {
        Err(Error::NotFound) => return Ok(None),
        opened => opened?,
    };
    if info.etag.as_deref() != Some(etag) {
        return Ok(None);
    }
    root.check(to, options)?;
    let mut temp = StagedFile::new(root.clone(), to)?;
    let copied = match bytes(&file, &mut temp) {
        Ok(copied) => copied,
        Err(
            Errno::XDEV
            | Errno::NOSYS
            | Errno::OPNOTSUPP
            | Errno::INVAL
            | Errno::PERM
            | Errno::BADF,
        ) => return Ok(None),
        Err(e) => return Err(root.error(to, e)),
    };
    let now = rustix::fs::fstat(&file).map_err(|e| root.error(from, e))?;
    // Another program wrote into the source file; an ordinary read will report
    // that.
    if version(&now) != version(&stat) || Some(copied) != info.size {
        return Ok(None);
    }
    root.publish(to, temp, options).map(Some)
}

/// Copies all of `source` into the new file; returns the number of bytes.
fn bytes(source: &OwnedFd, temp: &mut StagedFile) -> Result<u64, Errno> {
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(temp.file(), source).is_ok() {
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
