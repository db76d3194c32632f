//! Objects, for writing, deleting and copying.

use super::access;
use super::body::{Incoming, expected};
use super::error::{s3, s3_read};
use super::meta::{self, Conditions, kept};
use super::s3::Buckets;
use crate::config::Right;
use crate::objects::{CHUNK, Objects};
use crate::store::{DeleteOptions, PutOptions};
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
        let S3Request { input, headers, trailing_headers, .. } = req;
        let objects = self.bucket(&input.bucket)?;
        let key = &input.key;
        let kept = kept!(input);
        let mut options = PutOptions {
            content_type: input.content_type,
            metadata: meta::keep(input.metadata, kept)?,
            ..PutOptions::default()
        };
        put_conditions(objects, &mut options, input.if_match, input.if_none_match)?;
        let expected = expected!(input, &headers);
        let mut body = Incoming::new(input.body, expected, &headers, trailing_headers);
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        while let Some(chunk) = body.next().await? {
            upload.push(chunk).await.map_err(failed)?;
        }
        // A digest that doesn't match drops the upload unfinished.
        let (md5, _) = body.finish()?;
        let info = upload.finish_as(hex::encode(md5)).await.map_err(failed)?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: meta::etag(&info),
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..PutObjectOutput::default()
        }))
    }

    pub(super) async fn delete_object_answer(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        let if_match = match input.if_match {
            Some(condition) if condition.is_any() => {
                return Err(s3_error!(NotImplemented, "If-Match of a delete can't be *"));
            }
            Some(condition) => condition.into_etag().map(ETag::into_value),
            None => None,
        };
        delete(objects, &input.key, if_match).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    pub(super) async fn delete_objects_answer(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let user = access::sender(&req)?.clone();
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "at most 1000 objects at a time"));
        }
        let done: Vec<_> = futures::stream::iter(input.delete.objects)
            .map(|object| {
                let allowed = access::check(&user, Right::Delete, &input.bucket, &object.key);
                async move {
                    let if_match = object.e_tag.map(ETag::into_value);
                    let done = match allowed {
                        Ok(()) => delete(objects, &object.key, if_match).await,
                        refused => refused,
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
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
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
        if let CopySource::Bucket { bucket, key: from, .. } = &input.copy_source
            && **bucket == *input.bucket
            && **from == **key
            && !replace
        {
            return Err(s3_error!(
                InvalidRequest,
                "an object can be copied onto itself only with new metadata (REPLACE)"
            ));
        }
        let (mut reader, info) = self.source(&input.copy_source, None, conditions).await?;
        let options = match replace {
            true => {
                let kept = kept!(input);
                let metadata = meta::keep(input.metadata, kept)?;
                PutOptions { content_type: input.content_type, metadata, ..PutOptions::default() }
            }
            false => {
                let mut metadata = info.metadata;
                metadata.retain(|(name, _)| !name.starts_with(storage_core::RESERVED_METADATA));
                PutOptions { content_type: info.content_type, metadata, ..PutOptions::default() }
            }
        };
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        loop {
            let chunk = reader.next(CHUNK).await.map_err(|e| s3_read(e, key))?;
            if chunk.is_empty() {
                break;
            }
            upload.push(chunk).await.map_err(failed)?;
        }
        let info = upload.finish().await.map_err(failed)?;
        let result = CopyObjectResult {
            e_tag: meta::etag(&info),
            last_modified: meta::modified(&info),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        }))
    }
}

/// The conditions of a write, as a store checks them.
pub(super) fn put_conditions(
    objects: &Objects,
    options: &mut PutOptions,
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
) -> S3Result<()> {
    if (if_match.is_some() || if_none_match.is_some()) && !objects.capabilities().conditional {
        return Err(s3_error!(NotImplemented, "this store does not check conditions of writes"));
    }
    if let Some(condition) = if_none_match {
        if !condition.is_any() {
            return Err(s3_error!(NotImplemented, "If-None-Match of a write can only be *"));
        }
        options.if_absent = true;
    }
    match if_match {
        Some(condition) if condition.is_any() => {
            Err(s3_error!(NotImplemented, "If-Match of a write can't be *"))
        }
        Some(condition) => {
            options.if_match = condition.into_etag().map(ETag::into_value);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Deleting what is not there is no error in S3.
async fn delete(objects: &Objects, key: &str, if_match: Option<String>) -> S3Result<()> {
    let conditional = if_match.is_some();
    match objects.delete(key, DeleteOptions { if_match }).await {
        Err(crate::Error::NotFound) if !conditional => Ok(()),
        done => done.map_err(|error| s3(error, key)),
    }
}
