//! Bucket settings of S3 that buckets here don't have.
//!
//! Reads report that a setting is absent; writes are refused rather than
//! accepted and forgotten.

use super::buckets::Buckets;
use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

/// The options of a write that this server may have to refuse.
pub struct Asked<'a> {
    pub encryption: bool,
    pub storage_class: Option<&'a str>,
    pub lock: bool,
    pub redirect: bool,
}

/// The [`Asked`] of an input. The input types share no trait.
macro_rules! asked {
    ($input:ident) => {
        $crate::server::settings::Asked {
            encryption: $input.sse_customer_algorithm.is_some()
                || $input.sse_customer_key.is_some()
                || $input.sse_customer_key_md5.is_some()
                || $input.server_side_encryption.is_some()
                || $input.ssekms_key_id.is_some(),
            storage_class: $input.storage_class.as_ref().map(|class| class.as_str()),
            lock: $input.object_lock_mode.is_some()
                || $input.object_lock_retain_until_date.is_some()
                || $input.object_lock_legal_hold_status.is_some(),
            redirect: $input.website_redirect_location.is_some(),
        }
    };
}

pub(super) use asked;

/// Refuses a write with an option that is not supported.
pub fn allowed(asked: &Asked<'_>) -> S3Result<()> {
    if asked.encryption {
        return Err(s3_error!(NotImplemented, "objects are not encrypted here"));
    }
    if asked.storage_class.is_some_and(|class| class != StorageClass::STANDARD) {
        return Err(s3_error!(InvalidStorageClass, "the one storage class here is STANDARD"));
    }
    if asked.lock {
        return Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    }
    if asked.redirect {
        return Err(s3_error!(NotImplemented, "objects can't redirect"));
    }
    Ok(())
}

/// The setting is absent; S3 has an error code for each.
fn none<T>(code: S3ErrorCode) -> S3Result<S3Response<T>> {
    Err(S3Error::new(code))
}

fn empty<T: Default>() -> S3Result<S3Response<T>> {
    Ok(S3Response::new(T::default()))
}

/// Success of deleting an absent setting.
fn done<T: Default>() -> S3Result<S3Response<T>> {
    Ok(S3Response::with_status(T::default(), StatusCode::NO_CONTENT))
}

/// Defines operations with the same result for every existing bucket.
macro_rules! answers {
    ($($answer:ident $input:ident $output:ident => $result:expr;)*) => {
        impl Buckets {
            $(pub(super) async fn $answer(
                &self,
                req: S3Request<$input>,
            ) -> S3Result<S3Response<$output>> {
                self.state(&req.input.bucket).await?;
                $result
            })*
        }
    };
}

answers! {
    get_bucket_versioning_answer GetBucketVersioningInput GetBucketVersioningOutput => empty();
    get_bucket_policy_answer GetBucketPolicyInput GetBucketPolicyOutput
        => none(S3ErrorCode::NoSuchBucketPolicy);
    delete_bucket_policy_answer DeleteBucketPolicyInput DeleteBucketPolicyOutput => done();
    get_bucket_encryption_answer GetBucketEncryptionInput GetBucketEncryptionOutput
        => none(S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError);
    delete_bucket_encryption_answer DeleteBucketEncryptionInput DeleteBucketEncryptionOutput
        => done();
    get_bucket_lifecycle_configuration_answer GetBucketLifecycleConfigurationInput
        GetBucketLifecycleConfigurationOutput => none(S3ErrorCode::NoSuchLifecycleConfiguration);
    delete_bucket_lifecycle_answer DeleteBucketLifecycleInput DeleteBucketLifecycleOutput
        => done();
    get_bucket_website_answer GetBucketWebsiteInput GetBucketWebsiteOutput
        => none(S3ErrorCode::NoSuchWebsiteConfiguration);
    delete_bucket_website_answer DeleteBucketWebsiteInput DeleteBucketWebsiteOutput => done();
    get_bucket_replication_answer GetBucketReplicationInput GetBucketReplicationOutput
        => none(S3ErrorCode::ReplicationConfigurationNotFoundError);
    delete_bucket_replication_answer DeleteBucketReplicationInput DeleteBucketReplicationOutput
        => done();
    get_object_lock_configuration_answer GetObjectLockConfigurationInput
        GetObjectLockConfigurationOutput
        => none(S3ErrorCode::ObjectLockConfigurationNotFoundError);
    put_object_lock_configuration_answer PutObjectLockConfigurationInput
        PutObjectLockConfigurationOutput
        => Err(s3_error!(InvalidBucketState, "objects can't be locked in a bucket without versions"));
    get_object_retention_answer GetObjectRetentionInput GetObjectRetentionOutput
        => Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    get_object_legal_hold_answer GetObjectLegalHoldInput GetObjectLegalHoldOutput
        => Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    put_object_retention_answer PutObjectRetentionInput PutObjectRetentionOutput
        => Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    put_object_legal_hold_answer PutObjectLegalHoldInput PutObjectLegalHoldOutput
        => Err(s3_error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    get_bucket_logging_answer GetBucketLoggingInput GetBucketLoggingOutput => empty();
    get_bucket_notification_configuration_answer GetBucketNotificationConfigurationInput
        GetBucketNotificationConfigurationOutput => empty();
    get_bucket_accelerate_configuration_answer GetBucketAccelerateConfigurationInput
        GetBucketAccelerateConfigurationOutput => empty();
    get_bucket_request_payment_answer GetBucketRequestPaymentInput GetBucketRequestPaymentOutput
        => Ok(S3Response::new(GetBucketRequestPaymentOutput {
            payer: Some(Payer::from_static(Payer::BUCKET_OWNER)),
        }));
}
