//! Spools an object's bytes: in memory up to a limit, then in an unlinked file, so
//! that a slow client holds nothing else.

use super::blocking::{blocking, drop_elsewhere};
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use storage_store::chunk_size::CHUNK;
use storage_store::{Error, Result};

/// Bodies up to this size stay in memory.
const SPOOL_AT: usize = 1024 * 1024;

/// The complete bytes of an object.
pub(super) enum Body {
    /// In memory.
    Bytes(Bytes),
    /// In an unlinked file, with its length.
    Spool(File, u64),
}

impl Body {
    /// The length in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Spool(_, length) => *length,
        }
    }
}

enum Kept {
    None,
    File(File),
    /// A write failed, or its future was dropped.
    Broken,
}

/// Collects a body.
pub(super) struct Spool {
    /// The directory for the unlinked file.
    folder: PathBuf,
    /// Store and key, for error messages.
    at: String,
    held: BytesMut,
    kept: Kept,
    spooled: u64,
}

impl Spool {
    pub(super) fn new(folder: PathBuf, at: String) -> Self {
        Self { folder, at, held: BytesMut::new(), kept: Kept::None, spooled: 0 }
    }

    /// The number of bytes pushed so far.
    pub(super) fn len(&self) -> u64 {
        self.spooled + self.held.len() as u64
    }

    pub(super) async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.held.extend_from_slice(&chunk);
        let most = if matches!(self.kept, Kept::None) { SPOOL_AT } else { CHUNK };
        if self.held.len() > most {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let kept = std::mem::replace(&mut self.kept, Kept::Broken);
        let bytes = self.held.split().freeze();
        let length = bytes.len() as u64;
        let (folder, at) = (self.folder.clone(), self.at.clone());
        let file = blocking(move || {
            let fail = |e: std::io::Error| spool_error(&at, &e);
            let mut file = match kept {
                Kept::File(file) => file,
                Kept::None => tempfile::tempfile_in(folder).map_err(fail)?,
                Kept::Broken => {
                    return Err(Error::Other(format!("{at}: this write failed before")));
                }
            };
            file.write_all(&bytes).map_err(fail)?;
            Ok(file)
        })
        .await?;
        self.kept = Kept::File(file);
        self.spooled += length;
        Ok(())
    }

    /// Returns everything that was pushed.
    pub(super) async fn finish(&mut self) -> Result<Body> {
        if !matches!(self.kept, Kept::None) {
            self.flush().await?;
        }
        Ok(match std::mem::replace(&mut self.kept, Kept::Broken) {
            Kept::File(file) => Body::Spool(file, self.spooled),
            _ => Body::Bytes(self.held.split().freeze()),
        })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Closing the file frees its blocks, which takes time.
        if let Kept::File(file) = std::mem::replace(&mut self.kept, Kept::Broken) {
            drop_elsewhere(file);
        }
    }
}

fn spool_error(at: &str, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{
        FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    match error.kind() {
        StorageFull | QuotaExceeded => Error::out_of_space(&format!("{at}: the disk is full")),
        FileTooLarge => Error::LimitExceeded(format!(
            "{at}: larger than a file may be here; nothing was written"
        )),
        PermissionDenied | ReadOnlyFilesystem => Error::PermissionDenied(format!(
            "{at}: the directory that it lies in is not writable ({error})"
        )),
        _ => Error::Unavailable(format!("{at}: its spool file: {error}")),
    }
}
