//! The S3 service: dispatches operations to the modules that implement them.

use super::buckets::Buckets;
use super::error::s3_read;
use super::judging::Judged;
use super::meta::Conditions;
use async_trait::async_trait;
use http::Extensions;
use s3s::dto::*;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use storage_store::source::Source;
use storage_store::{ByteRange, ObjectInfo, ReadOptions};

impl Buckets {
    /// Opens the source object of a copy.
    pub(super) async fn source(
        &self,
        source: &CopySource,
        range: Option<ByteRange>,
        conditions: &Conditions,
        extensions: &Extensions,
    ) -> S3Result<(Source, ObjectInfo)> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented, "only objects of buckets here can be copied"));
        };
        let objects = self.bucket(bucket).await?;
        let options = ReadOptions { range, ..ReadOptions::default() };
        let found = objects.read(key, options).await.map_err(|e| s3_read(e, key))?;
        let info = found.info().clone();
        Judged::check(extensions, &info)?;
        conditions.check(&info, S3ErrorCode::PreconditionFailed)?;
        Ok((found, info))
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

/// Maps operations to functions; all others are `NotImplemented`.
macro_rules! operations {
    ($($operation:ident $input:ident $output:ident => $answer:ident;)*) => {
        #[async_trait]
        impl S3 for Buckets {
            $(async fn $operation(
                &self,
                req: S3Request<$input>,
            ) -> S3Result<S3Response<$output>> {
                self.$answer(req).await
            })*
        }
    };
}

