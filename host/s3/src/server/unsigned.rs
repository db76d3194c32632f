//! Refuses unsigned headers that would change what a request does.
//!
//! The holder of a presigned upload URL must not make it a copy, or public. The
//! library checks the headers that a signature names and ignores the others.
//!
//! So this module parses signatures exactly as the library does, and refuses
//! what could be read in two ways: two signatures, a malformed header, or
//! signed header names that are not in lower case.

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{HeaderName, Request};
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};

/// Whether a header must be signed: all that S3 gives a meaning, except those
/// that the signature covers in other ways and those that can only make a
/// request fail.
fn decides(name: &str) -> bool {
    name.starts_with("x-amz-")
        && !name.starts_with("x-amz-checksum-")
        && !matches!(
            name,
            "x-amz-content-sha256"
                | "x-amz-date"
                | "x-amz-expected-bucket-owner"
                | "x-amz-request-payer"
                | "x-amz-sdk-checksum-algorithm"
                | "x-amz-security-token"
                | "x-amz-source-expected-bucket-owner"
                | "x-amz-trailer"
                | "x-amz-user-agent"
        )
}

/// The scope and signed headers of a version 4 signature.
#[derive(Debug, PartialEq)]
struct Signed {
    /// `KEY/DATE/REGION/SERVICE/aws4_request`.
    scope: String,
    /// The names of the signed headers, separated by semicolons.
    names: String,
}

/// Refuses a request whose version 4 signature omits such a header or the host,
/// or is for another service. Version 2 covers all of these headers.
pub fn check<T>(request: &Request<T>) -> S3Result<()> {
    let headers = request.headers();
    let Some(signed) = signed(headers, request.uri().query().unwrap_or_default())? else {
        return Ok(());
    };
    if signed.scope.rsplit('/').nth(1) != Some("s3") {
        return Err(s3_error!(SignatureDoesNotMatch, "the signature is not for the service s3"));
    }
    let is_signed = |name: &str| signed.names.split(';').any(|signed| signed == name);
    let mut names = headers.keys().map(HeaderName::as_str).filter(|name| decides(name));
    match names.find(|name| !is_signed(name) || headers.get_all(*name).iter().any(is_odd)) {
        _ if !is_signed("host") => Err(s3_error!(AccessDenied, "the header host is not signed")),
        Some(name) => Err(s3_error!(AccessDenied, "the header {name} is not signed")),
        None => Ok(()),
    }
}

/// The library reads and signs only UTF-8 values and leaves out others.
fn is_odd(value: &HeaderValue) -> bool {
    std::str::from_utf8(value.as_bytes()).is_err()
}

/// The signature of a request, if it is version 4; refuses more than one.
fn signed(headers: &HeaderMap, query: &str) -> S3Result<Option<Signed>> {
    let pairs: Vec<(String, &str)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), value))
        .collect();
    let values = |wanted: &'static str| {
        pairs.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| decoded(value))
    };
    let (fourth, second) = (values("X-Amz-Signature").count(), values("Signature").count());
    match headers.get_all(AUTHORIZATION).iter().count() + fourth + second {
        0 => return Ok(None),
        1 => {}
        _ => {
            return Err(s3_error!(
                InvalidArgument,
                "a request is signed once: by the header Authorization or by its query"
            ));
        }
    }
    if fourth == 1 {
        // The library refuses a duplicated parameter.
        let scope = values("X-Amz-Credential").next().unwrap_or_default();
        let names = values("X-Amz-SignedHeaders").next().unwrap_or_default();
        return Ok(Some(Signed { scope, names }));
    }
    let Some(value) = headers.get(AUTHORIZATION) else { return Ok(None) };
    if value.as_bytes().starts_with(b"AWS ") {
        return Ok(None);
    }
    let signed = std::str::from_utf8(value.as_bytes()).ok().and_then(in_header);
    match signed {
        Some(signed) => Ok(Some(signed)),
        None => Err(s3_error!(InvalidRequest, "the header Authorization is malformed")),
    }
}

/// Decodes a name or value of a query.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Parses `AWS4-HMAC-SHA256 Credential=SCOPE, SignedHeaders=NAMES,
/// Signature=…`.
fn in_header(text: &str) -> Option<Signed> {
    let rest = text.strip_prefix("AWS4-HMAC-SHA256")?;
    let (scope, rest) = rest.trim_start().strip_prefix("Credential=")?.split_once(',')?;
    let (names, _) = rest.trim_start().strip_prefix("SignedHeaders=")?.split_once(',')?;
    Some(Signed { scope: scope.to_owned(), names: names.to_owned() })
}

