//! Who sent a request, by its signature.
//!
//! A request is signed by version 4 or by version 2, in a header or in its URL, or it is
//! not signed. What could be read in two ways is refused: two signatures, or a header or
//! parameter of a signature that is there twice.

pub mod chunked;
pub mod policy;
mod scope;
pub mod secret;
pub mod signed;
mod v2;
mod v4;

use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::signing::Signing;
use secret::Secret;
use signed::{Sender, Signable};
use std::time::SystemTime;

/// Verifies the signature of a request. `secret` knows the secret key of an access key;
/// `v2` tells whether version 2 is accepted.
pub fn verify(
    request: &Signable<'_>,
    secret: impl Fn(&str) -> Option<Secret>,
    v2: bool,
    now: SystemTime,
) -> Result<Sender> {
    let secret =
        |access_key: &str| secret(access_key).ok_or_else(|| Error::from(Code::InvalidAccessKeyId));
    match Signing::of(request.headers, request.query)? {
        Signing::Unsigned => {
            Ok(Sender { access_key: None, payload: v4::payload_of_unsigned(request.headers)? })
        }
        Signing::V2Header | Signing::V2Query if !v2 => Err(error!(
            InvalidRequest,
            "signatures of version 2 are not accepted here (serve.signature_v2); sign with \
             AWS4-HMAC-SHA256"
        )),
        Signing::V2Header => v2::verify_header(request, secret, now),
        Signing::V2Query => v2::verify_query(request, secret, now),
        Signing::V4Header => v4::verify_header(request, secret, now),
        Signing::V4Query => v4::verify_query(request, secret, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::operations::OPERATIONS;
    use crate::protocol::query::Query;
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, Method};
    use std::time::UNIX_EPOCH;

    #[test]
    fn version_2_can_be_turned_off() {
        let headers: HeaderMap =
            [(AUTHORIZATION, "AWS K:s".parse().unwrap())].into_iter().collect();
        let request = Signable {
            method: &Method::GET,
            path: "/b/k",
            bucket_of_host: None,
            query: &Query::default(),
            headers: &headers,
            operation: &OPERATIONS[0],
        };
        let found = verify(&request, |_| None, false, UNIX_EPOCH).unwrap_err();
        assert!(found.message().contains("serve.signature_v2"), "{found}");
    }
}
