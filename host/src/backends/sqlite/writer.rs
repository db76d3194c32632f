//! Objects being written: in memory while small, then in an unlinked file
//! beside the database, so that a slow client never holds the database.

use super::Shared;
use super::commit::{Body, Change, check_size};
use crate::backends::blocking::{blocking, drop_elsewhere};
use crate::objects::CHUNK;
use crate::store::{Error, ObjectInfo, PutOptions, Result, Trailer, Writer};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

/// What is kept in memory.
const SPOOL_AT: usize = 1024 * 1024;

enum Spool {
    None,
    File(File),
    /// A write failed, or its future was dropped.
    Broken,
}

pub(super) struct SpoolWriter {
    shared: Arc<Shared>,
    key: String,
    options: PutOptions,
    held: BytesMut,
    spool: Spool,
    spooled: u64,
}

impl SpoolWriter {
    pub(super) fn new(shared: Arc<Shared>, key: String, options: PutOptions) -> Self {
        Self { shared, key, options, held: BytesMut::new(), spool: Spool::None, spooled: 0 }
    }

    async fn flush(&mut self) -> Result<()> {
        let spool = std::mem::replace(&mut self.spool, Spool::Broken);
        let bytes = self.held.split().freeze();
        let length = bytes.len() as u64;
        let shared = self.shared.clone();
        let key = self.key.clone();
        let file = blocking(move || {
            let place = &shared.pool.place;
            let fail = |e: std::io::Error| spool_error(&place.shown, &key, &e);
            let mut file = match spool {
                Spool::File(file) => file,
                Spool::None => {
                    let folder = place.path.parent().unwrap_or(&place.path);
                    tempfile::tempfile_in(folder).map_err(fail)?
                }
                Spool::Broken => {
                    return Err(Error::Other(format!(
                        "{}, key {key:?}: this write failed before",
                        place.shown
                    )));
                }
            };
            file.write_all(&bytes).map_err(fail)?;
            Ok(file)
        })
        .await?;
        self.spool = Spool::File(file);
        self.spooled += length;
        Ok(())
    }
}

fn spool_error(shown: &str, key: &str, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{
        FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let at = format!("{shown}, key {key:?}");
    match error.kind() {
        StorageFull | QuotaExceeded => {
            Error::LimitExceeded(format!("{at}: the disk is full; nothing was written"))
        }
        FileTooLarge => Error::LimitExceeded(format!(
            "{at}: larger than a file may be here; nothing was written"
        )),
        PermissionDenied | ReadOnlyFilesystem => Error::PermissionDenied(format!(
            "{at}: the directory of the database is not writable ({error})"
        )),
        _ => Error::Unavailable(format!("{at}: its spool file: {error}")),
    }
}

#[async_trait]
impl Writer for SpoolWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        let size = self.spooled + self.held.len() as u64 + chunk.len() as u64;
        check_size(&self.shared.pool.place, &self.key, size)?;
        self.held.extend_from_slice(&chunk);
        let most = if matches!(self.spool, Spool::None) { SPOOL_AT } else { CHUNK };
        if self.held.len() > most {
            self.flush().await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        if !matches!(self.spool, Spool::None) {
            self.flush().await?;
        }
        let mut options = std::mem::take(&mut self.options);
        options.absorb(trailer);
        let body = match std::mem::replace(&mut self.spool, Spool::Broken) {
            Spool::File(file) => Body::Spool(file, self.spooled),
            _ => Body::Bytes(self.held.split().freeze()),
        };
        let key = std::mem::take(&mut self.key);
        self.shared.queue()?.submit(Change::Put(key, body, options)).await
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        // Closing the file frees its blocks, which takes time.
        if let Spool::File(file) = std::mem::replace(&mut self.spool, Spool::Broken) {
            drop_elsewhere(file);
        }
    }
}