/// Removes such headers from a form upload, which may only ask for what its
/// signed fields say.
pub fn strip(headers: &mut HeaderMap) {
    let names: Vec<_> = headers.keys().filter(|name| decides(name.as_str())).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "K/20260101/r/s3/aws4_request";

    fn in_header(names: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={names}, Signature=0")
    }

    fn in_query(names: &str) -> String {
        format!("/b/k?X-Amz-Credential={SCOPE}&X-Amz-SignedHeaders={names}&X-Amz-Signature=0")
    }

    /// The error code of a refused request; empty if it passes.
    fn refusal(uri: &str, headers: &[(&str, &str)]) -> String {
        let request = headers.iter().fold(Request::put(uri), |r, (name, v)| r.header(*name, *v));
        let checked = check(&request.body(()).unwrap());
        checked.err().map(|error| error.code().as_str().to_owned()).unwrap_or_default()
    }

    #[test]
    fn a_header_that_gives_something_away_must_be_signed() {
        let in_header = in_header("host;x-amz-acl");
        let in_query = in_query("host%3Bx-amz-grant-read");
        for (uri, authorization, header, code) in [
            ("/b/k", in_header.as_str(), "x-amz-acl", ""),
            ("/b/k", &in_header, "x-amz-copy-source", "AccessDenied"),
            ("/b/k", &in_header, "x-amz-grant-read", "AccessDenied"),
            ("/b/k", &in_header, "x-amz-meta-a", "AccessDenied"),
            ("/b/k", &in_header, "x-amz-metadata-directive", "AccessDenied"),
            ("/b/k", &in_header, "x-amz-checksum-crc32", ""),
            ("/b/k", &in_header, "x-amzn-trace-id", ""),
            (&in_query, "", "x-amz-grant-read", ""),
            (&in_query, "", "x-amz-acl", "AccessDenied"),
            ("/b/k?X-Amz-Signature=0", "", "x-amz-acl", "SignatureDoesNotMatch"),
            ("/b/k", "", "x-amz-acl", ""),
            ("/b/k", "AWS K:s", "x-amz-acl", ""),
        ] {
            let headers = [(header, "x"), ("authorization", authorization)];
            let count = if authorization.is_empty() { 1 } else { 2 };
            assert_eq!(refusal(uri, &headers[..count]), code, "{uri} {authorization} {header}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let good = in_query("host");
        let acl = ("x-amz-acl", "public-read");
        let (fine, upper) = (in_header("host;x-amz-acl"), in_header("host;X-Amz-Acl"));
        let other = fine.replace("AWS4-HMAC-SHA256", "AWS5");
        for (uri, headers, code) in [
            (good.as_str(), &[][..], ""),
            // The library looks at the query first.
            (&good, &[acl, ("authorization", &fine)], "InvalidArgument"),
            ("/b/k", &[acl, ("authorization", &fine), ("authorization", &fine)], "InvalidArgument"),
            (&format!("{good}&Signature=0"), &[], "InvalidArgument"),
            // The library decodes parameter names.
            (&good.replace("ture=", "tur%65="), &[acl], "AccessDenied"),
            // The library accepts any algorithm name.
            ("/b/k", &[acl, ("authorization", &other)], "InvalidRequest"),
            // The library ignores signed names of missing headers.
            ("/b/k", &[acl, ("authorization", &upper)], "AccessDenied"),
            ("/b/k", &[("authorization", &in_header("x-amz-date"))], "AccessDenied"),
            ("/b/k", &[("authorization", &fine.replace("/s3/", "/sts/"))], "SignatureDoesNotMatch"),
            ("/b/k", &[("authorization", "Basic YTpi")], "InvalidRequest"),
        ] {
            assert_eq!(refusal(uri, headers), code, "{uri} {headers:?}");
        }
        let value = HeaderValue::from_bytes(b"public\xff").unwrap();
        let request = Request::put("/b/k").header("authorization", fine).header("x-amz-acl", value);
        assert!(check(&request.body(()).unwrap()).is_err(), "it is not in what was signed");
    }
}
