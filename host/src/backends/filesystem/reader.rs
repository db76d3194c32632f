//! Objects being read. The open file is one version: replacing or deleting
//! the object does not touch it. A program that writes into the file itself
//! is noticed.

use super::metadata::version;
use super::root::Root;
use crate::backends::blocking::blocking;
use crate::objects::CHUNK;
use crate::store::{Error, MAX_INLINE_BYTES, ObjectInfo, ReadOptions, Reader, Result};
use async_trait::async_trait;
use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::fd::OwnedFd;
use rustix::fs::Stat;
use rustix::io::Errno;
use std::sync::Arc;

struct Opened {
    root: Arc<Root>,
    key: String,
    file: OwnedFd,
    stat: Stat,
}

impl Opened {
    fn read(&self, at: u64, length: usize) -> Result<Bytes> {
        let fail = |e: Errno| self.root.error(&self.key, e);
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let from = at + bytes.len() as u64;
            match rustix::io::pread(&self.file, spare_capacity(&mut bytes), from) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(fail(e)),
            }
        }
        // There may have been more room than was asked for.
        bytes.truncate(length);
        let now = rustix::fs::fstat(&self.file).map_err(fail)?;
        if bytes.len() < length || version(&now) != version(&self.stat) {
            return Err(Error::Unavailable(format!(
                "{}: another program changed the file while it was read",
                self.root.shown(&self.key)
            )));
        }
        Ok(bytes.into())
    }
}

/// A streamed read.
pub(super) struct FileReader {
    file: Arc<Opened>,
    info: ObjectInfo,
    at: u64,
    end: u64,
    /// All of it, where it is little.
    held: Bytes,
}

/// So many bytes are read as the file is opened: a trip to another thread
/// costs more than they do.
const AT_ONCE: u64 = 64 * 1024;

impl FileReader {
    pub(super) fn open(root: Arc<Root>, key: String, options: &ReadOptions) -> Result<Self> {
        let (file, stat, info) = root.open(&key)?;
        options.check(&info)?;
        let (at, end) = options.range.unwrap_or_default().resolve(info.size.unwrap_or(0))?;
        let held = Bytes::new();
        Ok(Self { file: Arc::new(Opened { root, key, file, stat }), info, at, end, held })
    }

    /// For streaming.
    pub(super) fn stream(root: Arc<Root>, key: String, options: &ReadOptions) -> Result<Self> {
        let mut reader = Self::open(root, key, options)?;
        let length = reader.end - reader.at;
        if length <= AT_ONCE {
            reader.held = reader.file.read(reader.at, length as usize)?;
            reader.at = reader.end;
        }
        Ok(reader)
    }

    /// Everything at once.
    pub(super) fn all(self) -> Result<(ObjectInfo, Bytes)> {
        let length = self.end - self.at;
        if length > MAX_INLINE_BYTES {
            return Err(Error::LimitExceeded(format!(
                "{length} bytes are too many to read at once; stream them"
            )));
        }
        let bytes = self.file.read(self.at, usize::try_from(length).unwrap_or(usize::MAX))?;
        Ok((self.info, bytes))
    }
}

#[async_trait]
impl Reader for FileReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        if !self.held.is_empty() {
            return Ok(self.held.split_to(max.min(self.held.len())));
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let length = max.min(CHUNK).min(left);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let (file, at) = (self.file.clone(), self.at);
        let bytes = blocking(move || file.read(at, length)).await?;
        self.at += bytes.len() as u64;
        Ok(bytes)
    }
}
