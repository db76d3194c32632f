//! Multipart uploads.

use super::body::{Expected, Incoming, expected, staging_failed};
use super::error::s3;
use super::meta::{self, Conditions, kept};
use super::s3::{Buckets, range, signed};
use super::staging::{self, Upload};
use super::writing::put_conditions;
use crate::objects::CHUNK;
use crate::store::PutOptions;
use futures::TryStreamExt;
use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, TrailingHeaders, s3_error};
use std::collections::BTreeMap;
use std::time::SystemTime;
use tokio::io::AsyncReadExt;

impl Buckets {
    pub(super) async fn create_multipart_upload_answer(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        crate::store::check_key(&input.key).map_err(|e| s3(e, &input.key))?;
        if !objects.capabilities().write {
            return Err(s3_error!(NotImplemented, "this store takes no writes"));
        }
        let kept = kept!(input);
        let id = self.staging.start(Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            content_type: input.content_type,
            metadata: meta::keep(input.metadata, kept)?,
            started: SystemTime::now(),
            parts: BTreeMap::new(),
        })?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn upload_part_answer(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let expected = expected!(input, &headers);
        let body = Incoming::new(input.body, expected, &headers, trailing_headers);
        let mut part = self.staging.part(&input.upload_id, input.part_number).await?;
        let (md5, size) = part.fill(body).await?;
        let part = self.staging.keep(&input.upload_id, part, md5, size)?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(part.etag())),
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..UploadPartOutput::default()
        }))
    }

    pub(super) async fn upload_part_copy_answer(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let wanted = match input.copy_source_range.as_deref().map(Range::parse) {
            None => None,
            Some(Ok(parsed)) => Some(range(parsed)),
            Some(Err(_)) => {
                return Err(s3_error!(InvalidArgument, "the copy source range is no range"));
            }
        };
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let (reader, _) = self.source(&input.copy_source, wanted, conditions).await?;
        let stream = futures::stream::try_unfold(reader, |mut reader| async move {
            let chunk = reader.next(CHUNK).await?;
            Ok::<_, crate::Error>((!chunk.is_empty()).then_some((chunk, reader)))
        });
        let body = StreamingBlob::wrap(sync_wrapper::SyncStream::new(stream.into_stream()));
        let body = Incoming::new(
            Some(body),
            Expected::default(),
            &HeaderMap::new(),
            None::<TrailingHeaders>,
        );
        let mut part = self.staging.part(&input.upload_id, input.part_number).await?;
        let (md5, size) = part.fill(body).await?;
        let part = self.staging.keep(&input.upload_id, part, md5, size)?;
        let result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag())),
            last_modified: Some(part.modified.into()),
            ..CopyPartResult::default()
        };
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
        let objects = self.bucket(&input.bucket)?;
        let found = self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let wanted: Vec<_> = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(|part| (part.part_number.unwrap_or(0), part.e_tag.map(ETag::into_value)))
            .collect();
        let parts = found.chosen(&wanted)?;
        let mut options = PutOptions {
            content_type: found.content_type,
            metadata: found.metadata,
            ..PutOptions::default()
        };
        put_conditions(objects, &mut options, input.if_match, input.if_none_match)?;
        let (bucket, key, id) = (input.bucket, input.key, input.upload_id);
        let mut upload = objects.write(&key, options).await.map_err(|e| s3(e, &key))?;
        let (staging, in_use) = (self.staging.clone(), self.in_use.clone());
        // Large objects take a while: the answer begins at once and is kept
        // alive until the object stands.
        let future = async move {
            let etag = staging::etag(&parts);
            let mut buffer = vec![0; CHUNK];
            for part in &parts {
                let mut file =
                    tokio::fs::File::open(&part.path).await.map_err(|e| staging_failed(&e))?;
                loop {
                    let count = file.read(&mut buffer).await.map_err(|e| staging_failed(&e))?;
                    let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
                        break;
                    };
                    let piece = bytes::Bytes::copy_from_slice(piece);
                    upload.push(piece).await.map_err(|e| s3(e, &key))?;
                }
            }
            let info = upload.finish_as(etag).await.map_err(|e| s3(e, &key))?;
            staging.remove(&id);
            drop(in_use);
            Ok(CompleteMultipartUploadOutput {
                bucket: Some(bucket),
                e_tag: meta::etag(&info),
                key: Some(key),
                ..CompleteMultipartUploadOutput::default()
            })
        };
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            future: Some(Box::pin(future)),
            ..CompleteMultipartUploadOutput::default()
        }))
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
            .map(|(number, part)| Part {
                e_tag: Some(ETag::Strong(part.etag())),
                last_modified: Some(part.modified.into()),
                part_number: Some(*number),
                size: Some(signed(part.size)),
                ..Part::default()
            })
            .collect();
        let more = rest.next().is_some();
        Ok(S3Response::new(ListPartsOutput {
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

    pub(super) async fn list_multipart_uploads_answer(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = (input.key_marker.clone(), input.upload_id_marker.clone());
        let most = usize::try_from(input.max_uploads.unwrap_or(1000)).unwrap_or(1000).min(1000);
        let mut rest = self.staging.list(&input.bucket).into_iter().filter(|(id, upload)| {
            let past = match &after {
                (None, _) => true,
                (Some(key), None) => upload.key > *key,
                (Some(key), Some(marker)) => (&upload.key, id) > (key, marker),
            };
            past && upload.key.starts_with(&prefix)
        });
        let uploads: Vec<MultipartUpload> = rest
            .by_ref()
            .take(most)
            .map(|(id, upload)| MultipartUpload {
                initiated: Some(upload.started.into()),
                key: Some(upload.key),
                upload_id: Some(id),
                ..MultipartUpload::default()
            })
            .collect();
        let more = rest.next().is_some();
        let last = uploads.last().filter(|_| more).cloned().unwrap_or_default();
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: Some(uploads),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            is_truncated: Some(more),
            next_key_marker: last.key,
            next_upload_id_marker: last.upload_id,
            max_uploads: i32::try_from(most).ok(),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}
