//! Objects, for writing, deleting and copying.

use super::access;
use super::acl::{ACL, Wish};
use super::body::{Incoming, expected};
use super::buckets::Buckets;
use super::checksum::{Algorithm, Sum, show_sum};
use super::conditions::{self, OfDelete};
use super::error::{s3, s3_read};
use super::layout::{PART_SUMS, PARTS};
use super::limits;
use super::meta::{self, Conditions, kept};
use super::s3::copy_source;
use super::settings;
use super::tagging::{HEADER, TAGGING};
use crate::config::Right;
use crate::objects::CHUNK;
use crate::store::{PutOptions, Trailer};
use futures::StreamExt;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// How many objects are deleted at a time.
const DELETES: usize = 8;

impl Buckets {
    pub(super) async fn put_object_answer(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let user = access::sender(&req)?.clone();
        let S3Request { input, headers, uri, trailing_headers, .. } = req;
        settings::allowed(&settings::asked!(input))?;
        if input.write_offset_bytes.is_some() {
            return Err(s3_error!(NotImplemented, "objects can't be appended to"));
        }
        let objects = self.bucket(&input.bucket).await?;
        let written = self.written(&input.bucket, &user, &Wish::of(&headers, &uri)).await?;
        let key = &input.key;
        let mut kept = kept!(input);
        let header = headers.get(HEADER).and_then(|tags| tags.to_str().ok());
        kept.tagging = kept.tagging.or_else(|| header.map(str::to_owned));
        let mut options = PutOptions {
            content_type: input.content_type,
            metadata: meta::keep(input.metadata, kept)?,
            ..PutOptions::default()
        };
        options.metadata.extend(written.kept);
        conditions::of_put(&objects, key, &mut options, input.if_match, input.if_none_match)
            .await?;
        let announced = input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str);
        let wanted = announced.map(Algorithm::parse).transpose()?.unwrap_or(Algorithm::DEFAULT);
        let expected = expected!(input, &headers, Some(wanted));
        let mut body = Incoming::new(input.body, expected, &headers, trailing_headers);
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?.undigested();
        while let Some(chunk) = body.next().await? {
            upload.push(chunk).await.map_err(failed)?;
        }
        // A digest that doesn't match drops the upload unfinished.
        let arrived = body.finish().await?;
        let metadata = arrived.sum.iter().map(|sum| sum.keep(arrived.length)).collect();
        let trailer = Trailer { etag: Some(hex::encode(arrived.md5)), metadata };
        let info = upload.finish_with(trailer).await.map_err(failed)?;
        let mut output = PutObjectOutput {
            e_tag: meta::etag(&info),
            checksum_type: arrived.sum.as_ref().map(Sum::kind),
            ..PutObjectOutput::default()
        };
        show_sum!(output, &arrived.sum);
        Ok(S3Response::new(output))
    }

    pub(super) async fn delete_object_answer(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let objects = self.bucket_to_delete_from(&input.bucket).await?;
        if meta::only_version(input.version_id.as_deref()).is_err() {
            // Nothing has another version, so there is nothing to delete.
            return Ok(S3Response::new(DeleteObjectOutput::default()));
        }
        let conditions = OfDelete {
            etag: input.if_match.map(ETagCondition::into_etag),
            size: input.if_match_size,
            modified: input.if_match_last_modified_time,
        };
        conditions.delete(&objects, &input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    pub(super) async fn delete_objects_answer(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let user = access::sender(&req)?.clone();
        let input = req.input;
        let objects = &self.bucket_to_delete_from(&input.bucket).await?;
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "at most 1000 objects at a time"));
        }
        let done: Vec<_> = futures::stream::iter(input.delete.objects)
            .map(|object| {
                let allowed = access::check(&user, Right::Delete, &input.bucket, &object.key);
                async move {
                    let conditions = OfDelete {
                        etag: object.e_tag.map(Some),
                        size: object.size,
                        modified: object.last_modified_time,
                    };
                    let done = match allowed {
                        Err(refused) => Err(refused),
                        Ok(()) if meta::only_version(object.version_id.as_deref()).is_err() => {
                            Ok(())
                        }
                        Ok(()) => conditions.delete(objects, &object.key).await,
                    };
                    (object.key, done)
                }
            })
            .buffered(DELETES)
            .collect()
            .await;
        let mut output = DeleteObjectsOutput::default();
        for (key, done) in done {
            match done {
                Ok(()) if input.delete.quiet == Some(true) => {}
                Ok(()) => {
                    let deleted = DeletedObject { key: Some(key), ..DeletedObject::default() };
                    output.deleted.get_or_insert_default().push(deleted);
                }
                Err(error) => output.errors.get_or_insert_default().push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key: Some(key),
                    ..Error::default()
                }),
            }
        }
        Ok(S3Response::new(output))
    }

    pub(super) async fn copy_object_answer(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let user = access::sender(&req)?.clone();
        let input = req.input;
        let source = copy_source(&req.headers, input.copy_source);
        let objects = self.bucket(&input.bucket).await?;
        let wish = Wish::of(&req.headers, &req.uri);
        let written = self.written(&input.bucket, &user, &wish).await?;
        let key = &input.key;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let retag = input
            .tagging_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
        settings::allowed(&settings::asked!(input))?;
        if let CopySource::Bucket { bucket, key: from, .. } = &source
            && **bucket == *input.bucket
            && **from == **key
            && !replace
            && !retag
        {
            return Err(s3_error!(
                InvalidRequest,
                "an object can be copied onto itself only with new metadata (REPLACE)"
            ));
        }
        let (mut reader, info) = self.source(&source, None, conditions, &req.extensions).await?;
        limits::check_size(&req.extensions, info.size.unwrap_or(0))?;
        let source_tags = meta::show(&info).1.tagging;
        let source_sum = meta::show(&info).1.sum.map(|sum| sum.algorithm);
        let tags = super::tagging::checked(input.tagging.clone())?;
        let tags = if retag { tags } else { source_tags };
        let (content_type, mut metadata) = match replace {
            true => {
                let kept = kept!(input);
                (input.content_type, meta::keep(input.metadata, kept)?)
            }
            false => (info.content_type, meta::carried(&info.metadata).collect()),
        };
        // A copy is one piece, whatever its source was put together from, and
        // has no rights from there.
        metadata.retain(|(name, _)| ![TAGGING, PARTS, PART_SUMS, ACL].contains(&name.as_str()));
        metadata.extend(written.kept);
        metadata.extend(tags.map(|tags| (TAGGING.to_owned(), tags)));
        let options = PutOptions { content_type, metadata, ..PutOptions::default() };
        let announced = input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str);
        let announced = announced.map(Algorithm::parse).transpose()?;
        let algorithm = announced.or(source_sum).unwrap_or(Algorithm::DEFAULT);
        let mut hasher = algorithm.hasher();
        let mut length = 0;
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        loop {
            let chunk = reader.next(CHUNK).await.map_err(|e| s3_read(e, key))?;
            if chunk.is_empty() {
                break;
            }
            hasher.update(&chunk);
            length += chunk.len() as u64;
            upload.push(chunk).await.map_err(failed)?;
        }
        let sum = Sum::finished(algorithm, hasher);
        let metadata = sum.iter().map(|sum| sum.keep(length)).collect();
        let trailer = Trailer { etag: None, metadata };
        let info = upload.finish_with(trailer).await.map_err(failed)?;
        let mut result = CopyObjectResult {
            e_tag: meta::etag(&info),
            last_modified: meta::modified(&info),
            checksum_type: sum.as_ref().map(Sum::kind),
            ..CopyObjectResult::default()
        };
        show_sum!(result, &sum);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        }))
    }
}
