//! Finds what answers an operation.

use super::{
    acls, buckets, completing, copying, cors, deleting, listing, multipart, ownership, parts,
    post_object, reading, settings, tagging, upload_listing, writing,
};
use crate::call::Call;
use crate::object::incoming::Unread;
use crate::protocol::error::{Error, Result};
use crate::protocol::operations::Id;
use crate::protocol::response::Response;
use crate::store_error::internal;
use bytes::Bytes;
use std::sync::Arc;

/// The body of a request, as its operation takes it.
pub enum Content {
    /// A document, verified; empty for operations without one.
    Document(Bytes),
    /// The bytes of an object or part.
    Object(Unread),
}

/// Answers a request. Whatever the table has is here, or this does not compile.
pub async fn answer(call: &Arc<Call>, content: Content) -> Result<Response> {
    let document = match content {
        Content::Document(document) => document,
        Content::Object(object) => return of_object(call, object).await,
    };
    match call.request.operation.id {
        Id::ListBuckets => buckets::list(call).await,
        Id::CreateBucket => buckets::create(call, &document).await,
        Id::DeleteBucket => buckets::delete(call).await,
        Id::HeadBucket => buckets::head(call),
        Id::GetBucketLocation => buckets::location(call),

        Id::ListObjects => listing::objects(call).await,
        Id::ListObjectsV2 => listing::objects_v2(call).await,
        Id::ListObjectVersions => listing::versions(call).await,
        Id::ListMultipartUploads => upload_listing::uploads(call).await,

        Id::GetObject => reading::get(call).await,
        Id::HeadObject => reading::head(call).await,
        Id::GetObjectAttributes => reading::attributes(call).await,
        Id::CopyObject => copying::copy(call).await,
        Id::DeleteObject => deleting::one(call).await,
        Id::DeleteObjects => deleting::many(call, &document).await,

        Id::CreateMultipartUpload => multipart::create(call).await,
        Id::UploadPartCopy => parts::copy(call).await,
        Id::CompleteMultipartUpload => completing::complete(call, &document).await,
        Id::AbortMultipartUpload => multipart::abort(call).await,
        Id::ListParts => parts::list(call).await,

        Id::GetObjectTagging => tagging::get_of_object(call).await,
        Id::PutObjectTagging => tagging::put_of_object(call, &document).await,
        Id::DeleteObjectTagging => tagging::delete_of_object(call).await,
        Id::GetBucketTagging => tagging::get_of_bucket(call),
        Id::PutBucketTagging => tagging::put_of_bucket(call, &document).await,
        Id::DeleteBucketTagging => tagging::delete_of_bucket(call).await,

        Id::GetBucketAcl => acls::get_of_bucket(call),
        Id::PutBucketAcl => acls::put_of_bucket(call, &document).await,
        Id::GetObjectAcl => acls::get_of_object(call).await,
        Id::PutObjectAcl => acls::put_of_object(call, &document).await,
        Id::GetBucketOwnershipControls => ownership::get(call),
        Id::PutBucketOwnershipControls => ownership::put(call, &document).await,
        Id::DeleteBucketOwnershipControls => ownership::delete(call).await,
        Id::GetPublicAccessBlock => ownership::get_block(call),
        Id::PutPublicAccessBlock => ownership::put_block(call, &document).await,
        Id::DeletePublicAccessBlock => ownership::delete_block(call).await,
        Id::GetBucketPolicyStatus => ownership::policy_status(call),

        Id::GetBucketCors => cors::get(call),
        Id::PutBucketCors => cors::put(call, &document).await,
        Id::DeleteBucketCors => cors::delete(call).await,

        Id::GetBucketVersioning
        | Id::GetBucketPolicy
        | Id::DeleteBucketPolicy
        | Id::GetBucketEncryption
        | Id::DeleteBucketEncryption
        | Id::GetBucketLifecycleConfiguration
        | Id::DeleteBucketLifecycle
        | Id::GetBucketWebsite
        | Id::DeleteBucketWebsite
        | Id::GetBucketReplication
        | Id::DeleteBucketReplication
        | Id::GetBucketLogging
        | Id::GetBucketNotificationConfiguration
        | Id::GetBucketAccelerateConfiguration
        | Id::GetBucketRequestPayment
        | Id::GetObjectLockConfiguration
        | Id::PutObjectLockConfiguration
        | Id::GetObjectRetention
        | Id::PutObjectRetention
        | Id::GetObjectLegalHold
        | Id::PutObjectLegalHold => settings::answer(call.request.operation.id),

        Id::PutObject | Id::PostObject | Id::UploadPart => Err(no_body(call)),
    }
}

/// Answers a request that brings the bytes of an object or part.
async fn of_object(call: &Arc<Call>, object: Unread) -> Result<Response> {
    match call.request.operation.id {
        Id::PutObject => writing::put(call, object).await,
        Id::PostObject => post_object::post(call, object).await,
        Id::UploadPart => parts::put(call, object).await,
        _ => Err(no_body(call)),
    }
}

/// The table says of each operation what body it takes, and so does this file.
fn no_body(call: &Call) -> Error {
    internal("the table of operations is wrong", &call.request.operation.name)
}
