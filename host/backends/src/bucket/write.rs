//! Writes: small objects in one request, larger ones in parts.

use super::checksum::Kept;
use super::condition::Condition;
use super::object_metadata::{self, Headers};
use super::retry::RequestTime;
use super::shared::Shared;
use super::upload::{Published, Upload, copied_size, restate};
use async_trait::async_trait;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage_contract::etag::is_md5;
use storage_store::{Error, ObjectInfo, PutOptions, Result, Trailer, Writer};
use tokio::time::sleep;

/// From this size on, it pays to avoid computing the MD5.
const WORTH: usize = 64 * 1024;

/// Error codes for a Content-MD5 that does not match the bytes.
const WRONG_DIGEST: &[&str] = &["BadDigest", "InvalidDigest"];

/// Writes an object of at most one part.
pub(super) async fn small(
    shared: &Arc<Shared>,
    key: &str,
    data: Bytes,
    options: &PutOptions,
) -> Result<ObjectInfo> {
    let condition = Condition::new(shared, key, options).await?;
    let size = data.len() as u64;
    let plain = Plain {
        shared,
        key,
        data: &data,
        crc32: shared.crc32(&data),
        options,
        headers: Headers::new(options, size == 0, &Kept::Nothing)?,
        condition: &condition,
    };
    if let Some(etag) = plain.claimed().await? {
        return Ok(object_metadata::written(options, size, &etag));
    }
    // Without an etag, or with one that is no MD5, the MD5 of the bytes is not asked for.
    let is_own = |etag: &str| is_md5(etag) && hex::encode(Md5::digest(&data)) == etag;
    if object_metadata::is_plain(options, data.len(), is_own) {
        let etag = plain.write().await?;
        return Ok(object_metadata::written(options, size, &etag));
    }
    if object_metadata::claimed(options).is_some() {
        shared.claims.store(false, Ordering::Relaxed);
    }
    let headers = Headers::new(options, true, &shared.kept(&data))?;
    let mut upload = Upload::create(shared, key, options, headers).await?;
    upload.part(data).await?;
    let done = upload.complete(&condition).await?;
    shared.learn(done.composite);
    Ok(object_metadata::written(options, size, &done.etag))
}

/// An object written in one request, with nothing beyond bytes and plain headers.
struct Plain<'a> {
    shared: &'a Shared,
    key: &'a str,
    data: &'a Bytes,
    /// Their checksum, if it is sent.
    crc32: Option<String>,
    options: &'a PutOptions,
    headers: Headers,
    condition: &'a Condition,
}

impl Plain<'_> {
    async fn send(&self, md5: Option<String>) -> Result<String, SdkError<PutObjectError>> {
        let (none, matching) = self.condition.headers();
        let request = self.shared.client.put_object().bucket(&self.shared.bucket).key(self.key);
        let request = request.content_type(object_metadata::content_type(self.options));
        let request = request.set_content_md5(md5).set_checksum_crc32(self.crc32.clone());
        let algorithm = self.crc32.as_ref().map(|_| ChecksumAlgorithm::Crc32);
        let request = request.set_checksum_algorithm(algorithm);
        let request = request.set_metadata(Some(self.headers.0.clone()));
        let request = request.set_if_none_match(none).set_if_match(matching);
        let answer = request.body(ByteStream::from(self.data.clone())).send().await?;
        Ok(object_metadata::unquoted(answer.e_tag().unwrap_or_default()).to_owned())
    }

    fn takes(&self) -> RequestTime {
        RequestTime::Upload(self.data.len())
    }

    /// Writes the object assuming that its etag is the MD5 of its bytes. It usually
    /// is, and the server's answer tells; hashing here would take as long as
    /// sending. `None` if the assumption was not confirmed: then write the object
    /// again, whatever is there now.
    async fn claimed(&self) -> Result<Option<String>> {
        let calls = &self.shared.calls;
        let believed = self.shared.claims.load(Ordering::Relaxed)
            && matches!(self.condition, Condition::None)
            && self.data.len() >= WORTH;
        let mut md5 = [0; 16];
        let Some(claimed) = object_metadata::claimed(self.options)
            .filter(|claimed| believed && hex::decode_to_slice(claimed, &mut md5).is_ok())
        else {
            return Ok(None);
        };
        let md5 = base64_simd::STANDARD.encode_to_string(md5);
        let md5 = Some(md5).filter(|_| self.shared.checks.md5);
        match calls.once(self.takes(), self.send(md5)).await {
            Ok(etag) if etag == claimed => Ok(Some(etag)),
            Ok(_) => {
                // Its etags may be no MD5s at all.
                self.shared.claims.store(false, Ordering::Relaxed);
                Ok(None)
            }
            Err(failure) if WRONG_DIGEST.contains(&failure.code.as_str()) => Ok(None),
            Err(failure) if failure.passing && !calls.deadline().is_zero() => {
                sleep(failure.retry_after.unwrap_or_default().min(calls.deadline())).await;
                Ok(None)
            }
            Err(failure) => Err(failure.error(&self.shared.at(self.key))),
        }
    }

    async fn write(&self) -> Result<String> {
        let md5 = self.shared.content_md5(self.data);
        let sent = self.shared.calls.send(self.takes(), || self.send(md5.clone()));
        let failure = match sent.await {
            Ok(etag) => return Ok(etag),
            Err(failure) => failure,
        };
        // An earlier attempt may have written it.
        if failure.maybe_done
            && matches!(failure.status, Some(404 | 412))
            && !matches!(self.condition, Condition::None)
            && let Ok(found) = self.shared.head(self.key).await
            && found.etag == hex::encode(Md5::digest(self.data))
        {
            return Err(self.shared.unsure(self.key));
        }
        Err(self.condition.error(failure, &self.shared.at(self.key)))
    }
}

