//! Authorization: the right that each operation needs.
//!
//! Operations without an entry are refused.

use super::acl::Permission;
use super::buckets::Buckets;
use super::copy_source::copy_source;
use super::users::{User, Users, sender};
use crate::credentials::Right;
use async_trait::async_trait;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::*;
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};
use std::sync::Arc;

/// The right that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The right to list; the response shows only what the user may see.
    Buckets,
    /// Any access to the bucket.
    Bucket,
    /// A right to the whole bucket.
    Whole(Right),
    /// A right to the object.
    Object(Right),
    /// A right to some keys of the bucket. The keys are in the request: a check
    /// below or the operation itself verifies them.
    Keys(Right),
}

/// What each served operation needs; `None` for others.
fn need(operation: &str) -> Option<Need> {
    Some(match operation {
        "ListBuckets" => Need::Buckets,

        "HeadBucket" | "GetBucketLocation" | "GetBucketVersioning" | "GetBucketAcl" => Need::Bucket,

        "GetBucketCors"
        | "GetBucketTagging"
        | "GetBucketPolicy"
        | "GetBucketPolicyStatus"
        | "GetBucketEncryption"
        | "GetBucketLifecycleConfiguration"
        | "GetBucketWebsite"
        | "GetBucketReplication"
        | "GetBucketLogging"
        | "GetBucketNotificationConfiguration"
        | "GetBucketAccelerateConfiguration"
        | "GetBucketOwnershipControls"
        | "GetBucketRequestPayment"
        | "GetObjectLockConfiguration"
        | "GetPublicAccessBlock" => Need::Whole(Right::Read),

        "CreateBucket"
        | "PutBucketAcl"
        | "PutBucketCors"
        | "DeleteBucketCors"
        | "PutBucketTagging"
        | "DeleteBucketTagging"
        | "DeleteBucketPolicy"
        | "DeleteBucketEncryption"
        | "PutPublicAccessBlock"
        | "DeletePublicAccessBlock"
        | "PutBucketOwnershipControls"
        | "DeleteBucketOwnershipControls"
        | "DeleteBucketLifecycle"
        | "DeleteBucketWebsite"
        | "DeleteBucketReplication"
        | "PutObjectLockConfiguration" => Need::Whole(Right::Write),

        "DeleteBucket" => Need::Whole(Right::Delete),

        "ListObjects" | "ListObjectsV2" | "ListObjectVersions" | "ListMultipartUploads" => {
            Need::Keys(Right::List)
        }

        "GetObject"
        | "HeadObject"
        | "GetObjectAttributes"
        | "GetObjectAcl"
        | "GetObjectRetention"
        | "GetObjectLegalHold"
        | "GetObjectTagging" => Need::Object(Right::Read),

        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload"
        | "AbortMultipartUpload"
        | "ListParts"
        | "PutObjectAcl"
        | "PutObjectTagging"
        | "PutObjectRetention"
        | "PutObjectLegalHold"
        | "DeleteObjectTagging" => Need::Object(Right::Write),

        "PostObject" => Need::Keys(Right::Write),

        "DeleteObject" => Need::Object(Right::Delete),
        "DeleteObjects" => Need::Keys(Right::Delete),
        _ => return None,
    })
}

/// Authenticates users and checks their rights, then, with `serve.acls`, what
/// owners and ACLs allow.
#[derive(Clone)]
pub struct Gate {
    pub users: Arc<Users>,
    pub buckets: Buckets,
}

impl Gate {
    /// Refuses a copy whose source the sender may not read.
    async fn source<T: Send>(&self, req: &mut S3Request<T>, source: &CopySource) -> S3Result<()> {
        let user = sender(req)?.clone();
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(denied(&user, Right::Read));
        };
        check(&user, Right::Read, bucket, key)?;
        if self.buckets.users_of_lists().is_some() {
            let read = Some(Permission::Read);
            let judged = self.buckets.judge_object(&user, bucket, key, read).await?;
            req.extensions.insert(judged);
        }
        Ok(())
    }
}

#[async_trait]
impl S3Auth for Gate {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let secret = self.users.secret(access_key).cloned();
        secret.ok_or_else(|| s3_error!(InvalidAccessKeyId, "there is no such access key here"))
    }
}

