//! What signatures cover, and what follows from one that was verified.

use super::scope::Chain;
use crate::protocol::error::{Code, Error, Result};
use crate::protocol::operations::Operation;
use crate::protocol::query::Query;
use crate::protocol::request::Request;
use http::{HeaderMap, Method};
use std::time::{Duration, SystemTime};

/// How far the clocks of a client and of the server may be apart, as in S3.
pub(super) const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// A request, as far as signatures cover it.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, percent-encoded as it was sent.
    pub path: &'a str,
    /// The bucket that the host names, which version 2 puts before the path.
    pub bucket_of_host: Option<&'a str>,
    /// The parameters.
    pub query: &'a Query,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The operation, on which version 2 depends.
    pub operation: &'static Operation,
}

impl<'a> From<&'a Request> for Signable<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            method: &request.method,
            path: &request.path,
            bucket_of_host: request.bucket_of_host.as_deref(),
            query: &request.query,
            headers: &request.headers,
            operation: request.operation,
        }
    }
}

/// Whose request it is, after the signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The access key; `None` for an unsigned request.
    pub access_key: Option<String>,
    /// How the bytes of the body are covered.
    pub payload: Payload,
}

/// How a signature covers the bytes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Not at all.
    Unsigned,
    /// The body has this SHA-256.
    Sha256([u8; 32]),
    /// The body is in chunks, of which none is signed.
    Chunked,
    /// The body is in chunks, each with its signature.
    SignedChunks {
        /// What continues the chain of signatures.
        chain: Box<Chain>,
        /// Whether trailers follow, with a signature of their own.
        trailers: bool,
    },
}

/// The error for a signature that is not the right one.
pub(super) fn mismatch() -> Error {
    Error::from(Code::SignatureDoesNotMatch)
}

/// Refuses a date that differs too much from the server's.
pub(super) fn check_skew(date: SystemTime, now: SystemTime) -> Result<()> {
    let apart = now.duration_since(date).or_else(|_| date.duration_since(now)).unwrap_or_default();
    match apart > MAX_SKEW {
        true => Err(Error::from(Code::RequestTimeTooSkewed)),
        false => Ok(()),
    }
}
