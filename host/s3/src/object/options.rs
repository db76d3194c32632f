//! Options of writes that objects here can't have. They are refused rather than accepted
//! and forgotten.

use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::head::Head;

/// Refuses a write with an option that is not supported.
pub fn check(head: &Head<'_>) -> Result<()> {
    if head.one("x-amz-storage-class")?.is_some_and(|class| class != "STANDARD") {
        return Err(Error::from(Code::InvalidStorageClass));
    }
    let locks = [
        "x-amz-object-lock-mode",
        "x-amz-object-lock-retain-until-date",
        "x-amz-object-lock-legal-hold",
    ];
    if locks.into_iter().any(|name| head.has(name)) {
        return Err(error!(InvalidRequest, "Bucket is missing Object Lock Configuration"));
    }
    if head.has("x-amz-website-redirect-location") {
        return Err(error!(NotImplemented, "objects can't redirect"));
    }
    Ok(())
}
