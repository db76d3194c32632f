//! The S3 operations over a set of buckets. Those with a body of their own are
//! in `listing`, `reading`, `writing` and `multipart`.

use super::access;
use super::error::s3_read;
use super::meta::Conditions;
use super::staging::Staging;
use crate::objects::Objects;
use crate::store::{ByteRange, ObjectInfo, ReadOptions, Reader};
use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The buckets being served.
pub struct Buckets {
    pub stores: BTreeMap<String, Objects>,
    pub staging: Arc<Staging>,
    /// Held by this set and by every stream that outlives its request: the
    /// stores may be closed when nobody holds it any more.
    pub in_use: Arc<()>,
}

impl Buckets {
    pub(super) fn bucket(&self, name: &str) -> S3Result<&Objects> {
        self.stores.get(name).ok_or_else(|| S3Error::new(S3ErrorCode::NoSuchBucket))
    }

    /// The object that a copy is made of, for reading.
    pub(super) async fn source(
        &self,
        source: &CopySource,
        range: Option<ByteRange>,
        conditions: Conditions,
    ) -> S3Result<(Box<dyn Reader>, ObjectInfo)> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented, "only objects of buckets here can be copied"));
        };
        let objects = self.bucket(bucket)?;
        let options = ReadOptions { range, ..ReadOptions::default() };
        let reader = objects.read(key, options).await.map_err(|e| s3_read(e, key))?;
        let info = reader.info().clone();
        conditions.check(&info, S3ErrorCode::PreconditionFailed)?;
        Ok((reader, info))
    }
}

pub(super) fn range(range: Range) -> ByteRange {
    match range {
        Range::Suffix { length } => ByteRange::last(length),
        Range::Int { first, last: None } => ByteRange::from(first),
        Range::Int { first, last: Some(last) } => {
            ByteRange::span(first, last.saturating_sub(first).saturating_add(1))
        }
    }
}

pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[async_trait]
impl S3 for Buckets {
    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let user = access::sender(&req)?.clone();
        let prefix = req.input.prefix.unwrap_or_default();
        let bucket = |name: &String| Bucket {
            name: Some(name.clone()),
            creation_date: Some(UNIX_EPOCH.into()),
            ..Bucket::default()
        };
        let shown = |name: &&String| name.starts_with(&prefix) && user.sees(name);
        let buckets = self.stores.keys().filter(shown).map(bucket);
        let owner = Owner { id: Some(user.id.clone()), display_name: user.name.clone() };
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            owner: Some(owner),
            ..ListBucketsOutput::default()
        }))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        self.list_objects_answer(req).await
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.list_objects_v2_answer(req).await
    }

    async fn list_object_versions(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        self.list_object_versions_answer(req).await
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.head_object_answer(req).await
    }

    async fn get_object_attributes(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        self.get_object_attributes_answer(req).await
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.get_object_answer(req).await
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        self.put_object_answer(req).await
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.delete_object_answer(req).await
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        self.delete_objects_answer(req).await
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        self.copy_object_answer(req).await
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.create_multipart_upload_answer(req).await
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.upload_part_answer(req).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        self.upload_part_copy_answer(req).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        self.complete_multipart_upload_answer(req).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.abort_multipart_upload_answer(req).await
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        self.list_parts_answer(req).await
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        self.list_multipart_uploads_answer(req).await
    }
}
