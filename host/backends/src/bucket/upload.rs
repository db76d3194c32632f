//! Multipart uploads: parts are sent in parallel, and a dropped upload is aborted.

use super::checksum::{Crc, Kept, composite};
use super::condition::Condition;
use super::failure::Failure;
use super::object_metadata::{self, Headers};
use super::retry::RequestTime;
use super::shared::Shared;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use md5::{Digest as _, Md5};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use storage_contract::etag::is_md5;
use storage_store::{Error, PutOptions, Result};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The most parts that a server accepts.
pub(super) const PARTS: i32 = 10_000;

/// The smallest part to copy on the server, in bytes.
const COPIED: u64 = 256 * 1024 * 1024;

struct Part {
    number: i32,
    etag: String,
    md5: [u8; 16],
    /// The checksum and the number of the bytes, if they were sent from here.
    sent: Option<(Crc, u64)>,
}

/// An object that was published.
pub(super) struct Published {
    /// The server's etag.
    pub(super) etag: String,
    /// Whether that is the MD5 of the parts' MD5s.
    pub(super) composite: bool,
    /// The checksum of all bytes, if it is known.
    pub(super) crc: Option<Crc>,
}

/// A multipart upload in progress; dropping it aborts it.
pub(super) struct Upload {
    shared: Arc<Shared>,
    key: String,
    /// `None` when there is nothing left to abort.
    id: Option<String>,
    parts: Vec<Part>,
    sending: JoinSet<Result<Part>>,
    next: i32,
    /// Whether parts are sent, and listed at the end, with their checksums.
    crc: bool,
}

impl Upload {
    /// An upload whose parts come from here.
    pub(super) async fn create(
        shared: &Arc<Shared>,
        key: &str,
        options: &PutOptions,
        headers: Headers,
    ) -> Result<Self> {
        Self::begin(shared, key, options, headers, shared.checks.crc).await
    }

    /// An upload whose parts the server copies. It has no checksums: they must be listed at
    /// the end, and not every server says what they are.
    pub(super) async fn of_copies(
        shared: &Arc<Shared>,
        key: &str,
        options: &PutOptions,
        headers: Headers,
    ) -> Result<Self> {
        Self::begin(shared, key, options, headers, false).await
    }

    async fn begin(
        shared: &Arc<Shared>,
        key: &str,
        options: &PutOptions,
        headers: Headers,
        crc: bool,
    ) -> Result<Self> {
        let (shared, key) = (shared.clone(), key.to_owned());
        let kind = object_metadata::content_type(options);
        let tasks = shared.tasks.clone();
        // A task of its own: if the caller goes away now, the answer still tells
        // which upload to abort. The upload is handed over before the task ends, so
        // that waiting for the tasks waits for the abort, too.
        let (hand, created) = oneshot::channel();
        let create = async move {
            let answer = shared.calls.send(RequestTime::Normal, || {
                let request = shared.client.create_multipart_upload().bucket(&shared.bucket);
                let request = request.key(&key).content_type(&kind);
                let algorithm = crc.then_some(ChecksumAlgorithm::Crc32);
                let request = request.set_checksum_algorithm(algorithm);
                request.set_metadata(Some(headers.0.clone())).send()
            });
            let id = match answer.await {
                Ok(answer) => answer.upload_id().map(str::to_owned),
                Err(failure) => match failure.field("UploadId") {
                    None => return Err(failure.error(&shared.at(&key))),
                    id => id,
                },
            };
            let id = id.ok_or_else(|| {
                Error::Other(format!("{}: the server gave no upload id", shared.at(&key)))
            })?;
            let (parts, sending) = (Vec::new(), JoinSet::new());
            Ok(Self { shared, key, id: Some(id), parts, sending, next: 1, crc })
        };
        tasks.spawn(async move { drop(hand.send(create.await)) });
        created.await.map_err(|_| Error::Unavailable("the upload was ended".to_owned()))?
    }

    fn id(&self) -> String {
        self.id.clone().unwrap_or_default()
    }

