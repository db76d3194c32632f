//! The mapping of store errors to S3 errors.

use s3s::{S3Error, S3ErrorCode, S3Result};
use storage_store::carry::CopyError;
use storage_store::{Error, check_key as check_contract, key_too_long};

/// The most bytes of a key, as in S3; stores may allow longer ones.
pub const MAX_KEY_BYTES: usize = 1_024;

/// Checks a key from outside the request path; keys in the path are checked
/// while the request is parsed.
pub fn check_key(key: &str) -> S3Result<()> {
    check_contract(key).map_err(|e| s3(e, key))?;
    match key.len() > MAX_KEY_BYTES {
        true => Err(s3(key_too_long(key, MAX_KEY_BYTES, "a key of S3"), key)),
        false => Ok(()),
    }
}

/// The S3 error for an operation on `key` (empty for none in particular).
pub fn s3(error: Error, key: &str) -> S3Error {
    let code = match &error {
        Error::NotFound => S3ErrorCode::NoSuchKey,
        Error::AlreadyExists | Error::PreconditionFailed => S3ErrorCode::PreconditionFailed,
        Error::InvalidKey(_) if key.len() > MAX_KEY_BYTES || error.is_key_too_long() => {
            S3ErrorCode::KeyTooLongError
        }
        Error::InvalidKey(_) | Error::InvalidData(_) => S3ErrorCode::InvalidArgument,
        Error::InvalidRange => S3ErrorCode::InvalidRange,
        Error::Unsupported(_) => S3ErrorCode::NotImplemented,
        Error::PermissionDenied(_) => S3ErrorCode::AccessDenied,
        Error::LimitExceeded(_) => S3ErrorCode::EntityTooLarge,
        Error::Unavailable(_) => S3ErrorCode::ServiceUnavailable,
        _ => S3ErrorCode::InternalError,
    };
    S3Error::with_message(code, error.to_string())
}

/// Like [`s3`], for reads: corrupt data is not the client's fault.
pub fn s3_read(error: Error, key: &str) -> S3Error {
    match error {
        Error::InvalidData(_) => {
            S3Error::with_message(S3ErrorCode::InternalError, error.to_string())
        }
        error => s3(error, key),
    }
}

/// Like [`s3`], for a transfer from one object to `key`.
pub fn s3_moved(fault: CopyError, key: &str) -> S3Error {
    match fault {
        CopyError::Source(error) => s3_read(error, key),
        CopyError::Target(error) => s3(error, key),
    }
}

/// An internal server error; logs the cause.
pub fn internal(what: &str, error: &dyn std::fmt::Display) -> S3Error {
    tracing::error!(%error, "{what}");
    S3Error::with_message(S3ErrorCode::InternalError, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_code_and_status() {
        let text = || String::from("x");
        for (error, code, status) in [
            (Error::NotFound, "NoSuchKey", 404),
            (Error::AlreadyExists, "PreconditionFailed", 412),
            (Error::PreconditionFailed, "PreconditionFailed", 412),
            (Error::InvalidKey(text()), "InvalidArgument", 400),
            (Error::InvalidKey("no: the key is too long".to_owned()), "InvalidArgument", 400),
            (key_too_long("k", 0, "a key"), "KeyTooLongError", 400),
            (Error::InvalidData(text()), "InvalidArgument", 400),
            (Error::InvalidRange, "InvalidRange", 416),
            (Error::Unsupported(text()), "NotImplemented", 501),
            (Error::PermissionDenied(text()), "AccessDenied", 403),
            (Error::LimitExceeded(text()), "EntityTooLarge", 400),
            (Error::Unavailable(text()), "ServiceUnavailable", 503),
            (Error::Other(text()), "InternalError", 500),
        ] {
            let answer = s3(error, "k");
            assert_eq!(answer.code().as_str(), code);
            assert_eq!(answer.status_code().map(|s| s.as_u16()), Some(status), "{code}");
        }
    }
}
