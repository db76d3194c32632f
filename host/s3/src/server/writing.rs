//! PutObject, DeleteObject and DeleteObjects.

use super::access;
use super::acl::Wish;
use super::body::{Incoming, expected};
use super::buckets::Buckets;
use super::checksum::{Algorithm, Sum, show_sum};
use super::conditions::{self, OfDelete};
use super::error::{check_key, s3};
use super::meta::{self, kept};
use super::settings;
use super::tags::HEADER;
use super::users;
use crate::credentials::Right;
use futures::StreamExt;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use storage_store::{PutOptions, Trailer};

/// How many objects to delete concurrently.
const DELETES: usize = 8;

impl Buckets {
    pub(super) async fn put_object_answer(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let user = users::sender(&req)?.clone();
        let S3Request { input, headers, uri, extensions, trailing_headers, .. } = req;
        settings::allowed(&settings::asked!(input))?;
        if input.write_offset_bytes.is_some() {
            return Err(s3_error!(NotImplemented, "objects can't be appended to"));
        }
        let objects = self.bucket(&input.bucket).await?;
        let written = self.written(&input.bucket, &user, &Wish::of(&headers, &uri)).await?;
        let key = &input.key;
        // A form's key is in its body, so it was not checked before.
        check_key(key)?;
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
        let mut body = Incoming::new(input.body, expected, &headers, &extensions, trailing_headers);
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?.without_digest();
        while let Some(chunk) = body.next().await? {
            upload.push(chunk).await.map_err(failed)?;
        }
        // A wrong digest drops the unfinished upload.
        let arrived = body.finish().await?;
        let metadata = arrived.sum.iter().map(|sum| sum.keep(arrived.ended.length())).collect();
        let trailer = Trailer { etag: Some(hex::encode(arrived.md5)), metadata };
        let info = upload.finish_with(arrived.ended, trailer).await.map_err(failed)?;
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
            // No object has another version, so there is nothing to delete.
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
        let user = users::sender(&req)?.clone();
        let input = req.input;
        let objects = &self.bucket_to_delete_from(&input.bucket).await?;
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "at most 1000 objects at a time"));
        }
        let done: Vec<_> = futures::stream::iter(input.delete.objects)
            .map(|object| {
                let allowed = access::check(&user, Right::Delete, &input.bucket, &object.key)
                    .and_then(|()| check_key(&object.key));
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
}