    fn number(&mut self) -> Result<i32> {
        if self.next > PARTS {
            return Err(Error::LimitExceeded(format!(
                "{}: more than {PARTS} parts of {} bytes; nothing was written: give the store a \
                 larger part_size",
                self.shared.at(&self.key),
                self.shared.part_size
            )));
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Waits until another part may be sent.
    async fn room(&mut self) -> Result<()> {
        while self.sending.len() >= self.shared.concurrency {
            self.sent().await?;
        }
        Ok(())
    }

    /// Waits for one part to finish.
    async fn sent(&mut self) -> Result<()> {
        match self.sending.join_next().await {
            None => Ok(()),
            Some(Ok(part)) => {
                self.parts.push(part?);
                Ok(())
            }
            Some(Err(error)) => {
                Err(Error::Unavailable(format!("{}: {error}", self.shared.at(&self.key))))
            }
        }
    }

    /// Starts sending the next part, once fewer than `concurrency` are in flight.
    pub(super) async fn part(&mut self, data: Bytes) -> Result<()> {
        let number = self.number()?;
        self.room().await?;
        let (shared, key, id) = (self.shared.clone(), self.key.clone(), self.id());
        let with_crc = self.crc;
        self.sending.spawn(async move {
            let content_md5 = shared.content_md5(&data);
            let checks = shared.checks;
            let crc = (checks.read && !checks.md5).then(|| Crc::of(&data));
            let crc32 = crc.filter(|_| with_crc).map(Crc::text);
            let algorithm = crc32.as_ref().map(|_| ChecksumAlgorithm::Crc32);
            let answer = shared.calls.send(RequestTime::Upload(data.len()), || {
                let request = shared.client.upload_part().bucket(&shared.bucket).key(&key);
                let request = request.upload_id(&id).part_number(number);
                let request = request.set_content_md5(content_md5.clone());
                let request = request.set_checksum_crc32(crc32.clone());
                let request = request.set_checksum_algorithm(algorithm.clone());
                request.body(ByteStream::from(data.clone())).send()
            });
            let answer = answer.await.map_err(|f| f.error(&shared.at(&key)))?;
            let etag = answer.e_tag().unwrap_or_default().to_owned();
            let md5 = match checks.md5 {
                true => Md5::digest(&data).into(),
                false => md5_in(&etag),
            };
            let sent = crc.map(|crc| (crc, data.len() as u64));
            Ok(Part { number, etag, md5, sent })
        });
        Ok(())
    }

    /// Takes the bytes from the object under the same key, copied by the server.
    async fn copy(&mut self, size: u64, step: u64, etag: &str) -> Result<()> {
        let key = self.key.clone();
        let mut start = 0;
        while start < size {
            let last = (start + step).min(size) - 1;
            self.copied(&key, etag, Some(format!("bytes={start}-{last}"))).await?;
            start = last + 1;
        }
        Ok(())
    }

    /// Starts copying an object with this etag, or a range of it, as the next part, once
    /// fewer than `concurrency` are in flight.
    pub(super) async fn copied(
        &mut self,
        from: &str,
        etag: &str,
        range: Option<String>,
    ) -> Result<()> {
        let number = self.number()?;
        self.room().await?;
        let (source, etag) = (self.shared.source(from), object_metadata::quoted(etag));
        let (shared, key, id) = (self.shared.clone(), self.key.clone(), self.id());
        self.sending.spawn(async move {
            let answer = shared.calls.send(RequestTime::Long, || {
                let request = shared.client.upload_part_copy().bucket(&shared.bucket);
                let request = request.key(&key).upload_id(&id).part_number(number);
                let request = request.copy_source(&source).set_copy_source_range(range.clone());
                request.copy_source_if_match(&etag).send()
            });
            let answer = answer.await.map_err(|f| f.error(&shared.at(&key)))?;
            let copied = answer.copy_part_result().and_then(|result| result.e_tag());
            let Some(copied) = copied.filter(|copied| !copied.is_empty()) else {
                // It may have taken the request for a part without bytes.
                return Err(Error::Unsupported(format!(
                    "{}: the server did not say what it copied",
                    shared.at(&key)
                )));
            };
            let (is, was) = (object_metadata::unquoted(copied), object_metadata::unquoted(&etag));
            if range.is_none() && is_md5(is) && is_md5(was) && is != was {
                // It does not act on the condition.
                return Err(Error::PreconditionFailed);
            }
            Ok(Part { number, etag: copied.to_owned(), md5: md5_in(copied), sent: None })
        });
        Ok(())
    }

    /// Waits for all parts.
    pub(super) async fn gather(&mut self) -> Result<()> {
        while !self.sending.is_empty() {
            self.sent().await?;
        }
        self.parts.sort_by_key(|part| part.number);
        Ok(())
    }

    /// Publishes the object.
    pub(super) async fn complete(mut self, condition: &Condition) -> Result<Published> {
        self.gather().await?;
        let md5s: Vec<u8> = self.parts.iter().flat_map(|part| part.md5).collect();
        let expected = composite(&md5s);
        let etag = match self.publish(condition).await {
            Ok(etag) => etag,
            Err(failure) => self.judge(condition, &expected, failure).await?,
        };
        self.id = None;
        let sent = self.parts.iter().map(|part| part.sent).collect::<Option<Vec<_>>>();
        let sent = sent.into_iter().flatten();
        let sum = sent.reduce(|(sum, all), (next, length)| (sum.and(next, length), all + length));
        Ok(Published { composite: etag == expected, etag, crc: sum.map(|(sum, _)| sum) })
    }

    async fn publish(&self, condition: &Condition) -> Result<String, Failure> {
        let parts = self.parts.iter().map(|part| {
            let crc32 = part.sent.filter(|_| self.crc).map(|(crc, _)| crc.text());
            let listed = CompletedPart::builder().part_number(part.number).e_tag(&part.etag);
            listed.set_checksum_crc32(crc32).build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let (shared, id) = (&self.shared, self.id());
        let answer = shared.calls.send(RequestTime::Long, || {
            let request = shared.client.complete_multipart_upload().bucket(&shared.bucket);
            let request = request.key(&self.key).upload_id(&id).multipart_upload(parts.clone());
            let (none, matching) = condition.headers();
            request.set_if_none_match(none).set_if_match(matching).send()
        });
        let etag = match answer.await {
            Ok(answer) => answer.e_tag().map(str::to_owned),
            Err(failure) => Some(failure.field("ETag").ok_or(failure)?),
        };
        Ok(object_metadata::unquoted(&etag.unwrap_or_default()).to_owned())
    }

    /// Decides whether a failure is real: an attempt whose answer was lost may have
    /// published the object, and the next one then found no upload.
    async fn judge(&self, condition: &Condition, etag: &str, failure: Failure) -> Result<String> {
        let ended = failure.code == "NoSuchUpload" || matches!(failure.status, Some(403 | 404));
        if failure.maybe_done && (ended || failure.status == Some(412)) {
            match self.shared.head(&self.key).await {
                // Only this process knew the upload, and it is gone, so the object
                // is ours.
                Ok(found) if found.etag == etag && ended => return Ok(found.etag),
                Ok(found) if found.etag == etag => return Err(self.shared.unsure(&self.key)),
                Ok(_) if ended => return Err(self.shared.unsure(&self.key)),
                _ => {}
            }
        }
        Err(condition.error(failure, &self.shared.at(&self.key)))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let mut sending = std::mem::take(&mut self.sending);
        let (shared, key) = (self.shared.clone(), self.key.clone());
        let abort = async move {
            // A part that arrives after the abort would stay.
            sending.shutdown().await;
            let answer = shared.calls.send(RequestTime::Normal, || {
                let request = shared.client.abort_multipart_upload().bucket(&shared.bucket);
                request.key(&key).upload_id(&id).send()
            });
            if let Err(failure) = answer.await
                && failure.status != Some(404)
            {
                let error = failure.error(&shared.at(&key));
                tracing::warn!("an upload could not be aborted, its parts stay: {error}");
            }
        };
        self.shared.tasks.spawn_on(abort, &self.shared.runtime);
    }
}

/// The MD5 that an etag of the server's holds, or zeros.
fn md5_in(etag: &str) -> [u8; 16] {
    let mut md5 = [0; 16];
    let _ = hex::decode_to_slice(object_metadata::unquoted(etag), &mut md5);
    md5
}

/// The size of the parts that an object is copied in.
pub(super) fn copied_size(shared: &Shared) -> u64 {
    let part = shared.part_size as u64;
    part * COPIED.div_ceil(part)
}

/// Replaces the metadata of an object that was just published, by copying it onto
/// itself. Returns the server's new etag.
pub(super) async fn restate(
    shared: &Arc<Shared>,
    key: &str,
    options: &PutOptions,
    size: u64,
    etag: &str,
    kept: &Kept,
) -> Result<String> {
    let headers = Headers::new(options, true, kept)?;
    let mut upload = Upload::of_copies(shared, key, options, headers).await?;
    upload.copy(size, copied_size(shared), etag).await?;
    let condition = match shared.conditions.claimed() {
        true => Condition::Match(etag.to_owned()),
        false => Condition::None,
    };
    upload.complete(&condition).await.map(|done| done.etag)
}

impl Shared {
    /// Remembers whether this server's multipart etags are MD5s of MD5s.
    pub(super) fn learn(&self, composite: bool) {
        if !composite {
            self.composite.store(false, Ordering::Relaxed);
        }
    }
}
