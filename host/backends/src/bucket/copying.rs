//! Server-side copies.

use super::object_metadata::{self, Digest, Headers};
use super::retry::RequestTime;
use super::shared::Shared;
use aws_sdk_s3::types::MetadataDirective;
use std::sync::Arc;
use storage_store::{Error, ObjectInfo, PutOptions, Result};

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
    let known = found.etag == etag && found.digest == Digest::Md5(etag.to_owned());
    let mut metadata = options.metadata.clone();
    metadata.sort();
    let alike = options.content_type == found.info.content_type && metadata == found.info.metadata;
    if !known || !alike || !object_metadata::is_plain(options, length, etag) {
        return Ok(None);
    }
    let headers = Headers::new(options, size == 0, &Digest::Unknown)?;
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
