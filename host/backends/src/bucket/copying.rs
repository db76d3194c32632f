//! Server-side copies.

use super::checksum::Kept;
use super::condition::Condition;
use super::object_metadata::{self, Headers};
use super::retry::RequestTime;
use super::shared::Shared;
use super::upload::{PARTS, Upload};
use async_trait::async_trait;
use aws_sdk_s3::types::MetadataDirective;
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::sync::Arc;
use storage_store::{Error, ObjectInfo, PutOptions, Result, Trailer, Writer};

/// Copies an object on the server if that preserves everything: the source was
/// written in one piece, without a custom etag or `storage-…` entries, and the
/// target gets the same metadata. Servers that ignore new metadata then do no harm.
/// `None` if the source differs or is of another kind; then nothing was done.
pub(super) async fn copy(
    shared: &Arc<Shared>,
    from: &str,
    etag: &str,
    to: &str,
    options: &PutOptions,
) -> Result<Option<ObjectInfo>> {
    // Not every server acts on preconditions of copies.
    if options.if_absent || options.if_match.is_some() {
        return Ok(None);
    }
    let found = match shared.head(from).await {
        Err(Error::NotFound) => return Ok(None),
        found => found?,
    };
    let Some(size) = found.info.size.filter(|size| *size <= shared.part_size as u64) else {
        return Ok(None);
    };
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    let known = found.etag == etag && found.is_plain && shared.checks.read;
    let mut metadata = options.metadata.clone();
    metadata.sort();
    let alike = options.content_type == found.info.content_type && metadata == found.info.metadata;
    if !known || !alike || !object_metadata::is_plain(options, length, |own| own == etag) {
        return Ok(None);
    }
    let headers = Headers::new(options, size == 0, &Kept::Nothing)?;
    let (source, kind) = (shared.source(from), object_metadata::content_type(options));
    let answer = shared.calls.send(RequestTime::Long, || {
        let request = shared.client.copy_object().bucket(&shared.bucket).key(to);
        let request =
            request.copy_source(&source).copy_source_if_match(object_metadata::quoted(etag));
        let request = request.metadata_directive(MetadataDirective::Replace);
        request.content_type(&kind).set_metadata(Some(headers.0.clone())).send()
    });
    let answer = match answer.await {
        Ok(answer) => answer,
        // The source was replaced or deleted meanwhile, or the server can't copy.
        Err(failure) if matches!(failure.status, Some(404 | 412 | 501)) => return Ok(None),
        Err(failure) => return Err(failure.error(&shared.at(to))),
    };
    let copied = answer.copy_object_result().and_then(|result| result.e_tag());
    let etag = copied.map(object_metadata::unquoted).ok_or_else(|| {
        Error::Unavailable(format!("{}: the server did not say what it copied", shared.at(to)))
    })?;
    Ok(Some(object_metadata::written(options, size, etag)))
}

/// The sizes of a part that is not the last one, and of any part, in bytes ("Amazon S3
/// multipart upload limits").
const PART_SIZES: std::ops::RangeInclusive<u64> = 5 << 20..=5 << 30;

/// An object to copy as a part.
struct Source {
    key: String,
    /// The server's etag.
    etag: String,
    size: u64,
}

/// An upload whose parts the server has copied.
struct Joined {
    shared: Arc<Shared>,
    key: String,
    options: PutOptions,
    upload: Upload,
    size: u64,
}

/// Starts a write whose bytes the server copies from other objects. `None` if they can't be
/// parts of an upload, or one has changed; then nothing was done.
pub(super) async fn join(
    shared: &Arc<Shared>,
    parts: &[(String, String)],
    to: &str,
    options: PutOptions,
) -> Result<Option<Box<dyn Writer>>> {
    let condition = Condition::new(shared, to, &options).await?;
    if matches!(condition, Condition::Absent) && shared.exists(to).await? {
        return Err(Error::AlreadyExists);
    }
    if parts.len() > usize::try_from(PARTS).unwrap_or_default() {
        return Ok(None);
    }
    let found = parts.iter().cloned().map(|(key, etag)| source(shared.clone(), key, etag));
    let found = stream::iter(found.collect::<Vec<_>>()).buffered(shared.concurrency);
    let Some(sources) = found.collect::<Vec<_>>().await.into_iter().collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    let Some((last, others)) = sources.split_last() else { return Ok(None) };
    let fits = |source: &Source| PART_SIZES.contains(&source.size);
    if !others.iter().all(fits) || !(1..=*PART_SIZES.end()).contains(&last.size) {
        return Ok(None);
    }
    // What readers check by is the size of the parts, which these need not share.
    let headers = Headers::new(&options, true, &Kept::Nothing)?;
    let mut upload = Upload::of_copies(shared, to, &options, headers).await?;
    let copied = async {
        for Source { key, etag, .. } in &sources {
            upload.copied(key, etag, None).await?;
        }
        upload.gather().await
    };
    match copied.await {
        Ok(()) => {}
        Err(error @ Error::Unavailable(_)) => return Err(error),
        // One was replaced or deleted meanwhile, or the server does not copy it.
        Err(error) => {
            tracing::debug!(target: "storage", %error, "objects are not joined");
            return Ok(None);
        }
    }
    let size = sources.iter().map(|source| source.size).sum();
    let (shared, key) = (shared.clone(), to.to_owned());
    Ok(Some(Box::new(Joined { shared, key, options, upload, size })))
}

#[async_trait]
impl Writer for Joined {
    async fn push(&mut self, _: Bytes) -> Result<()> {
        Err(Error::Unsupported("what is joined takes no more bytes".to_owned()))
    }

    async fn finish(self: Box<Self>, _: Trailer) -> Result<ObjectInfo> {
        let condition = Condition::new(&self.shared, &self.key, &self.options).await?;
        match self.upload.complete(&condition).await {
            Ok(done) => Ok(object_metadata::written(&self.options, self.size, &done.etag)),
            // It was refused, as by a server that wants parts of one size.
            Err(Error::Other(why)) => Err(Error::Unsupported(why)),
            Err(error) => Err(error),
        }
    }
}

/// The object with this etag; `None` if it is another one by now, or can't be looked at: an
/// ordinary read says why.
async fn source(shared: Arc<Shared>, key: String, etag: String) -> Option<Source> {
    let found = shared.head(&key).await.ok()?;
    let size = found.info.size.filter(|_| found.info.etag.as_ref() == Some(&etag))?;
    Some(Source { key, etag: found.etag, size })
}
