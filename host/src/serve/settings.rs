//! Settings that S3 has and buckets here don't: tools that look for them hear
//! that there are none, and what can't be done is refused rather than taken
//! and forgotten.

use super::buckets::{Buckets, owner};
use super::error::s3_read;
use super::meta;
use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

/// What a write may ask for beside the object.
pub struct Asked<'a> {
    pub acl: Option<&'a str>,
    pub grants: bool,
    pub encryption: bool,
    pub storage_class: Option<&'a str>,
    pub lock: bool,
    pub redirect: bool,
}

/// What a request asks for. The inputs have no type in common.
macro_rules! asked {
    ($input:ident) => {
        $crate::serve::settings::Asked {
            acl: $input.acl.as_ref().map(|acl| acl.as_str()),
            grants: $input.grant_full_control.is_some()
                || $input.grant_read.is_some()
                || $input.grant_read_acp.is_some()
                || $input.grant_write_acp.is_some(),
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

/// Refuses a write that asks for what is not done here.
pub fn allowed(asked: &Asked<'_>) -> S3Result<()> {
    canned(asked.acl)?;
    if asked.grants {
        return Err(no_grants());
    }
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

/// The other canned ACLs of S3.
const CANNED: [&str; 5] = [
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "log-delivery-write",
];

/// A canned ACL is fine where it gives no right to anybody who has none.
fn canned(acl: Option<&str>) -> S3Result<()> {
    match acl {
        None
        | Some(
            ObjectCannedACL::PRIVATE
            | ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL
            | ObjectCannedACL::BUCKET_OWNER_READ,
        ) => Ok(()),
        Some(acl) if !CANNED.contains(&acl) => {
            Err(s3_error!(InvalidArgument, "{acl:?} is no canned ACL"))
        }
        Some(acl) => Err(s3_error!(
            NotImplemented,
            "there are no rights by ACL here, so not {acl:?} either; private is what objects are"
        )),
    }
}

fn no_grants() -> S3Error {
    s3_error!(NotImplemented, "there are no rights by ACL here")
}

/// An ACL of a request is fine where it says what is so anyway.
fn policy(policy: Option<&AccessControlPolicy>) -> S3Result<()> {
    let Some(grants) = policy.and_then(|policy| policy.grants.as_ref()) else { return Ok(()) };
    let owner = policy.and_then(|policy| policy.owner.as_ref()).and_then(|owner| owner.id.as_ref());
    let is_plain = |grant: &Grant| {
        let to_owner = grant.grantee.as_ref().is_some_and(|grantee| grantee.id.as_ref() == owner);
        let all = grant.permission.as_ref().map(Permission::as_str);
        to_owner && all == Some(Permission::FULL_CONTROL)
    };
    if grants.iter().all(is_plain) { Ok(()) } else { Err(no_grants()) }
}

/// The owner may do everything.
fn grants(owner: &Owner) -> Grants {
    vec![Grant {
        grantee: Some(Grantee {
            display_name: owner.display_name.clone(),
            email_address: None,
            id: owner.id.clone(),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

impl Buckets {
    pub(super) async fn get_bucket_acl_answer(
        &self,
        req: S3Request<GetBucketAclInput>,
    ) -> S3Result<S3Response<GetBucketAclOutput>> {
        let owner = owner(self.state(&req.input.bucket).await?.owner.as_deref());
        let grants = Some(grants(&owner));
        Ok(S3Response::new(GetBucketAclOutput { grants, owner: Some(owner) }))
    }

    pub(super) async fn put_bucket_acl_answer(
        &self,
        req: S3Request<PutBucketAclInput>,
    ) -> S3Result<S3Response<PutBucketAclOutput>> {
        let input = req.input;
        self.state(&input.bucket).await?;
        canned(input.acl.as_ref().map(BucketCannedACL::as_str))?;
        policy(input.access_control_policy.as_ref())?;
        if input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write.is_some()
            || input.grant_write_acp.is_some()
        {
            return Err(no_grants());
        }
        Ok(S3Response::new(PutBucketAclOutput {}))
    }

    pub(super) async fn get_object_acl_answer(
        &self,
        req: S3Request<GetObjectAclInput>,
    ) -> S3Result<S3Response<GetObjectAclOutput>> {
        let input = req.input;
        meta::only_version(input.version_id.as_deref())?;
        let owner = owner(self.state(&input.bucket).await?.owner.as_deref());
        let objects = self.bucket(&input.bucket).await?;
        objects.stat(&input.key).await.map_err(|e| s3_read(e, &input.key))?;
        let grants = Some(grants(&owner));
        Ok(S3Response::new(GetObjectAclOutput {
            grants,
            owner: Some(owner),
            ..GetObjectAclOutput::default()
        }))
    }

    pub(super) async fn put_object_acl_answer(
        &self,
        req: S3Request<PutObjectAclInput>,
    ) -> S3Result<S3Response<PutObjectAclOutput>> {
        let input = req.input;
        meta::only_version(input.version_id.as_deref())?;
        let objects = self.bucket(&input.bucket).await?;
        objects.stat(&input.key).await.map_err(|e| s3_read(e, &input.key))?;
        canned(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
        policy(input.access_control_policy.as_ref())?;
        if input.grant_full_control.is_some()
            || input.grant_read.is_some()
            || input.grant_read_acp.is_some()
            || input.grant_write.is_some()
            || input.grant_write_acp.is_some()
        {
            return Err(no_grants());
        }
        Ok(S3Response::new(PutObjectAclOutput::default()))
    }
}

/// There is no such setting: S3 answers with an error of its own for each.
fn none<T>(code: S3ErrorCode) -> S3Result<S3Response<T>> {
    Err(S3Error::new(code))
}

/// As [`none`], where the library does not know the error.
fn none_named<T>(code: &'static str, message: &'static str) -> S3Result<S3Response<T>> {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(StatusCode::NOT_FOUND);
    Err(error)
}

fn empty<T: Default>() -> S3Result<S3Response<T>> {
    Ok(S3Response::new(T::default()))
}

/// Taking away what isn't there.
fn done<T: Default>() -> S3Result<S3Response<T>> {
    Ok(S3Response::with_status(T::default(), StatusCode::NO_CONTENT))
}

/// Answers that are the same for every bucket that there is.
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
    get_bucket_policy_status_answer GetBucketPolicyStatusInput GetBucketPolicyStatusOutput
        => Ok(S3Response::new(GetBucketPolicyStatusOutput {
            policy_status: Some(PolicyStatus { is_public: Some(false) }),
        }));
    delete_bucket_policy_answer DeleteBucketPolicyInput DeleteBucketPolicyOutput => done();
    get_bucket_encryption_answer GetBucketEncryptionInput GetBucketEncryptionOutput
        => none(S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError);
    delete_bucket_encryption_answer DeleteBucketEncryptionInput DeleteBucketEncryptionOutput
        => done();
    get_public_access_block_answer GetPublicAccessBlockInput GetPublicAccessBlockOutput
        => none_named(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        );
    delete_public_access_block_answer DeletePublicAccessBlockInput DeletePublicAccessBlockOutput
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
    get_bucket_ownership_controls_answer GetBucketOwnershipControlsInput
        GetBucketOwnershipControlsOutput => none(S3ErrorCode::OwnershipControlsNotFoundError);
    get_object_lock_configuration_answer GetObjectLockConfigurationInput
        GetObjectLockConfigurationOutput
        => none(S3ErrorCode::ObjectLockConfigurationNotFoundError);
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
