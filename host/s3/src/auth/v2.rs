//! Signatures of version 2 ("Signing and Authenticating REST Requests" of the S3 API
//! reference). They cover no parameters but a fixed list of sub-resources, so only
//! operations that these distinguish can be asked for.

use super::secret::Secret;
use super::signed::{Sender, Signable, check_skew, mismatch};
use super::v4;
use crate::protocol::date;
use crate::protocol::error::{Result, error};
use crate::protocol::head::Head;
use crate::protocol::operation::Mark;
use crate::protocol::query::Parameter;
use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use sha1::Sha1;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The parameters that are signed.
const COVERED: &[&str] = &[
    "accelerate",
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Marks that only choose the form of an answer which the signature covers.
const FORMS: &[&str] = &["list-type"];

/// Verifies a signature in the header `Authorization`.
pub fn verify_header(
    request: &Signable<'_>,
    secret: impl Fn(&str) -> Result<Secret>,
    now: SystemTime,
) -> Result<Sender> {
    let head = Head::new(request.headers, None);
    let text = head.one(AUTHORIZATION.as_str())?.unwrap_or_default();
    let signed = text.strip_prefix("AWS ").and_then(|signed| signed.trim().rsplit_once(':'));
    let Some((access_key, signature)) = signed else {
        return Err(error!(InvalidArgument, "the header Authorization is not AWS KEY:SIGNATURE"));
    };
    let (amz, plain) = (head.one("x-amz-date")?, head.one("date")?);
    let Some(at) = amz.or(plain).and_then(date::http) else {
        return Err(error!(AccessDenied, "a signed request needs a valid date"));
    };
    check_skew(at, now)?;
    // If both are there, the other one is signed with the headers.
    let date = if amz.is_some() { "" } else { plain.unwrap_or_default() };
    verify(request, access_key, signature, date, secret)
}

/// Verifies a signature in the URL.
pub fn verify_query(
    request: &Signable<'_>,
    secret: impl Fn(&str) -> Result<Secret>,
    now: SystemTime,
) -> Result<Sender> {
    let one = |name: &str| {
        let value = request.query.one(name)?;
        value.ok_or_else(|| error!(AccessDenied, "the signed URL lacks the parameter {name}"))
    };
    let (access_key, expires) = (one("AWSAccessKeyId")?, one("Expires")?);
    let until = expires.parse().ok().and_then(|s| UNIX_EPOCH.checked_add(Duration::from_secs(s)));
    let Some(until) = until else {
        return Err(error!(AccessDenied, "Expires is a time, in seconds since 1970"));
    };
    if now > until {
        return Err(error!(AccessDenied, "the signed URL has expired"));
    }
    verify(request, access_key, one("Signature")?, expires, secret)
}

fn verify(
    request: &Signable<'_>,
    access_key: &str,
    signature: &str,
    date: &str,
    secret: impl Fn(&str) -> Result<Secret>,
) -> Result<Sender> {
    check_operation(request)?;
    let secret = secret(access_key)?;
    let head = Head::new(request.headers, None);
    let signature = STANDARD.decode_to_vec(signature).map_err(|_| mismatch())?;
    let mut lines = String::new();
    for name in ["content-md5", "content-type"] {
        let _ = writeln!(lines, "{}", head.one(name)?.unwrap_or_default());
    }
    let _ = writeln!(lines, "{date}");
    for (name, value) in head.below("x-amz-")? {
        let _ = writeln!(lines, "x-amz-{name}:{value}");
    }
    let parameters = [canonical_parameters(request, false), canonical_parameters(request, true)];
    let is_signed = |path: &String, parameters: &String| {
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.bytes()).ok()?;
        mac.update(format!("{}\n{lines}{path}{parameters}", request.method).as_bytes());
        mac.verify_slice(&signature).ok()
    };
    let paths = paths(request);
    let any = |parameters| paths.iter().any(|path| is_signed(path, parameters).is_some());
    if !parameters.iter().any(any) {
        return Err(mismatch());
    }
    let payload = v4::payload_of_unsigned(request.headers)?;
    Ok(Sender { access_key: Some(access_key.to_owned()), payload })
}

/// Refuses an operation that the signature does not tell from another one: whoever has a
/// URL could ask for it with a parameter more.
fn check_operation(request: &Signable<'_>) -> Result<()> {
    let is_open = |mark: &&Mark| match mark {
        Mark::Query(name) | Mark::Value(name, _) => {
            !COVERED.contains(name) && !FORMS.contains(name)
        }
        // Headers of S3 are all signed.
        Mark::Header(_) => false,
    };
    if request.operation.marks.iter().any(|mark| is_open(&mark)) {
        return Err(error!(
            AccessDenied,
            "signatures of version 2 do not cover {}; sign with AWS4-HMAC-SHA256",
            request.operation.name
        ));
    }
    let is_odd = |parameter: &&Parameter| {
        let is_own = request.operation.own_parameters().any(|own| own == parameter.name);
        !is_own || parameter.value.as_deref().is_some_and(hides_another)
    };
    match covered(request).find(is_odd) {
        None => Ok(()),
        Some(parameter) => Err(error!(
            AccessDenied,
            "a signature of version 2 does not tell what the parameter {} means here; sign with \
             AWS4-HMAC-SHA256",
            parameter.name
        )),
    }
}

