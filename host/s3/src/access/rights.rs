//! Authorization by the rights of users.

use crate::credentials::Right;
use crate::protocol::error::{Error, Result, error};
use crate::protocol::operation::RequiredRight;
use crate::protocol::request::Request;
use crate::users::User;
use storage_contract::options::Choice;

/// Refuses a request for which the user lacks the right. Keys that are in a body are left
/// to the operation, which calls [`check_key`].
pub fn check(user: &User, request: &Request) -> Result<()> {
    let (bucket, key) = (request.bucket(), request.key());
    match request.operation.right {
        RequiredRight::Buckets if user.has(Right::List) => Ok(()),
        RequiredRight::Buckets => Err(denied(user, Right::List)),
        RequiredRight::Bucket if user.sees(bucket) => Ok(()),
        RequiredRight::Bucket => Err(error!(AccessDenied, "this is not yours to see")),
        RequiredRight::Whole(right) => check_key(user, right, bucket, ""),
        RequiredRight::Object(right) => check_key(user, right, bucket, key),
        RequiredRight::Keys(Right::List) => {
            let prefix = request.parameter("prefix")?.unwrap_or_default();
            check_key(user, Right::List, bucket, prefix)
        }
        RequiredRight::Keys(right) if user.has(right) && user.sees(bucket) => Ok(()),
        RequiredRight::Keys(right) => Err(denied(user, right)),
    }
}

/// Refuses a user without this right to an object, or to all keys that begin with `key`.
pub fn check_key(user: &User, right: Right, bucket: &str, key: &str) -> Result<()> {
    match user.may(right, bucket, key) {
        true => Ok(()),
        false => Err(denied(user, right)),
    }
}

fn denied(user: &User, right: Right) -> Error {
    let who = match user.name {
        Some(_) => "this access key has",
        None => "unsigned requests have",
    };
    error!(AccessDenied, "{who} no right to {} this", right.name())
}
