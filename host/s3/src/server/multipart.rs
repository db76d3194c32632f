//! The operations of multipart uploads.

use super::acl::Wish;
use super::body::{Expected, Incoming, expected, moved};
use super::buckets::Buckets;
use super::checksum::{self, Algorithm, Sum, show_sum, sums};
use super::conditions;
use super::copy_source::copy_source;
use super::error::{check_key, s3, s3_moved};
use super::layout;
use super::limits;
use super::meta::{self, Conditions, kept};
use super::s3::{range, signed};
use super::settings;
use super::staging::{self, Completed, Upload, Wanted};
use super::users::{self, owner};
use http::{Extensions, HeaderMap};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use storage_store::source::Ended;
use storage_store::{PutOptions, Trailer};

/// How long a completing upload may take before the response begins. A response
/// that has begun has a success status; until then a failure gets its own.
const PROMPT: Duration = Duration::from_secs(10);

impl Buckets {
    pub(super) async fn create_multipart_upload_answer(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let user = users::sender(&req)?.clone();
        let wish = Wish::of(&req.headers, &req.uri);
        let input = req.input;
        let objects = self.bucket(&input.bucket).await?;
        let written = self.written(&input.bucket, &user, &wish).await?;
        check_key(&input.key)?;
        if !objects.capabilities().write {
            return Err(s3_error!(NotImplemented, "this store takes no writes"));
        }
        settings::allowed(&settings::asked!(input))?;
        let sums = match (&input.checksum_algorithm, &input.checksum_type) {
            (None, None) => None,
            (None, Some(_)) => {
                let text = "x-amz-checksum-type needs x-amz-checksum-algorithm";
                return Err(s3_error!(InvalidRequest, "{text}"));
            }
            (Some(name), kind) => {
                let algorithm = Algorithm::parse(name.as_str())?;
                let composite = match kind.as_ref().map(ChecksumType::as_str) {
                    None => algorithm.is_composite(),
                    Some(kind) => kind == ChecksumType::COMPOSITE,
                };
                let fits = match algorithm {
                    Algorithm::Crc64Nvme => !composite,
                    Algorithm::Sha1 | Algorithm::Sha256 => composite,
                    Algorithm::Crc32 | Algorithm::Crc32c => true,
                };
                if !fits {
                    let kind = checksum::kind(composite);
                    let (name, kind) = (algorithm.name(), kind.as_str());
                    return Err(s3_error!(InvalidRequest, "{name} can't be of type {kind}"));
                }
                Some((algorithm, composite))
            }
        };
        let kept = kept!(input);
        let mut metadata = meta::keep(input.metadata, kept)?;
        metadata.extend(written.kept);
        let id = self.staging.start(Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            content_type: input.content_type,
            metadata,
            sums,
            initiator: user.name.clone(),
            owner: written.owner,
            started: SystemTime::now(),
            parts: BTreeMap::new(),
        })?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: sums.map(|(algorithm, _)| algorithm.dto()),
            checksum_type: sums.map(|(_, composite)| checksum::kind(composite)),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn upload_part_answer(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request { input, headers, extensions, trailing_headers, .. } = req;
        let upload = self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let wanted = upload.sums.map(|(algorithm, _)| algorithm);
        let expected = expected!(input, &headers, wanted);
        let body = Incoming::new(input.body, expected, &headers, &extensions, trailing_headers);
        if let Some(wanted) = wanted
            && let Some(other) = body.sent().iter().find(|sent| **sent != wanted)
        {
            let (wanted, other) = (wanted.name(), other.name());
            let text = format!("the upload was begun with {wanted}, the part comes with {other}");
            return Err(s3_error!(InvalidRequest, "{text}"));
        }
        let mut part = self.staging.part(&input.upload_id, input.part_number).await?;
        let arrived = part.fill(body).await?;
        let part = self.staging.keep(&input.upload_id, part, arrived)?;
        let mut output =
            UploadPartOutput { e_tag: Some(ETag::Strong(part.etag())), ..Default::default() };
        show_sum!(output, &part.sum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn upload_part_copy_answer(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        let source = copy_source(&req.headers, input.copy_source);
        let upload = self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let wanted = match input.copy_source_range.as_deref().map(Range::parse) {
            None => None,
            Some(Ok(parsed)) => Some(range(parsed)),
            Some(Err(_)) => {
                return Err(s3_error!(InvalidArgument, "the copy source range is not a range"));
            }
        };
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let (found, info) = self.source(&source, wanted, &conditions, &req.extensions).await?;
        // S3 requires the range to lie within the source; a read would truncate
        // it.
        if let (Some(range), Some(size)) = (wanted, info.size)
            && range.offset.unwrap_or(0).saturating_add(range.length.unwrap_or(0)) > size
        {
            return Err(s3_error!(InvalidRange, "the source has {size} bytes"));
        }
        let body = Incoming::new(
            Some(moved(found, &input.key)),
            Expected { wanted: upload.sums.map(|(algorithm, _)| algorithm), ..Default::default() },
            &HeaderMap::new(),
            &Extensions::new(),
            None::<TrailingHeaders>,
        );
        let mut part = self.staging.part(&input.upload_id, input.part_number).await?;
        let arrived = part.fill(body).await?;
        let part = self.staging.keep(&input.upload_id, part, arrived)?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag())),
            last_modified: Some(part.modified.into()),
            ..CopyPartResult::default()
        };
        show_sum!(result, &part.sum);
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        }))
    }

    pub(super) async fn complete_multipart_upload_answer(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket).await?;
        let found = match self.staging.find(&input.upload_id, &input.bucket, &input.key) {
            Ok(found) => found,
            // The client missed the response and retries.
            Err(error) => {
                let done = self.staging.completed(&input.upload_id, &input.bucket, &input.key);
                return done.map(|done| S3Response::new(completed(done))).ok_or(error);
            }
        };
        let given = sums!(input);
        let wanted = |part: CompletedPart| Wanted {
            number: part.part_number.unwrap_or(0),
            sums: sums!(part),
            etag: part.e_tag.map(ETag::into_value),
        };
        let wanted: Vec<_> = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(wanted)
            .collect();
        let parts = found.chosen(&wanted)?;
        let size: u64 = parts.iter().map(|(_, part)| part.size).sum();
        if input.mpu_object_size.is_some_and(|given| given != signed(size)) {
            return Err(s3_error!(InvalidRequest, "the parts have {size} bytes together"));
        }
        let (algorithm, composite) = found.sums.unwrap_or((Algorithm::DEFAULT, false));
        let pieces = staging::pieces(&parts, Some(algorithm));
        let composite = match composite {
            true => Sum::of_parts(algorithm, pieces.iter().filter_map(|p| p.sum.as_deref())),
            false => None,
        };
        limits::check_size(&req.extensions, size)?;
        let mut options = PutOptions {
            content_type: found.content_type,
            metadata: found.metadata,
            ..PutOptions::default()
        };
        options.metadata.extend(layout::keep(&pieces));
        let (bucket, key, id) = (input.bucket, input.key, input.upload_id);
        let (if_match, if_none_match) = (input.if_match, input.if_none_match);
        conditions::of_put(&objects, &key, &mut options, if_match, if_none_match).await?;
        let upload = objects.write(&key, options).await.map_err(|e| s3(e, &key))?;
        let mut upload = upload.without_digest();
        let (staging, in_use) = (self.staging.clone(), self.in_use.clone());
        let future = async move {
            let etag = staging::etag(&parts);
            let mut hasher = composite.is_none().then(|| algorithm.hasher());
            let mut ended = Ended::own(0);
            for (_, part) in &parts {
                let hear = |piece: &bytes::Bytes| {
                    if let Some(hasher) = &mut hasher {
                        hasher.update(piece);
                    }
                };
                let poured = part.open()?.pour(&mut upload, hear).await;
                ended = ended.and(poured.map_err(|fault| s3_moved(fault, &key))?);
            }
            let whole = hasher.and_then(|hasher| Sum::finished(algorithm, hasher));
            let sum = composite.or(whole);
            if let Some(sum) = &sum
                && algorithm.of(&given).is_some_and(|given| *given != sum.value)
            {
                let name = algorithm.name();
                return Err(s3_error!(BadDigest, "the parts together have another {name}"));
            }
            let metadata = sum.iter().map(|sum| sum.keep(size)).collect();
            let trailer = Trailer { etag: Some(etag), metadata };
            let info = upload.finish_with(ended, trailer).await.map_err(|e| s3(e, &key))?;
            let etag = info.etag.unwrap_or_default();
            let done = Completed { bucket, key, etag, sum };
            staging.complete(&id, done.clone());
            drop(in_use);
            Ok(completed(done))
        };
        // Completing a large object takes a while: begin the response and keep
        // it alive until the object exists.
        let mut future = Box::pin(future);
        let output = match tokio::time::timeout(PROMPT, &mut future).await {
            Ok(done) => done?,
            Err(_) => CompleteMultipartUploadOutput { future: Some(future), ..Default::default() },
        };
        Ok(S3Response::new(output))
    }

    pub(super) async fn abort_multipart_upload_answer(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        self.staging.remove(&input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn list_parts_answer(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let upload = self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let after = input.part_number_marker.unwrap_or(0);
        let most = usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or(1000).min(1000);
        let mut rest = upload.parts.iter().filter(|(number, _)| **number > after);
        let parts: Vec<Part> = rest
            .by_ref()
            .take(most)
            .map(|(number, part)| {
                let mut shown = Part {
                    e_tag: Some(ETag::Strong(part.etag())),
                    last_modified: Some(part.modified.into()),
                    part_number: Some(*number),
                    size: Some(signed(part.size)),
                    ..Part::default()
                };
                show_sum!(shown, &part.sum);
                shown
            })
            .collect();
        let more = rest.next().is_some();
        let initiator = owner(upload.initiator.as_deref());
        Ok(S3Response::new(ListPartsOutput {
            checksum_algorithm: upload.sums.map(|(algorithm, _)| algorithm.dto()),
            checksum_type: upload.sums.map(|(_, composite)| checksum::kind(composite)),
            initiator: Some(Initiator {
                id: initiator.id.clone(),
                display_name: initiator.display_name.clone(),
            }),
            owner: Some(owner(upload.owner.as_deref())),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(more),
            max_parts: i32::try_from(most).ok(),
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            part_number_marker: input.part_number_marker,
            parts: Some(parts),
            ..ListPartsOutput::default()
        }))
    }
}

fn completed(done: Completed) -> CompleteMultipartUploadOutput {
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", done.bucket, done.key)),
        bucket: Some(done.bucket),
        e_tag: Some(ETag::Strong(done.etag)),
        key: Some(done.key),
        checksum_type: done.sum.as_ref().map(Sum::kind),
        ..CompleteMultipartUploadOutput::default()
    };
    show_sum!(output, &done.sum);
    output
}
