//! Reads of objects. The open file is one version: replacing or deleting the object
//! does not affect it. If another program writes into the file itself, the read
//! fails.

use super::metadata::version;
use super::readahead::Readahead;
use super::root::Root;
use crate::ahead::{Ahead, Pieces};
use async_trait::async_trait;
use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fd::OwnedFd;
use rustix::fs::Stat;
use rustix::io::Errno;
use std::sync::Arc;
use std::time::Instant;
use storage_store::{Error, MAX_INLINE_BYTES, ObjectInfo, ReadOptions, Reader, Result};

/// The requested bytes of an open file.
struct Opened {
    root: Arc<Root>,
    key: String,
    file: OwnedFd,
    stat: Stat,
    at: u64,
    end: u64,
    ahead: Readahead,
}

impl Opened {
    fn new(root: Arc<Root>, key: String, options: &ReadOptions) -> Result<(ObjectInfo, Self)> {
        let (file, stat, info) = root.open(&key)?;
        options.check(&info)?;
        let (at, end) = options.range.unwrap_or_default().resolve(info.size.unwrap_or(0))?;
        Ok((info, Self { root, key, file, stat, at, end, ahead: Readahead::default() }))
    }
}

impl Pieces for Opened {
    fn left(&self) -> u64 {
        self.end - self.at
    }

    fn next(&mut self, length: usize) -> Result<Bytes> {
        let fail = |e: Errno| self.root.error(&self.key, e);
        let mut bytes = Vec::with_capacity(length);
        let start = Instant::now();
        while bytes.len() < length {
            let from = self.at + bytes.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), from) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(fail(e)),
            }
        }
        let taken = start.elapsed();
        // The buffer may have been larger than requested.
        bytes.truncate(length);
        let now = rustix::fs::fstat(&self.file).map_err(fail)?;
        if bytes.len() < length || version(&now) != version(&self.stat) {
            return Err(Error::Unavailable(format!(
                "{}: another program changed the file while it was read",
                self.root.shown(&self.key)
            )));
        }
        self.at += length as u64;
        self.ahead.read(&self.file, self.at, self.end, taken);
        Ok(bytes.into())
    }
}

/// Reads an object or a range of it at once. `LimitExceeded` above
/// [`MAX_INLINE_BYTES`].
pub(super) fn all(
    root: Arc<Root>,
    key: String,
    options: &ReadOptions,
) -> Result<(ObjectInfo, Bytes)> {
    let (info, mut file) = Opened::new(root, key, options)?;
    let length = file.left();
    if length > MAX_INLINE_BYTES {
        return Err(Error::LimitExceeded(format!(
            "{length} bytes are too many to read at once; stream them"
        )));
    }
    let bytes = file.next(usize::try_from(length).unwrap_or(usize::MAX))?;
    Ok((info, bytes))
}

/// Reads of up to this size finish when the file is opened: switching threads would
/// cost more.
const AT_ONCE: u64 = 64 * 1024;

/// A streamed read.
pub(super) struct FileReader {
    info: ObjectInfo,
    file: Ahead<Opened>,
}

impl FileReader {
    /// A read of which all bytes are there.
    pub(super) fn of(info: ObjectInfo, bytes: Bytes) -> Self {
        Self { info, file: Ahead::done(bytes) }
    }

    pub(super) fn open(root: Arc<Root>, key: String, options: &ReadOptions) -> Result<Self> {
        let (info, file) = Opened::new(root, key, options)?;
        Ok(Self { info, file: Ahead::filled(file, AT_ONCE)? })
    }
}

#[async_trait]
impl Reader for FileReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        self.file.next(max).await
    }
}
