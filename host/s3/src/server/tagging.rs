//! The operations on the tags of objects and of buckets.

use super::buckets::Buckets;
use super::error::s3_read;
use super::judging::Judged;
use super::meta;
use super::tags::{MAX_BUCKET_TAGS, MAX_OBJECT_TAGS, TAGGING, from_xml, parse, to_xml, write};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

impl Buckets {
    pub(super) async fn get_object_tagging_answer(
        &self,
        req: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let S3Request { input, extensions, .. } = req;
        meta::only_version(input.version_id.as_deref())?;
        let objects = self.bucket(&input.bucket).await?;
        let info = objects.stat(&input.key).await.map_err(|e| s3_read(e, &input.key))?;
        Judged::check(&extensions, &info)?;
        let kept = meta::show(&info).1.tagging.unwrap_or_default();
        let tag_set = to_xml(parse(&kept)?);
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: None }))
    }

    pub(super) async fn put_object_tagging_answer(
        &self,
        req: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let input = req.input;
        meta::only_version(input.version_id.as_deref())?;
        let tags = from_xml(input.tagging, MAX_OBJECT_TAGS)?;
        self.set_kept(&input.bucket, &input.key, TAGGING, write(&tags)).await?;
        Ok(S3Response::new(PutObjectTaggingOutput::default()))
    }

    pub(super) async fn delete_object_tagging_answer(
        &self,
        req: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let input = req.input;
        meta::only_version(input.version_id.as_deref())?;
        self.set_kept(&input.bucket, &input.key, TAGGING, None).await?;
        Ok(S3Response::new(DeleteObjectTaggingOutput::default()))
    }

    pub(super) async fn get_bucket_tagging_answer(
        &self,
        req: S3Request<GetBucketTaggingInput>,
    ) -> S3Result<S3Response<GetBucketTaggingOutput>> {
        let tags = self.state(&req.input.bucket).await?.tags;
        if tags.is_empty() {
            return Err(s3_error!(NoSuchTagSet));
        }
        Ok(S3Response::new(GetBucketTaggingOutput { tag_set: to_xml(tags) }))
    }

    pub(super) async fn put_bucket_tagging_answer(
        &self,
        req: S3Request<PutBucketTaggingInput>,
    ) -> S3Result<S3Response<PutBucketTaggingOutput>> {
        let input = req.input;
        let tags = from_xml(input.tagging, MAX_BUCKET_TAGS)?;
        self.change(&input.bucket, |state| state.tags.clone_from(&tags)).await?;
        Ok(S3Response::with_status(PutBucketTaggingOutput {}, http::StatusCode::NO_CONTENT))
    }

    pub(super) async fn delete_bucket_tagging_answer(
        &self,
        req: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
        self.change(&req.input.bucket, |state| state.tags.clear()).await?;
        Ok(S3Response::new(DeleteBucketTaggingOutput {}))
    }
}
