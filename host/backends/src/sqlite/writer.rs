//! Streamed writes, spooled next to the database until they are complete.

use super::commit::Change;
use super::rows::check_size;
use super::shared::Shared;
use crate::spool::Spool;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use storage_store::{ObjectInfo, PutOptions, Result, Trailer, Writer};

pub(super) struct SpoolWriter {
    shared: Arc<Shared>,
    key: String,
    options: PutOptions,
    spool: Spool,
}

impl SpoolWriter {
    pub(super) fn new(shared: Arc<Shared>, key: String, options: PutOptions) -> Self {
        let database = &shared.pool.database;
        let folder = database.path.parent().unwrap_or(&database.path).to_owned();
        let spool = Spool::new(folder, format!("{}, key {key:?}", database.shown));
        Self { shared, key, options, spool }
    }
}

#[async_trait]
impl Writer for SpoolWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        let size = self.spool.len() + chunk.len() as u64;
        check_size(&self.shared.pool.database, &self.key, size)?;
        self.spool.push(chunk).await
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let body = self.spool.finish().await?;
        let mut options = std::mem::take(&mut self.options);
        options.absorb(trailer);
        let key = std::mem::take(&mut self.key);
        self.shared.queue()?.submit(Change::Put(key, body, options)).await
    }
}
