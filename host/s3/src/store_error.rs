//! The errors of S3 for the errors of stores.

use crate::protocol::error::{Code, Error, error};
use storage_store::Error as StoreError;
use storage_store::carry::CopyError;

/// The S3 error for a failed write, delete or listing.
pub fn of_store(error: StoreError) -> Error {
    let code = match &error {
        StoreError::NotFound => Code::NoSuchKey,
        StoreError::AlreadyExists | StoreError::PreconditionFailed => Code::PreconditionFailed,
        StoreError::InvalidKey(_) if error.is_key_too_long() => Code::KeyTooLongError,
        StoreError::InvalidKey(_) | StoreError::InvalidData(_) => Code::InvalidArgument,
        StoreError::InvalidRange => Code::InvalidRange,
        StoreError::Unsupported(_) => Code::NotImplemented,
        StoreError::PermissionDenied(_) => Code::AccessDenied,
        StoreError::LimitExceeded(_) if error.is_out_of_space() => {
            tracing::error!(target: "storage", %error, "a store has no room left");
            return Error::from(Code::InsufficientStorage);
        }
        StoreError::LimitExceeded(_) => Code::EntityTooLarge,
        StoreError::Unavailable(_) => {
            tracing::warn!(target: "storage", %error, "a store is unavailable");
            return error!(ServiceUnavailable, "the store is unavailable at the moment; try again");
        }
        _ => return internal("a store failed", &error),
    };
    Error::new(code, error.to_string())
}

/// The S3 error for a failed read. Corrupt data is not the client's fault, and what a
/// store can't hold is not there.
pub fn of_reading(error: StoreError) -> Error {
    match error {
        StoreError::InvalidData(_) => internal("an object can't be read", &error),
        StoreError::InvalidKey(_) => Error::from(Code::NoSuchKey),
        error => of_store(error),
    }
}

/// The S3 error for a failed transfer from one object to another.
pub fn of_copying(error: CopyError) -> Error {
    match error {
        CopyError::Source(error) => of_reading(error),
        CopyError::Target(error) => of_store(error),
    }
}

/// An internal server error. The log has its cause, which may tell what is nobody's
/// business, and the client does not hear it.
pub fn internal(what: &str, error: &dyn std::fmt::Display) -> Error {
    tracing::error!(target: "storage", %error, "{what}");
    error!(InternalError, "{what}; the server's log has the cause")
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_store::key_too_long;

    #[test]
    fn every_error_has_its_code_and_status() {
        let text = || String::from("x");
        for (error, code, status) in [
            (StoreError::NotFound, "NoSuchKey", 404),
            (StoreError::AlreadyExists, "PreconditionFailed", 412),
            (StoreError::PreconditionFailed, "PreconditionFailed", 412),
            (StoreError::InvalidKey(text()), "InvalidArgument", 400),
            (StoreError::InvalidKey("no: the key is too long".to_owned()), "InvalidArgument", 400),
            (key_too_long("k", 0, "a key"), "KeyTooLongError", 400),
            (StoreError::InvalidData(text()), "InvalidArgument", 400),
            (StoreError::InvalidRange, "InvalidRange", 416),
            (StoreError::Unsupported(text()), "NotImplemented", 501),
            (StoreError::PermissionDenied(text()), "AccessDenied", 403),
            (StoreError::LimitExceeded(text()), "EntityTooLarge", 400),
            (StoreError::out_of_space("/secret: the disk is full"), "InsufficientStorage", 507),
            (StoreError::Unavailable(text()), "ServiceUnavailable", 503),
            (StoreError::Other("/secret".to_owned()), "InternalError", 500),
        ] {
            let answer = of_store(error);
            assert_eq!(answer.code().name(), code);
            assert_eq!(answer.code().status().as_u16(), status, "{code}");
            assert!(!answer.message().contains("secret"), "{answer}");
        }
    }

    #[test]
    fn what_a_store_can_not_hold_is_not_there() {
        let code = |error| of_reading(error).code();
        assert_eq!(code(StoreError::InvalidKey(String::new())), Code::NoSuchKey);
        assert_eq!(code(key_too_long("k", 0, "a key")), Code::NoSuchKey);
        assert_eq!(code(StoreError::InvalidData(String::new())), Code::InternalError);
    }
}
