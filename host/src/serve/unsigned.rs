//! Headers that decide what a request does count only where its signature
//! covers them: whoever holds a URL for an upload must not make it a copy, or
//! public. The library checks the headers that a signature names, and lets
//! others pass.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// Whether a header is such a one.
fn decides(name: &str) -> bool {
    matches!(name, "x-amz-acl" | "x-amz-copy-source" | "x-amz-tagging")
        || name.starts_with("x-amz-grant-")
}

/// Refuses a request whose signature of the fourth version leaves one out;
/// the second covers all of them.
pub fn check<T>(request: &Request<T>) -> S3Result<()> {
    let query = request.uri().query().unwrap_or_default();
    let Some(signed) = signed(request.headers(), query) else { return Ok(()) };
    let is_signed = |name: &str| signed.split(';').any(|signed| signed.eq_ignore_ascii_case(name));
    let names = request.headers().keys().map(http::HeaderName::as_str);
    match names.into_iter().find(|name| decides(name) && !is_signed(name)) {
        Some(name) => Err(s3_error!(AccessDenied, "the header {name} is not signed")),
        None => Ok(()),
    }
}

/// The headers that a signature names.
fn signed(headers: &HeaderMap, query: &str) -> Option<String> {
    if let Some(header) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())
        && header.starts_with("AWS4-")
    {
        let (_, names) = header.split_once("SignedHeaders=").unwrap_or_default();
        return Some(names.split([',', ' ']).next().unwrap_or_default().to_owned());
    }
    if !query.contains("X-Amz-Signature") {
        return None;
    }
    let names = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="));
    Some(percent_decode_str(names.unwrap_or_default()).decode_utf8_lossy().into_owned())
}

/// Takes such headers off an upload by form: what it asks for are its fields,
/// which its policy covers.
pub fn strip(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().filter(|name| decides(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_gives_something_away_must_be_signed() {
        let v4 = "AWS4-HMAC-SHA256 Credential=K/1/r/s3/aws4_request, SignedHeaders=host;x-amz-acl, Signature=0";
        let query = "/b/k?X-Amz-SignedHeaders=host%3Bx-amz-grant-read&X-Amz-Signature=0";
        for (uri, authorization, header, fine) in [
            ("/b/k", v4, "x-amz-acl", true),
            ("/b/k", v4, "x-amz-copy-source", false),
            ("/b/k", v4, "x-amz-grant-read", false),
            ("/b/k", v4, "x-amz-meta-a", true),
            (query, "", "x-amz-grant-read", true),
            (query, "", "x-amz-acl", false),
            ("/b/k?X-Amz-Signature=0", "", "x-amz-acl", false),
            ("/b/k", "", "x-amz-acl", true),
            ("/b/k", "AWS K:s", "x-amz-acl", true),
        ] {
            let mut request = Request::put(uri).header(header, "x");
            if !authorization.is_empty() {
                request = request.header(AUTHORIZATION, authorization);
            }
            let checked = check(&request.body(()).unwrap());
            assert_eq!(checked.is_ok(), fine, "{uri} {authorization} {header}");
        }
    }
}
