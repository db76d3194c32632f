//! The precondition of one write.

use super::failure::Failure;
use super::object_metadata;
use storage_store::Error;

/// The precondition of a write, as the server will check it.
pub(super) enum Condition {
    None,
    /// The key has no object.
    Absent,
    /// The key has an object with this etag of the server's.
    Match(String),
}

impl Condition {
    /// The values of `If-None-Match` and `If-Match`.
    pub(super) fn headers(&self) -> (Option<String>, Option<String>) {
        match self {
            Condition::None => (None, None),
            Condition::Absent => (Some("*".to_owned()), None),
            Condition::Match(etag) => (None, Some(object_metadata::quoted(etag))),
        }
    }

    /// Converts to the contract's error.
    pub(super) fn error(&self, failure: Failure, at: &str) -> Error {
        match failure.error(at) {
            Error::PreconditionFailed if matches!(self, Condition::Absent) => Error::AlreadyExists,
            error => error,
        }
    }
}
