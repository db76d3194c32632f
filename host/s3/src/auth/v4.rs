//! Signatures of version 4 ("Authenticating Requests (AWS Signature Version 4)" of the S3
//! API reference).

use super::scope::{Chain, CredentialScope, SigningKey};
use super::secret::Secret;
use super::signed::{MAX_SKEW, Payload, Sender, Signable, check_skew, mismatch};
use crate::protocol::date;
use crate::protocol::encoding::{encoded, paths};
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::head::{Head, is_digest};
use crate::protocol::query::Query;
use crate::protocol::signing::ALGORITHM;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};

/// The region that a client without one should sign for.
const REGION: &str = "us-east-1";

/// The longest validity of a URL: a week.
const MAX_EXPIRY: u64 = 7 * 24 * 3600;

const CONTENT: &str = "x-amz-content-sha256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A signature, as it was sent.
#[derive(Debug)]
struct Signature {
    scope: CredentialScope,
    /// The names of the signed headers, in the order of the signature.
    headers: Vec<String>,
    signature: String,
    /// As it is signed.
    date: String,
}

/// Verifies a signature in the header `Authorization`.
pub fn verify_header(
    request: &Signable<'_>,
    secret: impl Fn(&str) -> Result<Secret>,
    now: SystemTime,
) -> Result<Sender> {
    let head = Head::new(request.headers, None);
    let text = head.one(AUTHORIZATION.as_str())?.unwrap_or_default();
    let malformed = || {
        error!(
            AuthorizationHeaderMalformed,
            "the header Authorization is not {ALGORITHM} Credential=…, SignedHeaders=…, Signature=…"
        )
    };
    let fields = text.strip_prefix(ALGORITHM).ok_or_else(malformed)?;
    let field = |name: &str| {
        let mut found = fields.split(',').filter_map(|field| field.trim().strip_prefix(name));
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value.trim()),
            _ => Err(malformed()),
        }
    };
    let sent = match head.one("x-amz-date")? {
        Some(sent) => date::basic(sent).map(|at| (sent.to_owned(), at)),
        // Clients may sign the date of HTTP; the signature has it in the other form.
        None => {
            let at = head.one("date")?.and_then(|text| date::http(text).or(date::basic(text)));
            at.map(|at| (date::to_basic(at), at))
        }
    };
    let (date, at) = sent.ok_or_else(|| {
        error!(AccessDenied, "a signed request needs a valid date, as x-amz-date or Date")
    })?;
    let signature = Signature {
        scope: CredentialScope::parse(field("Credential=")?).ok_or_else(malformed)?,
        headers: names(field("SignedHeaders=")?)?,
        signature: field("Signature=")?.to_owned(),
        date,
    };
    check_skew(at, now)?;
    let content = head.one(CONTENT)?.ok_or_else(|| {
        error!(MissingSecurityHeader, "a signed request needs the header {CONTENT}")
            .detail("MissingHeaderName", CONTENT)
    })?;
    verify(request, &signature, content, request.query, secret)
}

/// Verifies a signature in the URL.
pub fn verify_query(
    request: &Signable<'_>,
    secret: impl Fn(&str) -> Result<Secret>,
    now: SystemTime,
) -> Result<Sender> {
    let query = request.query;
    let bad = |text: String| Error::new(Code::AuthorizationQueryParametersError, text);
    let one = |name: &str| {
        query.one(name)?.ok_or_else(|| bad(format!("the signed URL lacks the parameter {name}")))
    };
    if one("X-Amz-Algorithm")? != ALGORITHM {
        return Err(bad(format!("X-Amz-Algorithm is {ALGORITHM}")));
    }
    let date = one("X-Amz-Date")?;
    let at = date::basic(date).ok_or_else(|| bad("X-Amz-Date is YYYYMMDDTHHMMSSZ".to_owned()))?;
    let expires = one("X-Amz-Expires")?.parse().ok().filter(|s| (1..=MAX_EXPIRY).contains(s));
    let expires = expires
        .ok_or_else(|| error!(AccessDenied, "X-Amz-Expires is 1 to {MAX_EXPIRY} seconds"))?;
    let scope = CredentialScope::parse(one("X-Amz-Credential")?);
    let signature = Signature {
        scope: scope.ok_or_else(|| {
            bad("X-Amz-Credential is ACCESS_KEY/YYYYMMDD/REGION/s3/aws4_request".to_owned())
        })?,
        headers: names(one("X-Amz-SignedHeaders")?)?,
        signature: one("X-Amz-Signature")?.to_owned(),
        date: date.to_owned(),
    };
    if at > now + MAX_SKEW {
        return Err(error!(AccessDenied, "the signed URL is not valid yet"));
    }
    if now > at + Duration::from_secs(expires) {
        return Err(error!(AccessDenied, "the signed URL has expired"));
    }
    // A header that is not signed says nothing.
    let is_signed = signature.headers.iter().any(|name| name == CONTENT);
    let in_header = Head::new(request.headers, None).one(CONTENT)?.filter(|_| is_signed);
    let none = HeaderMap::new();
    let in_query = Head::new(&none, Some(query)).one(CONTENT)?;
    let content = in_query.or(in_header).unwrap_or(UNSIGNED);
    verify(request, &signature, content, query, secret)
}