/// A streamed write. Holds the parts in flight and one more in memory.
pub(super) struct BucketWriter {
    shared: Arc<Shared>,
    key: String,
    options: PutOptions,
    held: BytesMut,
    /// `None` while everything fits into one part.
    upload: Option<Upload>,
    size: u64,
    /// A push failed, or its future was dropped.
    broken: bool,
}

impl BucketWriter {
    pub(super) async fn start(
        shared: Arc<Shared>,
        key: String,
        options: PutOptions,
    ) -> Result<Self> {
        // Checked again at the end; don't send bytes that can't be published.
        let condition = Condition::new(&shared, &key, &options).await?;
        if matches!(condition, Condition::Absent) && shared.exists(&key).await? {
            return Err(Error::AlreadyExists);
        }
        Headers::new(&options, true, &Kept::Nothing)?;
        let held = BytesMut::new();
        Ok(Self { shared, key, options, held, upload: None, size: 0, broken: false })
    }

    /// Buffers up to a full part, and sends the part before when more bytes come.
    async fn take(&mut self, mut chunk: Bytes) -> Result<()> {
        self.size += chunk.len() as u64;
        while !chunk.is_empty() {
            if self.held.len() == self.shared.part_size {
                self.send().await?;
            }
            let room = self.shared.part_size - self.held.len();
            self.held.extend_from_slice(&chunk.split_to(room.min(chunk.len())));
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        if self.upload.is_none() {
            let headers = Headers::new(&self.options, true, &self.kept())?;
            let upload = Upload::create(&self.shared, &self.key, &self.options, headers).await?;
            self.upload = Some(upload);
        }
        let data = self.held.split().freeze();
        match &mut self.upload {
            Some(upload) => upload.part(data).await,
            None => Ok(()),
        }
    }

    /// What tells readers how to check the whole object.
    fn kept(&self) -> Kept {
        let (checks, size) = (self.shared.checks, self.shared.part_size as u64);
        match checks.crc || (checks.md5 && self.shared.composite.load(Ordering::Relaxed)) {
            true => Kept::PartSize(size),
            false => Kept::Nothing,
        }
    }

    async fn publish(mut self, trailer: Trailer) -> Result<ObjectInfo> {
        let begun = self.options.clone();
        let added = !trailer.metadata.is_empty();
        self.options.absorb(trailer);
        let Some(mut upload) = self.upload.take() else {
            let data = self.held.split().freeze();
            return small(&self.shared, &self.key, data, &self.options).await;
        };
        let marked = self.shared.checks.md5 && self.kept() != Kept::Nothing;
        upload.part(self.held.split().freeze()).await?;
        let condition = Condition::new(&self.shared, &self.key, &self.options).await?;
        let Published { etag, composite, crc } = upload.complete(&condition).await?;
        self.shared.learn(composite);
        let wrong_etag = begun.etag.is_some() && begun.etag != self.options.etag;
        let wrong_check = marked && !composite;
        if !added && !wrong_etag && !wrong_check {
            // A late etag alone is no reason to copy the object.
            return Ok(object_metadata::written(&begun, self.size, &etag));
        }
        let kept = match crc {
            Some(crc) => Kept::Crc(crc),
            None if marked && composite => Kept::PartSize(copied_size(&self.shared)),
            None => Kept::Nothing,
        };
        let restated =
            restate(&self.shared, &self.key, &self.options, self.size, &etag, &kept).await;
        match restated {
            Ok(etag) => Ok(object_metadata::written(&self.options, self.size, &etag)),
            Err(error) => {
                let at = self.shared.at(&self.key);
                tracing::warn!("{at}: it is written, but not what belongs to it: {error}");
                Ok(object_metadata::written(&begun, self.size, &etag))
            }
        }
    }
}

#[async_trait]
impl Writer for BucketWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            let at = self.shared.at(&self.key);
            return Err(Error::Other(format!("{at}: this write failed before")));
        }
        let outcome = self.take(chunk).await;
        match outcome {
            Ok(()) => self.broken = false,
            // The parts sent so far are useless now.
            Err(_) => self.upload = None,
        }
        outcome
    }

    async fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        if self.broken {
            let at = self.shared.at(&self.key);
            return Err(Error::Other(format!("{at}: this write failed before")));
        }
        self.publish(trailer).await
    }
}