operations! {
    list_buckets ListBucketsInput ListBucketsOutput => list_buckets_answer;
    create_bucket CreateBucketInput CreateBucketOutput => create_bucket_answer;
    delete_bucket DeleteBucketInput DeleteBucketOutput => delete_bucket_answer;
    head_bucket HeadBucketInput HeadBucketOutput => head_bucket_answer;
    get_bucket_location GetBucketLocationInput
        GetBucketLocationOutput => get_bucket_location_answer;
    list_objects ListObjectsInput ListObjectsOutput => list_objects_answer;
    list_objects_v2 ListObjectsV2Input ListObjectsV2Output => list_objects_v2_answer;
    list_object_versions ListObjectVersionsInput
        ListObjectVersionsOutput => list_object_versions_answer;
    head_object HeadObjectInput HeadObjectOutput => head_object_answer;
    get_object GetObjectInput GetObjectOutput => get_object_answer;
    get_object_attributes GetObjectAttributesInput
        GetObjectAttributesOutput => get_object_attributes_answer;
    put_object PutObjectInput PutObjectOutput => put_object_answer;
    delete_object DeleteObjectInput DeleteObjectOutput => delete_object_answer;
    delete_objects DeleteObjectsInput DeleteObjectsOutput => delete_objects_answer;
    copy_object CopyObjectInput CopyObjectOutput => copy_object_answer;
    create_multipart_upload CreateMultipartUploadInput
        CreateMultipartUploadOutput => create_multipart_upload_answer;
    upload_part UploadPartInput UploadPartOutput => upload_part_answer;
    upload_part_copy UploadPartCopyInput UploadPartCopyOutput => upload_part_copy_answer;
    complete_multipart_upload CompleteMultipartUploadInput
        CompleteMultipartUploadOutput => complete_multipart_upload_answer;
    abort_multipart_upload AbortMultipartUploadInput
        AbortMultipartUploadOutput => abort_multipart_upload_answer;
    list_parts ListPartsInput ListPartsOutput => list_parts_answer;
    list_multipart_uploads ListMultipartUploadsInput
        ListMultipartUploadsOutput => list_multipart_uploads_answer;
    get_object_tagging GetObjectTaggingInput GetObjectTaggingOutput => get_object_tagging_answer;
    put_object_tagging PutObjectTaggingInput PutObjectTaggingOutput => put_object_tagging_answer;
    delete_object_tagging DeleteObjectTaggingInput
        DeleteObjectTaggingOutput => delete_object_tagging_answer;
    get_bucket_tagging GetBucketTaggingInput GetBucketTaggingOutput => get_bucket_tagging_answer;
    put_bucket_tagging PutBucketTaggingInput PutBucketTaggingOutput => put_bucket_tagging_answer;
    delete_bucket_tagging DeleteBucketTaggingInput
        DeleteBucketTaggingOutput => delete_bucket_tagging_answer;
    get_bucket_cors GetBucketCorsInput GetBucketCorsOutput => get_bucket_cors_answer;
    put_bucket_cors PutBucketCorsInput PutBucketCorsOutput => put_bucket_cors_answer;
    delete_bucket_cors DeleteBucketCorsInput DeleteBucketCorsOutput => delete_bucket_cors_answer;
    get_bucket_acl GetBucketAclInput GetBucketAclOutput => get_bucket_acl_answer;
    put_bucket_acl PutBucketAclInput PutBucketAclOutput => put_bucket_acl_answer;
    get_object_acl GetObjectAclInput GetObjectAclOutput => get_object_acl_answer;
    put_object_acl PutObjectAclInput PutObjectAclOutput => put_object_acl_answer;
    get_bucket_versioning GetBucketVersioningInput
        GetBucketVersioningOutput => get_bucket_versioning_answer;
    get_bucket_policy GetBucketPolicyInput GetBucketPolicyOutput => get_bucket_policy_answer;
    get_bucket_policy_status GetBucketPolicyStatusInput
        GetBucketPolicyStatusOutput => get_bucket_policy_status_answer;
    delete_bucket_policy DeleteBucketPolicyInput
        DeleteBucketPolicyOutput => delete_bucket_policy_answer;
    get_bucket_encryption GetBucketEncryptionInput
        GetBucketEncryptionOutput => get_bucket_encryption_answer;
    delete_bucket_encryption DeleteBucketEncryptionInput
        DeleteBucketEncryptionOutput => delete_bucket_encryption_answer;
    get_public_access_block GetPublicAccessBlockInput
        GetPublicAccessBlockOutput => get_public_access_block_answer;
    delete_public_access_block DeletePublicAccessBlockInput
        DeletePublicAccessBlockOutput => delete_public_access_block_answer;
    get_bucket_lifecycle_configuration GetBucketLifecycleConfigurationInput
        GetBucketLifecycleConfigurationOutput => get_bucket_lifecycle_configuration_answer;
    delete_bucket_lifecycle DeleteBucketLifecycleInput
        DeleteBucketLifecycleOutput => delete_bucket_lifecycle_answer;
    get_bucket_website GetBucketWebsiteInput GetBucketWebsiteOutput => get_bucket_website_answer;
    delete_bucket_website DeleteBucketWebsiteInput
        DeleteBucketWebsiteOutput => delete_bucket_website_answer;
    get_bucket_replication GetBucketReplicationInput
        GetBucketReplicationOutput => get_bucket_replication_answer;
    delete_bucket_replication DeleteBucketReplicationInput
        DeleteBucketReplicationOutput => delete_bucket_replication_answer;
    put_public_access_block PutPublicAccessBlockInput
        PutPublicAccessBlockOutput => put_public_access_block_answer;
    put_bucket_ownership_controls PutBucketOwnershipControlsInput
        PutBucketOwnershipControlsOutput => put_bucket_ownership_controls_answer;
    delete_bucket_ownership_controls DeleteBucketOwnershipControlsInput
        DeleteBucketOwnershipControlsOutput => delete_bucket_ownership_controls_answer;
    get_bucket_ownership_controls GetBucketOwnershipControlsInput
        GetBucketOwnershipControlsOutput => get_bucket_ownership_controls_answer;
    get_object_lock_configuration GetObjectLockConfigurationInput
        GetObjectLockConfigurationOutput => get_object_lock_configuration_answer;
    put_object_lock_configuration PutObjectLockConfigurationInput
        PutObjectLockConfigurationOutput => put_object_lock_configuration_answer;
    get_object_retention GetObjectRetentionInput
        GetObjectRetentionOutput => get_object_retention_answer;
    get_object_legal_hold GetObjectLegalHoldInput
        GetObjectLegalHoldOutput => get_object_legal_hold_answer;
    put_object_retention PutObjectRetentionInput
        PutObjectRetentionOutput => put_object_retention_answer;
    put_object_legal_hold PutObjectLegalHoldInput
        PutObjectLegalHoldOutput => put_object_legal_hold_answer;
    get_bucket_logging GetBucketLoggingInput GetBucketLoggingOutput => get_bucket_logging_answer;
    get_bucket_notification_configuration GetBucketNotificationConfigurationInput
        GetBucketNotificationConfigurationOutput => get_bucket_notification_configuration_answer;
    get_bucket_accelerate_configuration GetBucketAccelerateConfigurationInput
        GetBucketAccelerateConfigurationOutput => get_bucket_accelerate_configuration_answer;
    get_bucket_request_payment GetBucketRequestPaymentInput
        GetBucketRequestPaymentOutput => get_bucket_request_payment_answer;
}
