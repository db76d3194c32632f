//! The loops that move bytes from a source to a store.

use crate::checksum::Crc64;
use crate::chunk_size::CHUNK;
use crate::object_store::{Error, PutOptions, Result, Trailer};
use crate::objects::{Objects, Upload};
use crate::source::{Ended, Source};
use bytes::Bytes;

impl Source {
    /// Writes all bytes to an upload; calls `hear` with each piece first.
    pub async fn pour(
        mut self,
        upload: &mut Upload,
        mut hear: impl FnMut(&Bytes),
    ) -> Result<Ended, CopyError> {
        loop {
            let chunk = self.next(CHUNK).await.map_err(CopyError::Source)?;
            if chunk.is_empty() {
                return self.end().await.map_err(CopyError::Source);
            }
            hear(&chunk);
            upload.push(chunk).await.map_err(CopyError::Target)?;
        }
    }

    /// Writes all bytes to `key` of a store, in one call if they are few.
    /// Returns their number.
    pub async fn carry(
        mut self,
        to: &Objects,
        key: &str,
        mut options: PutOptions,
        checksum: Checksum,
        mut hear: impl FnMut(&Bytes),
    ) -> Result<u64, CopyError> {
        let mut crc = Crc64::default();
        if let Some((data, ended)) = self.at_once().await.map_err(CopyError::Source)? {
            hear(&data);
            if checksum != Checksum::AsGiven {
                crc.update(&data);
                options.metadata.push(crc.entry());
            }
            to.put(key, data, options).await.map_err(CopyError::Target)?;
            return Ok(ended.length());
        }
        let mut upload = to.write(key, options).await.map_err(CopyError::Target)?;
        let ended = self.pour(&mut upload, |piece| {
            hear(piece);
            if checksum != Checksum::AsGiven {
                crc.update(piece);
            }
        });
        let ended = ended.await?;
        let length = ended.length();
        let is_free = checksum == Checksum::Always
            || (checksum == Checksum::OfSmall && length <= FREE_METADATA);
        let metadata = is_free.then(|| crc.entry()).into_iter().collect();
        let trailer = Trailer { metadata, ..Trailer::default() };
        upload.finish_with(ended, trailer).await.map_err(CopyError::Target)?;
        Ok(length)
    }
}

/// The most bytes of an object whose late metadata costs nothing in a bucket: the least
/// that S3 takes as a part of an upload.
pub const FREE_METADATA: u64 = 5 * 1024 * 1024;

/// Whether a CRC-64/NVME of the bytes is written with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// The metadata is written as it is given.
    AsGiven,
    /// For objects of at most [`FREE_METADATA`] bytes.
    OfSmall,
    /// It is.
    Always,
}

/// A failed transfer, and the side that failed.
#[derive(Debug)]
pub enum CopyError {
    /// The source could not be read.
    Source(Error),
    /// The target could not be written.
    Target(Error),
}
