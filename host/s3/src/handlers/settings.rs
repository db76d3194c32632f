//! Settings of S3 that buckets and objects here don't have. Reads report that a setting is
//! absent, deleting it succeeds, and writes are refused rather than accepted and forgotten.

use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::operations::Id;
use crate::protocol::response::{Response, empty, xml};
use crate::protocol::xml::write::document;
use http::StatusCode;

/// The answer for every bucket and object.
pub fn answer(id: Id) -> Result<Response> {
    let nothing = |root: &str| Ok(xml(document(root, |_| {})));
    let done = || Ok(empty(StatusCode::NO_CONTENT));
    let absent = |code: Code| Err(Error::from(code));
    let unlocked = || Err(error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    match id {
        Id::GetBucketVersioning => nothing("VersioningConfiguration"),
        Id::GetBucketLogging => nothing("BucketLoggingStatus"),
        Id::GetBucketNotificationConfiguration => nothing("NotificationConfiguration"),
        Id::GetBucketAccelerateConfiguration => nothing("AccelerateConfiguration"),
        Id::GetBucketRequestPayment => {
            Ok(xml(document("RequestPaymentConfiguration", |c| c.text("Payer", "BucketOwner"))))
        }
        Id::GetBucketPolicy => absent(Code::NoSuchBucketPolicy),
        Id::GetBucketEncryption => absent(Code::ServerSideEncryptionConfigurationNotFoundError),
        Id::GetBucketLifecycleConfiguration => absent(Code::NoSuchLifecycleConfiguration),
        Id::GetBucketWebsite => absent(Code::NoSuchWebsiteConfiguration),
        Id::GetBucketReplication => absent(Code::ReplicationConfigurationNotFoundError),
        Id::GetObjectLockConfiguration => absent(Code::ObjectLockConfigurationNotFoundError),
        Id::PutObjectLockConfiguration => {
            Err(error!(InvalidBucketState, "objects can't be locked in a bucket without versions"))
        }
        Id::GetObjectRetention
        | Id::PutObjectRetention
        | Id::GetObjectLegalHold
        | Id::PutObjectLegalHold => unlocked(),
        Id::DeleteBucketPolicy
        | Id::DeleteBucketEncryption
        | Id::DeleteBucketLifecycle
        | Id::DeleteBucketWebsite
        | Id::DeleteBucketReplication => done(),
        _ => Err(Error::from(Code::NotImplemented)),
    }
}