#[async_trait]
impl S3Access for Gate {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(user) = self.users.of(cx.credentials()).cloned() else {
            return Err(s3_error!(AccessDenied, "requests must be signed"));
        };
        let bucket = match cx.s3_path() {
            S3Path::Root => None,
            S3Path::Bucket { bucket } | S3Path::Object { bucket, .. } => Some(&**bucket),
        };
        storage_store::request_context::authenticated(user.name.as_deref(), bucket);
        let Some(need) = need(cx.s3_op().name()) else {
            return Err(S3Error::new(S3ErrorCode::NotImplemented));
        };
        match (need, cx.s3_path()) {
            (Need::Buckets, _) if user.has(Right::List) => {}
            (Need::Buckets, _) => return Err(denied(&user, Right::List)),
            (Need::Bucket, S3Path::Bucket { bucket }) if user.sees(bucket) => {}
            (Need::Whole(right), S3Path::Bucket { bucket }) => {
                check(&user, right, bucket, "")?;
            }
            (Need::Object(right), S3Path::Object { bucket, key }) => {
                check(&user, right, bucket, key)?;
            }
            (Need::Keys(right), S3Path::Bucket { bucket }) if user.sees(bucket) => {
                if !user.has(right) {
                    return Err(denied(&user, right));
                }
            }
            _ => return Err(s3_error!(AccessDenied, "this is not yours to see")),
        }
        if self.buckets.users_of_lists().is_some() {
            let judged = self.buckets.judge(&user, cx.s3_op().name(), cx.s3_path()).await?;
            if let Some(judged) = judged {
                cx.extensions_mut().insert(judged);
            }
        }
        cx.extensions_mut().insert(user);
        Ok(())
    }

    // The checks of keys outside the path.

    async fn list_objects(&self, req: &mut S3Request<ListObjectsInput>) -> S3Result<()> {
        let prefix = req.input.prefix.as_deref().unwrap_or_default();
        check(sender(req)?, Right::List, &req.input.bucket, prefix)
    }

    async fn list_objects_v2(&self, req: &mut S3Request<ListObjectsV2Input>) -> S3Result<()> {
        let prefix = req.input.prefix.as_deref().unwrap_or_default();
        check(sender(req)?, Right::List, &req.input.bucket, prefix)
    }

    async fn list_object_versions(
        &self,
        req: &mut S3Request<ListObjectVersionsInput>,
    ) -> S3Result<()> {
        let prefix = req.input.prefix.as_deref().unwrap_or_default();
        check(sender(req)?, Right::List, &req.input.bucket, prefix)
    }

    async fn list_multipart_uploads(
        &self,
        req: &mut S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<()> {
        let prefix = req.input.prefix.as_deref().unwrap_or_default();
        check(sender(req)?, Right::List, &req.input.bucket, prefix)
    }

    async fn copy_object(&self, req: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        let source = copy_source(&req.headers, req.input.copy_source.clone());
        self.source(req, &source).await
    }

    async fn upload_part_copy(&self, req: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        let source = copy_source(&req.headers, req.input.copy_source.clone());
        self.source(req, &source).await?;
        let (user, input) = (sender(req)?.clone(), &req.input);
        self.buckets.judge_upload(&user, &input.bucket, &input.key, &input.upload_id).await
    }

    async fn upload_part(&self, req: &mut S3Request<UploadPartInput>) -> S3Result<()> {
        let (user, input) = (sender(req)?.clone(), &req.input);
        self.buckets.judge_upload(&user, &input.bucket, &input.key, &input.upload_id).await
    }

    async fn complete_multipart_upload(
        &self,
        req: &mut S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<()> {
        let (user, input) = (sender(req)?.clone(), &req.input);
        self.buckets.judge_upload(&user, &input.bucket, &input.key, &input.upload_id).await
    }

    async fn abort_multipart_upload(
        &self,
        req: &mut S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<()> {
        let (user, input) = (sender(req)?.clone(), &req.input);
        self.buckets.judge_upload(&user, &input.bucket, &input.key, &input.upload_id).await
    }

    async fn list_parts(&self, req: &mut S3Request<ListPartsInput>) -> S3Result<()> {
        let (user, input) = (sender(req)?.clone(), &req.input);
        self.buckets.judge_upload(&user, &input.bucket, &input.key, &input.upload_id).await
    }

    /// Form uploads (PostObject) come here, too; their key is a form field.
    async fn put_object(&self, req: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        check(sender(req)?, Right::Write, &req.input.bucket, &req.input.key)
    }
}

/// Refuses a user without this right to an object, or to all keys that begin
/// with `key`.
pub fn check(user: &User, right: Right, bucket: &str, key: &str) -> S3Result<()> {
    match user.may(right, bucket, key) {
        true => Ok(()),
        false => Err(denied(user, right)),
    }
}

fn denied(user: &User, right: Right) -> S3Error {
    let who = match user.name {
        Some(_) => "this access key has",
        None => "unsigned requests have",
    };
    s3_error!(AccessDenied, "{who} no right to {} this", right.name())
}