/// The names of signed headers. Each is there once, in lower case: otherwise a head could
/// name the longest of its values as often as it has room.
fn names(list: &str) -> Result<Vec<String>> {
    let mut names: Vec<&str> = list.split(';').collect();
    let is_lower = |name: &&str| !name.bytes().any(|b| b.is_ascii_uppercase());
    let all: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    names.sort_unstable();
    match names.iter().all(is_lower) && !names.windows(2).any(|two| two.first() == two.last()) {
        true => Ok(all),
        false => Err(error!(
            AuthorizationHeaderMalformed,
            "the names of the signed headers are in lower case, each once"
        )),
    }
}

fn verify(
    request: &Signable<'_>,
    signature: &Signature,
    content: &str,
    query: &Query,
    secret: impl Fn(&str) -> Result<Secret>,
) -> Result<Sender> {
    let Signature { scope, headers, date, .. } = signature;
    check_scope(scope, signature)?;
    check_headers(request.headers, headers)?;
    let secret = secret(&scope.access_key)?;
    let key = scope.key(&secret);
    let parameters = canonical_query(query);
    let lines = canonical_headers(request.headers, headers)?;
    let method = request.method;
    let is_signed = |path: &String, lines: &String| {
        let names = headers.join(";");
        let canonical = format!("{method}\n{path}\n{parameters}\n{lines}\n{names}\n{content}");
        let digest = hex::encode(Sha256::digest(canonical));
        let text = format!("{ALGORITHM}\n{date}\n{}\n{digest}", scope.text());
        key.verify(&text, &signature.signature).is_ok()
    };
    let paths = paths(request.path);
    if !lines.iter().any(|lines| paths.iter().any(|path| is_signed(path, lines))) {
        return Err(mismatch());
    }
    let access_key = Some(scope.access_key.clone());
    let is_chunked = is_chunked(&Head::new(request.headers, None))?;
    Ok(Sender { access_key, payload: payload(content, is_chunked, key, signature)? })
}

fn check_scope(scope: &CredentialScope, signature: &Signature) -> Result<()> {
    if scope.service != "s3" {
        return Err(error!(
            AuthorizationHeaderMalformed,
            "the signature is not for the service s3"
        ));
    }
    if signature.date.get(..8) != Some(&scope.date) {
        return Err(error!(
            AuthorizationHeaderMalformed,
            "the date of the credential is not that of the request"
        ));
    }
    // Any name of a region will do.
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match scope.region.bytes().all(letter) {
        true => Ok(()),
        false => Err(error!(
            AuthorizationHeaderMalformed,
            "the region of the credential is not a name; expecting {REGION:?}"
        )
        .detail("Region", REGION)),
    }
}

/// Refuses a header that would change what the request does and is not signed: the holder
/// of a signed URL must not make a copy of an upload, or make it public.
fn check_headers(headers: &HeaderMap, signed: &[String]) -> Result<()> {
    let is_signed = |name: &str| signed.iter().any(|signed| signed == name);
    if !is_signed("host") {
        return Err(error!(AccessDenied, "the header host is not signed"));
    }
    let names = headers.keys().map(http::HeaderName::as_str);
    match names.into_iter().find(|name| decides(name) && !is_signed(name)) {
        Some(name) => Err(error!(AccessDenied, "the header {name} is not signed")
            .detail("HeadersNotSigned", name)),
        None => Ok(()),
    }
}