fn covered<'a>(request: &Signable<'a>) -> impl Iterator<Item = &'a Parameter> + use<'a> {
    request.query.iter().filter(|parameter| COVERED.contains(&parameter.name.as_str()))
}

/// Whether a value could be taken for this parameter and one more, since values are signed
/// as they are, without their encoding.
fn hides_another(value: &str) -> bool {
    let names = value.split('&').skip(1).map(|rest| rest.split('=').next().unwrap_or_default());
    names.into_iter().any(|name| COVERED.contains(&name))
}

/// The paths that clients sign for a path: with the bucket of the host before it, and, for
/// a bucket, with the slash that some leave out when they send it.
fn paths(request: &Signable<'_>) -> Vec<String> {
    let bucket = request.bucket_of_host.map(|bucket| format!("/{bucket}")).unwrap_or_default();
    let path = format!("{bucket}{}", request.path);
    let is_bare = path.matches('/').count() == 1 && path.len() > 1;
    let slashed = is_bare.then(|| format!("{path}/"));
    std::iter::once(path).chain(slashed).collect()
}

/// The signed parameters. Of one that is empty, some clients sign the name alone (`bare`),
/// and send `name=`.
fn canonical_parameters(request: &Signable<'_>, bare: bool) -> String {
    let mut covered: Vec<String> = covered(request)
        .map(|parameter| match &parameter.value {
            Some(value) if !(bare && value.is_empty()) => format!("{}={value}", parameter.name),
            _ => parameter.name.clone(),
        })
        .collect();
    covered.sort();
    if covered.is_empty() { String::new() } else { format!("?{}", covered.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::{Code, Error};
    use crate::protocol::operations::OPERATIONS;
    use crate::protocol::query::Query;
    use crate::protocol::signing::Signing;
    use http::{HeaderMap, Method};

    /// The keys of the examples in "Signing and Authenticating REST Requests".
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    struct Request {
        method: Method,
        uri: &'static str,
        host: Option<&'static str>,
        operation: &'static str,
        headers: Vec<(&'static str, &'static str)>,
        now: SystemTime,
    }

    impl Request {
        fn code(&self) -> &'static str {
            let (path, query) = self.uri.split_once('?').unwrap_or((self.uri, ""));
            let query = Query::parse(query).unwrap();
            let mut headers = HeaderMap::new();
            for (name, value) in &self.headers {
                headers.append(*name, value.parse().unwrap());
            }
            let request = Signable {
                method: &self.method,
                path,
                bucket_of_host: self.host,
                query: &query,
                headers: &headers,
                operation: OPERATIONS.iter().find(|row| row.name == self.operation).unwrap(),
            };
            let secret = |key: &str| match key {
                KEY => Ok(Secret::new(SECRET)),
                _ => Err(Error::from(Code::InvalidAccessKeyId)),
            };
            let found = Signing::of(&headers, &query).and_then(|form| match form {
                Signing::V2Query => verify_query(&request, secret, self.now),
                _ => verify_header(&request, secret, self.now),
            });
            found.map_or_else(|error| error.code().name(), |_| "")
        }
    }

    fn at(text: &str) -> SystemTime {
        date::http(text).unwrap()
    }

    /// "Example Object GET".
    fn get() -> Request {
        Request {
            method: Method::GET,
            uri: "/photos/puppy.jpg",
            host: Some("awsexamplebucket1"),
            operation: "GetObject",
            headers: vec![
                ("date", "Tue, 27 Mar 2007 19:36:42 +0000"),
                ("authorization", "AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g="),
            ],
            now: at("Tue, 27 Mar 2007 19:36:42 GMT"),
        }
    }

    #[test]
    fn the_published_examples_are_verified() {
        assert_eq!(get().code(), "");
        let put = Request {
            method: Method::PUT,
            operation: "PutObject",
            headers: vec![
                ("content-type", "image/jpeg"),
                ("date", "Tue, 27 Mar 2007 21:15:45 +0000"),
                ("authorization", "AWS AKIAIOSFODNN7EXAMPLE:iqRzw+ileNPu1fhspnRs8nOjjIA="),
            ],
            now: at("Tue, 27 Mar 2007 21:15:45 GMT"),
            ..get()
        };
        assert_eq!(put.code(), "");
        let acl = Request {
            uri: "/?acl",
            host: Some("johnsmith"),
            operation: "GetBucketAcl",
            headers: vec![
                ("date", "Tue, 27 Mar 2007 19:44:46 +0000"),
                ("authorization", "AWS AKIAIOSFODNN7EXAMPLE:c2WLPFtWHVgbEmeEG93a4cG37dM="),
            ],
            now: at("Tue, 27 Mar 2007 19:44:46 GMT"),
            ..get()
        };
        assert_eq!(acl.code(), "");
        assert_eq!(Request { uri: "/?acl=", ..acl }.code(), "", "as some clients send it");
    }

    #[test]
    fn whatever_is_signed_can_not_be_changed() {
        let changed = |change: &dyn Fn(&mut Request)| {
            let mut request = get();
            change(&mut request);
            request.code()
        };
        assert_eq!(changed(&|r| r.method = Method::DELETE), "SignatureDoesNotMatch");
        assert_eq!(changed(&|r| r.host = None), "SignatureDoesNotMatch");
        assert_eq!(changed(&|r| r.uri = "/photos/puppy.jpg?versionId=1"), "SignatureDoesNotMatch");
        assert_eq!(
            changed(&|r| r.uri = "/photos/puppy.jpg?response-content-type=a"),
            "SignatureDoesNotMatch"
        );
        let add = |name, value| changed(&|r: &mut Request| r.headers.push((name, value)));
        assert_eq!(add("x-amz-acl", "public-read"), "SignatureDoesNotMatch");
        assert_eq!(add("content-type", "a"), "SignatureDoesNotMatch");
        assert_eq!(add("date", "Tue, 27 Mar 2007 19:36:43 GMT"), "InvalidArgument");
        assert_eq!(add("authorization", "AWS a:b"), "InvalidArgument");
    }

    #[test]
    fn a_request_is_not_good_for_ever() {
        let mut late = get();
        late.now += Duration::from_secs(15 * 60 + 1);
        assert_eq!(late.code(), "RequestTimeTooSkewed");
        // An invalid date before the valid one does not stand in for it.
        let mut twice = late;
        twice.headers.push(("x-amz-date", "never"));
        assert_eq!(twice.code(), "AccessDenied");
        twice.headers.push(("x-amz-date", "Tue, 27 Mar 2007 19:36:42 GMT"));
        assert_eq!(twice.code(), "InvalidArgument");
        let mut none = get();
        none.headers.remove(0);
        assert_eq!(none.code(), "AccessDenied");
    }

    #[test]
    fn an_operation_that_is_not_covered_can_not_be_asked_for() {
        for (operation, code) in [
            ("GetObjectAttributes", "AccessDenied"),
            ("PutBucketOwnershipControls", "AccessDenied"),
            ("PutObjectLegalHold", "AccessDenied"),
            // It differs in the form of the listing alone.
            ("ListObjectsV2", ""),
        ] {
            assert_eq!(Request { operation, ..get() }.code(), code, "{operation}");
        }
    }

    #[test]
    fn a_parameter_is_not_taken_for_two() {
        let code = |uri| Request { uri, ..get() }.code();
        let hidden = "/photos/puppy.jpg?response-content-type=a%26versionId=1";
        assert_eq!(code(hidden), "AccessDenied");
        assert_eq!(code("/photos/puppy.jpg?partNumber=1&uploadId=1"), "AccessDenied");
        // It is one parameter, whatever its value.
        let plain = "/photos/puppy.jpg?response-content-type=a%26b";
        assert_eq!(code(plain), "SignatureDoesNotMatch");
    }

    #[test]
    fn a_signed_url_holds_until_it_expires() {
        // Signed with the secret above, for 1175139620.
        let url = |uri, now| Request {
            uri,
            headers: Vec::new(),
            now: UNIX_EPOCH + Duration::from_secs(now),
            ..get()
        };
        let good = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620\
                    &Signature=1No4mq5ETf02z8aet9voy6gui6E%3D";
        let bad = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139621\
                   &Signature=1No4mq5ETf02z8aet9voy6gui6E%3D";
        assert_eq!(url(good, 1_175_139_620).code(), "");
        assert_eq!(url(bad, 1_175_139_620).code(), "SignatureDoesNotMatch");
        assert_eq!(url(good, 1_175_139_621).code(), "AccessDenied");
        let late =
            "/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=99999999999999999999&Signature=0";
        assert_eq!(url(late, 1_175_139_620).code(), "AccessDenied");
        assert_eq!(url("/k?AWSAccessKeyId=K&Signature=0", 0).code(), "AccessDenied");
    }
}
