//! The loops that move bytes from a source to a store.

use crate::chunk_size::CHUNK;
use crate::object_store::{Error, PutOptions, Result};
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
        options: PutOptions,
        mut hear: impl FnMut(&Bytes),
    ) -> Result<u64, CopyError> {
        if let Some((data, ended)) = self.at_once().await.map_err(CopyError::Source)? {
            hear(&data);
            to.put(key, data, options).await.map_err(CopyError::Target)?;
            return Ok(ended.length());
        }
        let mut upload = to.write(key, options).await.map_err(CopyError::Target)?;
        let ended = self.pour(&mut upload, hear).await?;
        let length = ended.length();
        upload.finish(ended).await.map_err(CopyError::Target)?;
        Ok(length)
    }
}

/// A failed transfer, and the side that failed.
#[derive(Debug)]
pub enum CopyError {
    /// The source could not be read.
    Source(Error),
    /// The target could not be written.
    Target(Error),
}
