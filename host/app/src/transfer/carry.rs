//! Copies or moves one object between stores.

use super::control::Control;
use super::endpoint::{Endpoint, Known};
use super::executor::Finished;
use super::report::{Done, Event, Failure};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_contract::RESERVED_METADATA;
use storage_contract::etag::is_of_plain;
use storage_store::carry::{Checksum, CopyError};
use storage_store::checksum::CHECKSUM;
use storage_store::objects::md5;
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions, ReadOptions, conditionally};

/// Copies objects from one side to the other. Clones share their state.
#[derive(Clone)]
pub(super) struct Carrier {
    pub from: Endpoint,
    pub to: Endpoint,
    pub control: Control,
    warned: Arc<AtomicBool>,
}

impl Carrier {
    pub fn new(from: &Endpoint, to: &Endpoint, control: &Control) -> Self {
        let (from, to, control) = (from.clone(), to.clone(), control.clone());
        Self { from, to, control, warned: Arc::default() }
    }

    /// Like [`carry`](Self::carry), for the key `rest` below both prefixes.
    pub async fn one(self, rest: String, known: Known, overwrite: bool, mv: bool) -> Finished {
        let (key, target) = (self.from.key(&rest), self.to.key(&rest));
        let result = self.carry(&key, &target, known.size, overwrite, mv).await;
        Finished { key, size: known.size, result }
    }

    /// Copies one object. Without `overwrite`, an existing object is left alone.
    /// `mv` then deletes the source. `size` is used by dry runs only.
    pub async fn carry(
        &self,
        key: &str,
        target: &str,
        size: Option<u64>,
        overwrite: bool,
        mv: bool,
    ) -> Result<Done, Failure> {
        let there = |e| self.to.failure("write", target, e);
        if !overwrite && self.to.objects.exists(target).await.map_err(there)? {
            return Ok(Done::Skipped);
        }
        if self.control.dry_run {
            let bytes = size.unwrap_or(0);
            return Ok(if mv { Done::Moved(bytes) } else { Done::Copied(bytes) });
        }
        let within = self.within(key, target, !overwrite).await;
        let done = match within.transpose() {
            Some(done) => done,
            None => self.stream(key, target, !overwrite).await,
        };
        let (bytes, etag) = match done {
            Err(failure) if !overwrite && failure.cause == Error::AlreadyExists => {
                return Ok(Done::Skipped);
            }
            done => done?,
        };
        if !mv {
            return Ok(Done::Copied(bytes));
        }
        // Don't delete a version that was written after the read.
        let from = &self.from.objects;
        let delete = |conditional| {
            let if_match = etag.clone().filter(|_| conditional);
            from.delete(key, DeleteOptions { if_match })
        };
        match conditionally(|| from.capabilities(), delete).await {
            Ok(()) | Err(Error::NotFound) => Ok(Done::Moved(bytes)),
            Err(cause) => Err(self.from.failure("delete (after it was copied)", key, cause)),
        }
    }

    /// Lets the backend that holds both objects copy, if there is one. Returns `None`
    /// if nothing was done.
    async fn within(
        &self,
        key: &str,
        target: &str,
        if_absent: bool,
    ) -> Result<Option<(u64, Option<String>)>, Failure> {
        let from = &self.from.objects;
        let Some(located) = from.locate_copy(key, &self.to.objects, target).await else {
            return Ok(None);
        };
        let info = from.stat(key).await;
        let info = info.map_err(|e| self.from.failure("read", key, e))?;
        let Some(size) = info.size else { return Ok(None) };
        let etag = md5(&info).map(str::to_owned);
        let options = PutOptions { if_absent, etag, ..self.kept(&info) };
        let copied = located.copy(&info, options).await;
        Ok(copied.map_err(|e| self.to.failure("write", target, e))?.map(|_| {
            (self.control.watch)(Event::Bytes(size));
            (size, info.etag)
        }))
    }

    /// Streams the bytes, with media type and user metadata. Returns their number and
    /// the etag of the source.
    async fn stream(
        &self,
        key: &str,
        target: &str,
        if_absent: bool,
    ) -> Result<(u64, Option<String>), Failure> {
        let here = |e| self.from.failure("read", key, e);
        let there = |e| self.to.failure("write", target, e);
        let source = self.from.objects.read(key, ReadOptions::default()).await.map_err(here)?;
        // What is known of the bytes goes along; a listing shows etags, and not always more.
        let md5 = md5(source.info()).map(str::to_owned);
        let options = PutOptions { if_absent, etag: md5, ..self.kept(source.info()) };
        let etag = source.info().etag.clone();
        let checksum = match options.metadata.iter().any(|(name, _)| name == CHECKSUM) {
            _ if !self.to.objects.capabilities().metadata => Checksum::AsGiven,
            true => Checksum::AsGiven,
            false if self.to.objects.copies_for_late_metadata() => Checksum::OfSmall,
            false => Checksum::Always,
        };
        let moving = |piece: &Bytes| (self.control.watch)(Event::Bytes(piece.len() as u64));
        match source.carry(&self.to.objects, target, options, checksum, moving).await {
            Ok(bytes) => Ok((bytes, etag)),
            Err(CopyError::Source(error)) => Err(here(error)),
            Err(CopyError::Target(error)) => Err(there(error)),
        }
    }

    /// Put options with the media type and user metadata, if the target can keep them.
    fn kept(&self, info: &ObjectInfo) -> PutOptions {
        let mut metadata = info.metadata.clone();
        // A checksum may be of other bytes than these.
        let length = info.size.map(|size| format!(" {size}")).filter(|_| !is_of_plain(info));
        let is_right = |text: &str| length.as_ref().is_some_and(|length| text.ends_with(length));
        metadata.retain(|(name, value)| match name.as_str() {
            CHECKSUM => is_right(value),
            name => !name.starts_with(RESERVED_METADATA),
        });
        if self.to.objects.capabilities().metadata {
            let content_type = info.content_type.clone();
            return PutOptions { content_type, metadata, ..PutOptions::default() };
        }
        let lost = info.content_type.is_some() || !metadata.is_empty();
        if lost && !self.warned.swap(true, Ordering::Relaxed) {
            (self.control.watch)(Event::Warning(&format!(
                "store {:?} keeps no metadata: media types and user metadata are not copied",
                self.to.objects.name()
            )));
        }
        PutOptions::default()
    }
}

/// Deletes one object; a missing one counts as deleted.
pub(super) async fn remove(
    side: Endpoint,
    key: String,
    size: Option<u64>,
    dry_run: bool,
) -> Finished {
    let deleted = match dry_run {
        true => Ok(()),
        false => side.objects.delete(&key, DeleteOptions::default()).await,
    };
    let result = match deleted {
        Ok(()) | Err(Error::NotFound) => Ok(Done::Deleted),
        Err(cause) => Err(side.failure("delete", &key, cause)),
    };
    Finished { key, size, result }
}
