//! A writer of a base, where a key is another one.

use crate::object_store::{ObjectInfo, Result, Trailer, Writer};
use async_trait::async_trait;
use bytes::Bytes;

/// A writer of a base, whose errors name the caller's key; see
/// [`Error::with_key`](crate::Error::with_key).
pub struct MappedWriter {
    writer: Box<dyn Writer>,
    key: String,
    base_key: String,
}

impl MappedWriter {
    /// What the base answered to a `write` of `base_key`, for the caller's `key`.
    pub fn opened(
        opened: Result<Box<dyn Writer>>,
        key: &str,
        base_key: &str,
    ) -> Result<Box<dyn Writer>> {
        match opened {
            Ok(writer) if key == base_key => Ok(writer),
            Ok(writer) => {
                let (key, base_key) = (key.to_owned(), base_key.to_owned());
                Ok(Box::new(Self { writer, key, base_key }))
            }
            Err(error) => Err(error.with_key(key, base_key)),
        }
    }
}

#[async_trait]
impl Writer for MappedWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        let pushed = self.writer.push(chunk).await;
        pushed.map_err(|error| error.with_key(&self.key, &self.base_key))
    }

    async fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let Self { writer, key, base_key } = *self;
        writer.finish(trailer).await.map_err(|error| error.with_key(&key, &base_key))
    }
}