/// Whether a header must be signed: all that S3 gives a meaning, except those that the
/// signature covers in other ways and those that can only make a request fail.
fn decides(name: &str) -> bool {
    name.starts_with("x-amz-")
        && !is_digest(name)
        && !matches!(
            name,
            "x-amz-content-sha256"
                | "x-amz-checksum-mode"
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

/// All parameters but the signature, sorted by their encoded names and values.
fn canonical_query(query: &Query) -> String {
    let parameters = query.iter().filter(|parameter| parameter.name != "X-Amz-Signature");
    let mut pairs: Vec<(String, String)> = parameters
        .map(|p| (encoded(&p.name), encoded(p.value.as_deref().unwrap_or_default())))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The signed headers, a line each, with white space in values collapsed: that of ASCII,
/// and, where it differs, all that of Unicode. Clients do either.
fn canonical_headers(headers: &HeaderMap, signed: &[String]) -> Result<Vec<String>> {
    let (mut lines, mut others) = (String::new(), String::new());
    for name in signed {
        let (mut values, mut more) = (Vec::new(), Vec::new());
        for value in headers.get_all(name) {
            let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
                error!(
                    SignatureDoesNotMatch,
                    "the signed header {name} is not UTF-8, so that its signature can't be checked"
                )
            })?;
            values.push(value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            more.push(value.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        lines.push_str(&format!("{name}:{}\n", values.join(",")));
        others.push_str(&format!("{name}:{}\n", more.join(",")));
    }
    let others = (others != lines).then_some(others);
    Ok(std::iter::once(lines).chain(others).collect())
}

fn payload(
    content: &str,
    is_chunked: bool,
    key: SigningKey,
    signature: &Signature,
) -> Result<Payload> {
    let chain = || {
        let Signature { scope, date, signature, .. } = signature;
        Box::new(Chain::new(key.clone(), date, scope, signature))
    };
    match content {
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => {
            Ok(Payload::SignedChunks { chain: chain(), trailers: false })
        }
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
            Ok(Payload::SignedChunks { chain: chain(), trailers: true })
        }
        content => plain(content, is_chunked),
    }
}

/// A body that is covered by its own SHA-256 is what was sent, whatever its coding.
fn plain(content: &str, is_chunked: bool) -> Result<Payload> {
    let digest = || hex::decode(content).ok().and_then(|digest| digest.try_into().ok());
    match content {
        // The framing is not part of the object, whatever the header says.
        UNSIGNED if is_chunked => Ok(Payload::Chunked),
        UNSIGNED => Ok(Payload::Unsigned),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Payload::Chunked),
        content if content.starts_with("STREAMING-") => {
            Err(error!(NotImplemented, "a body signed as {content} can't be read here"))
        }
        _ => digest().map(Payload::Sha256).ok_or_else(|| {
            error!(
                InvalidArgument,
                "{CONTENT} is {UNSIGNED}, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER \
                 or a SHA-256 in hexadecimal"
            )
        }),
    }
}

/// How a body is framed that no signature covers. Clients that don't sign leave the header
/// out, and name only the coding.
pub fn payload_of_unsigned(headers: &HeaderMap) -> Result<Payload> {
    let head = Head::new(headers, None);
    plain(head.one(CONTENT)?.unwrap_or(UNSIGNED), is_chunked(&head)?)
}

/// Whether the body has the coding of S3's chunks.
fn is_chunked(head: &Head<'_>) -> Result<bool> {
    let codings = head.list("content-encoding")?.unwrap_or_default();
    Ok(codings.split(',').any(|coding| coding.trim() == "aws-chunked"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::operations::OPERATIONS;
    use crate::protocol::operations::Operation;
    use crate::protocol::signing::Signing;
    use http::{HeaderValue, Method};

    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn operation() -> &'static Operation {
        OPERATIONS.iter().find(|operation| operation.name == "GetObject").unwrap()
    }

    struct Request {
        method: Method,
        path: String,
        query: String,
        headers: HeaderMap,
        now: SystemTime,
    }

    impl Request {
        fn new(method: Method, uri: &str, headers: &[(&'static str, &str)]) -> Self {
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let now = date::basic("20130524T000000Z").unwrap();
            Self { method, path: path.to_owned(), query: query.to_owned(), headers: map, now }
        }

        fn verify(&self) -> Result<Sender> {
            let query = Query::parse(&self.query)?;
            let request = Signable {
                method: &self.method,
                path: &self.path,
                bucket_of_host: None,
                query: &query,
                headers: &self.headers,
                operation: operation(),
            };
            let secret = |key: &str| match key {
                KEY => Ok(Secret::new(SECRET)),
                _ => Err(Error::from(Code::InvalidAccessKeyId)),
            };
            match Signing::of(&self.headers, &query)? {
                Signing::V4Header => verify_header(&request, secret, self.now),
                Signing::V4Query => verify_query(&request, secret, self.now),
                _ => {
                    let payload = payload_of_unsigned(&self.headers)?;
                    Ok(Sender { access_key: None, payload })
                }
            }
        }

        fn code(&self) -> &'static str {
            self.verify().map_or_else(|error| error.code().name(), |_| "")
        }
    }

    fn authorization(names: &str, signature: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders={names},Signature={signature}"
        )
    }

    /// The first example of "Signature Calculations for the Authorization Header".
    fn published() -> Request {
        let names = "host;range;x-amz-content-sha256;x-amz-date";
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        let mut request = Request::new(
            Method::GET,
            "/test.txt",
            &[
                ("host", "examplebucket.s3.amazonaws.com"),
                ("range", "bytes=0-9"),
                ("x-amz-content-sha256", EMPTY),
                ("x-amz-date", "20130524T000000Z"),
            ],
        );
        let value = authorization(names, signature).parse().unwrap();
        request.headers.insert(AUTHORIZATION, value);
        request
    }

    #[test]
    fn the_published_examples_are_verified() {
        let sender = published().verify().unwrap();
        assert_eq!(sender.access_key.as_deref(), Some(KEY));
        let digest: [u8; 32] = hex::decode(EMPTY).unwrap().try_into().unwrap();
        assert_eq!(sender.payload, Payload::Sha256(digest));
        let listing = |query: &str, signature: &str| {
            let names = "host;x-amz-content-sha256;x-amz-date";
            let uri = format!("/?{query}");
            let mut request = Request::new(
                Method::GET,
                &uri,
                &[
                    ("host", "examplebucket.s3.amazonaws.com"),
                    ("x-amz-content-sha256", EMPTY),
                    ("x-amz-date", "20130524T000000Z"),
                ],
            );
            let value = authorization(names, signature).parse().unwrap();
            request.headers.insert(AUTHORIZATION, value);
            request.code()
        };
        let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
        let listed = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert_eq!(listing("lifecycle", lifecycle), "");
        assert_eq!(listing("max-keys=2&prefix=J", listed), "");
        assert_eq!(listing("prefix=J&max-keys=2", listed), "", "the order is not signed");
        assert_eq!(listing("max-keys=3&prefix=J", listed), "SignatureDoesNotMatch");
    }

    /// The example of "Authenticating Requests: Using Query Parameters".
    fn url() -> Request {
        let mut request = Request::new(
            Method::GET,
            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            &[("host", "examplebucket.s3.amazonaws.com")],
        );
        request.now += Duration::from_secs(86_400);
        request
    }

    #[test]
    fn a_signed_url_holds_until_it_expires() {
        assert_eq!(url().verify().unwrap().payload, Payload::Unsigned);
        let mut late = url();
        late.now += Duration::from_secs(1);
        assert_eq!(late.code(), "AccessDenied");
        let mut early = url();
        early.now -= Duration::from_secs(86_400 + 15 * 60 + 1);
        assert_eq!(early.code(), "AccessDenied");
        let malformed = "AuthorizationQueryParametersError";
        for (from, to, code) in [
            ("Expires=86400", "Expires=604801", "AccessDenied"),
            ("Expires=86400", "Expires=0", "AccessDenied"),
            ("Expires=86400", "Expires=-1", "AccessDenied"),
            ("X-Amz-Expires=86400", "x=1", malformed),
            ("HMAC-SHA256", "HMAC-SHA1", malformed),
            ("X-Amz-Date=20130524T000000Z", "X-Amz-Date=now", malformed),
            ("%2Faws4_request", "", malformed),
        ] {
            let mut other = url();
            other.query = other.query.replace(from, to);
            assert_eq!(other.code(), code, "{to}");
        }
        // However the name is encoded, it is the parameter.
        let mut evading = url();
        evading.query = evading.query.replace("Expires=86400", "%45xpires=604801");
        assert_eq!(evading.code(), "AccessDenied");
        for parameter in ["&X-Amz-Expires=1", "&X-Amz-Signature=0", "&Signature=0"] {
            let mut twice = url();
            twice.query.push_str(parameter);
            assert_eq!(twice.code(), "InvalidArgument", "{parameter}");
        }
    }

    #[test]
    fn whatever_is_signed_can_not_be_changed() {
        let changed = |change: &dyn Fn(&mut Request)| {
            let mut request = published();
            change(&mut request);
            request.code()
        };
        assert_eq!(changed(&|r| r.method = Method::DELETE), "SignatureDoesNotMatch");
        assert_eq!(changed(&|r| r.path = "/other.txt".to_owned()), "SignatureDoesNotMatch");
        assert_eq!(changed(&|r| r.query = "acl".to_owned()), "SignatureDoesNotMatch");
        let set = |name: &'static str, value: &'static [u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            changed(&|r: &mut Request| drop(r.headers.insert(name, value.clone())))
        };
        assert_eq!(set("range", b"bytes=0-8"), "SignatureDoesNotMatch");
        assert_eq!(set("range", b"  bytes=0-9 "), "", "white space is not signed");
        assert_eq!(set("range", b"bytes=\xe9"), "SignatureDoesNotMatch");
        assert_eq!(set("x-amz-copy-source", b"b/k"), "AccessDenied");
        assert_eq!(set("x-amz-acl", b"public-read"), "AccessDenied");
        assert_eq!(set("x-amz-checksum-crc32", b"AAAAAA=="), "", "it can only fail");
        assert_eq!(set("x-amz-checksum-type", b"COMPOSITE"), "AccessDenied");
        assert_eq!(set("range", "bytes=0-9\u{a0}".as_bytes()), "", "as some clients sign it");
        assert_eq!(set("x-amz-content-sha256", b"UNSIGNED-PAYLOAD"), "SignatureDoesNotMatch");
        assert_eq!(set("x-amz-date", b"20130524T001501Z"), "RequestTimeTooSkewed");
        assert_eq!(set("x-amz-date", b"20130525T000000Z"), "RequestTimeTooSkewed");
        assert_eq!(set("x-amz-date", b"yesterday"), "AccessDenied");
        let add = |name: &'static str, value: &'static str| {
            let value: HeaderValue = value.parse().unwrap();
            changed(&|r: &mut Request| {
                r.headers.append(name, value.clone());
            })
        };
        assert_eq!(add("x-amz-date", "20130524T000000Z"), "InvalidArgument");
        assert_eq!(add("authorization", "AWS K:s"), "InvalidArgument");
    }

    #[test]
    fn a_header_that_is_no_signature_is_refused() {
        let with = |change: &dyn Fn(&str) -> String| {
            let mut request = published();
            let text = request.headers[AUTHORIZATION].to_str().unwrap();
            let value = change(text).parse().unwrap();
            request.headers.insert(AUTHORIZATION, value);
            request.code()
        };
        let replaced = |from: &'static str, to: &'static str| with(&|text| text.replace(from, to));
        let malformed = "AuthorizationHeaderMalformed";
        assert_eq!(replaced("Signature=", "Sig="), malformed);
        assert_eq!(with(&|text| format!("{text},Signature=0")), malformed);
        assert_eq!(replaced("/s3/", "/sts/"), malformed);
        assert_eq!(replaced("us-east-1", "<us>"), malformed);
        assert_eq!(replaced("us-east-1", "RegionOne"), "SignatureDoesNotMatch");
        assert_eq!(replaced("range;", "range;range;"), malformed);
        assert_eq!(replaced("20130524/", "20130523/"), malformed);
        assert_eq!(replaced("aws4_request", "aws5_request"), malformed);
        assert_eq!(replaced("host;", ""), "AccessDenied");
        assert_eq!(replaced("host;", "Host;"), malformed);
        assert_eq!(replaced(KEY, "OTHER"), "InvalidAccessKeyId");
        assert_eq!(replaced("AWS4-HMAC-SHA256", "AWS5"), "InvalidRequest");
        assert_eq!(with(&|_| "Basic YTpi".to_owned()), "InvalidRequest");
        let mut without = published();
        without.headers.remove("x-amz-content-sha256");
        assert_eq!(without.code(), "MissingSecurityHeader");
    }

    #[test]
    fn a_body_is_framed_as_its_header_says() {
        let of = |headers: &[(&'static str, &str)]| {
            Request::new(Method::PUT, "/b/k", headers).verify().map(|sender| sender.payload)
        };
        let content = |value| of(&[("x-amz-content-sha256", value)]);
        assert_eq!(of(&[]).unwrap(), Payload::Unsigned);
        assert_eq!(content("UNSIGNED-PAYLOAD").unwrap(), Payload::Unsigned);
        assert_eq!(content("STREAMING-UNSIGNED-PAYLOAD-TRAILER").unwrap(), Payload::Chunked);
        assert_eq!(of(&[("content-encoding", "gzip, aws-chunked")]).unwrap(), Payload::Chunked);
        let framed = [("content-encoding", "aws-chunked"), ("x-amz-content-sha256", UNSIGNED)];
        assert_eq!(of(&framed).unwrap(), Payload::Chunked);
        let hashed = [("content-encoding", "aws-chunked"), ("x-amz-content-sha256", EMPTY)];
        assert!(matches!(of(&hashed).unwrap(), Payload::Sha256(_)));
        assert!(content("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD").is_err());
        // Nobody signed the request, so nobody the chunks.
        assert!(content("STREAMING-AWS4-HMAC-SHA256-PAYLOAD").is_err());
        assert!(content("00").is_err() && content("").is_err());
    }
}
