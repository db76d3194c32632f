//! Readers of staged parts.

use super::body::staging_failed;
use super::staging::Part;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use s3s::S3Result;
use storage_store::files;
use storage_store::source::Source;
use storage_store::{Error, ObjectInfo, Reader, Result};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

impl Part {
    /// Opens the part for reading.
    pub fn open(&self) -> S3Result<Source> {
        let file = files::open_own(&self.path).map_err(|e| staging_failed(&e))?;
        let file = File::from_std(file);
        let info = ObjectInfo { size: Some(self.size), ..ObjectInfo::default() };
        Ok(Source::new(Box::new(Staged { file, info }), None))
    }
}

struct Staged {
    file: File,
    info: ObjectInfo,
}

#[async_trait]
impl Reader for Staged {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        let mut chunk = BytesMut::with_capacity(max);
        let read = (&mut self.file).take(max as u64).read_buf(&mut chunk).await;
        read.map_err(|error| Error::Other(format!("a part of the upload: {error}")))?;
        Ok(chunk.freeze())
    }
}
