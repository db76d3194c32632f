//! A request, read once.

use super::error::{Error, Result, error};
use super::head::Head;
use super::operations::Operation;
use super::query::Query;
use super::selection::select;
use super::signing::Signing;
use super::target::{Target, bucket_of_host, without_port};
use crate::bucket_name;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use std::net::IpAddr;

/// The bytes of a request's body as they arrive.
pub type Arriving = BoxStream<'static, Result<Bytes>>;

/// A request that is one of the table's operations. Nothing of it is verified yet.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The version of HTTP.
    pub version: Version,
    /// The path, percent-encoded as it was sent.
    pub path: String,
    /// The parameters.
    pub query: Query,
    /// The headers, `Host` among them in every version of HTTP.
    pub headers: HeaderMap,
    /// Where its signature is.
    pub signing: Signing,
    /// What it names.
    pub target: Target,
    /// The bucket that the host names, below one of the domains that are served.
    pub bucket_of_host: Option<String>,
    /// The bucket that a client may have meant by the host, though it is below none of
    /// these domains.
    pub bucket_meant: Option<String>,
    /// The operation.
    pub operation: &'static Operation,
}

impl Request {
    /// Reads the head of a request. Below one of `domains`, the host names the bucket.
    pub fn parse(head: Parts, domains: &[String]) -> Result<Self> {
        let Parts { method, uri, version, mut headers, .. } = head;
        let host = host(&uri, version, &mut headers)?;
        let bucket_of_host = host.as_deref().and_then(|host| bucket_of_host(host, domains));
        let target = Target::parse(uri.path(), bucket_of_host.as_deref())?;
        if let Some(name) = target.bucket() {
            check_bucket(name)?;
        }
        let bucket_meant = match bucket_of_host {
            Some(_) => None,
            None => host.as_deref().and_then(|host| bucket_meant(host, domains)),
        };
        let query = Query::parse(uri.query().unwrap_or_default())?;
        let signing = Signing::of(&headers, &query)?;
        let head = Head::new(&headers, signing.parameters(&query));
        let operation = select(&method, target.level(), &query, |name| head.has(name))?;
        let path = uri.path().to_owned();
        Ok(Self {
            method,
            version,
            path,
            query,
            headers,
            signing,
            target,
            bucket_of_host,
            bucket_meant,
            operation,
        })
    }

    /// The headers, and the parameters that stand for some.
    pub fn head(&self) -> Head<'_> {
        Head::new(&self.headers, self.signing.parameters(&self.query))
    }

    /// The bucket's name, empty if the request names none.
    pub fn bucket(&self) -> &str {
        self.target.bucket().unwrap_or_default()
    }

    /// The object's key, empty if the request names none.
    pub fn key(&self) -> &str {
        self.target.key().unwrap_or_default()
    }

    /// The value of a parameter of the operation.
    pub fn parameter(&self, name: &'static str) -> Result<Option<&str>> {
        let is_own = self.operation.own_parameters().any(|own| own == name);
        debug_assert!(is_own, "the table has no {name} for {}", self.operation.name);
        self.query.one(name)
    }

    /// The value of a parameter that is text, empty if it is not there.
    pub fn text(&self, name: &'static str) -> Result<String> {
        Ok(self.parameter(name)?.unwrap_or_default().to_owned())
    }

    /// The value of a parameter that is a number. An empty one is as none.
    pub fn number(&self, name: &'static str) -> Result<Option<u32>> {
        number(name, self.parameter(name)?)
    }

    /// The value of a header that is a number.
    pub fn number_of_header(&self, name: &str) -> Result<Option<u32>> {
        number(name, self.head().one(name)?)
    }
}

fn number(name: &str, text: Option<&str>) -> Result<Option<u32>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|n| is_number && *n <= i32::MAX as u32);
    number.map(Some).ok_or_else(|| {
        error!(InvalidArgument, "{name} is a number from 0 to {}", i32::MAX)
            .detail("ArgumentName", name)
            .detail("ArgumentValue", text.chars().take(100).collect::<String>())
    })
}

/// Refuses what can't be the name of a bucket.
pub fn check_bucket(name: &str) -> Result<()> {
    match bucket_name::problem(name) {
        None => Ok(()),
        Some(problem) => {
            let shown: String = name.chars().take(100).collect();
            Err(error!(InvalidBucketName, "{shown:?} is not a bucket name: {problem}"))
        }
    }
}

/// The host that the request is for. The target of the request has precedence over the
/// header (RFC 9112, section 3.2.2; RFC 9113, section 8.3.1); two that differ are refused,
/// since a proxy may have read the other one.
fn host(uri: &Uri, version: Version, headers: &mut HeaderMap) -> Result<Option<String>> {
    let header = Head::new(headers, None).one(HOST.as_str())?.map(str::to_owned);
    let authority = uri.authority().map(Authority::as_str);
    match (authority, header) {
        (Some(authority), Some(header)) if !authority.eq_ignore_ascii_case(&header) => {
            Err(error!(BadRequest, "the request is for {authority:?} and for {header:?}"))
        }
        (Some(authority), None) => {
            let malformed = |_| error!(BadRequest, "{authority:?} is not a host");
            headers.insert(HOST, HeaderValue::from_str(authority).map_err(malformed)?);
            Ok(Some(authority.to_owned()))
        }
        (None, None) if version == Version::HTTP_11 => Err(no_host()),
        (_, header) => Ok(header),
    }
}

fn no_host() -> Error {
    error!(BadRequest, "a request of HTTP/1.1 has the header Host")
}

/// The first label of a host name of several, if it can be a bucket's name.
fn bucket_meant(host: &str, domains: &[String]) -> Option<String> {
    let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
    let is_domain = domains.iter().any(|domain| domain.eq_ignore_ascii_case(&name));
    if is_domain || name.parse::<IpAddr>().is_ok() || name.starts_with('[') {
        return None;
    }
    let (label, _) = name.split_once('.')?;
    bucket_name::problem(label).is_none().then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(request: http::request::Builder) -> Result<Request> {
        let domains = ["s3.example.org".to_owned()];
        Request::parse(request.body(()).unwrap().into_parts().0, &domains)
    }

    fn get(uri: &str) -> http::request::Builder {
        http::Request::get(uri)
    }

    #[test]
    fn the_host_is_one_and_stands_among_the_headers() {
        let host = |request| parse(request).map(|read: Request| read.headers[HOST].clone());
        assert_eq!(host(get("/").header("host", "a:1")).unwrap(), "a:1");
        assert_eq!(host(get("http://a:1/bucket")).unwrap(), "a:1");
        assert_eq!(host(get("http://a:1/bucket").header("host", "A:1")).unwrap(), "A:1");
        for wrong in [
            get("/"),
            get("http://a/bucket").header("host", "b"),
            get("/").header("host", "a").header("host", "a"),
        ] {
            assert!(host(wrong).is_err());
        }
        let old = get("/bucket/k").version(Version::HTTP_10);
        assert!(parse(old).unwrap().headers.get(HOST).is_none());
    }

    #[test]
    fn a_bucket_may_be_in_the_name_of_a_host_that_is_served() {
        let read = parse(get("/k/l").header("host", "bucket.s3.example.org:90")).unwrap();
        assert_eq!((read.bucket(), read.key()), ("bucket", "k/l"));
        assert_eq!((read.bucket_of_host.as_deref(), read.bucket_meant), (Some("bucket"), None));
        for (host, meant) in [
            ("bucket.elsewhere.org:90", Some("bucket")),
            ("s3.example.org", None),
            ("localhost:90", None),
            ("127.0.0.1:90", None),
            ("[::1]:90", None),
            ("s3.elsewhere.org", None),
        ] {
            let read = parse(get("/other/k").header("host", host)).unwrap();
            assert_eq!((read.bucket(), read.bucket_meant.as_deref()), ("other", meant), "{host}");
        }
    }

    #[test]
    fn what_can_not_be_a_bucket_is_refused_before_it_is_looked_for() {
        for path in ["/b%2Fk", "/..", "/.buckets/b", "/A"] {
            let refused = parse(get(path).header("host", "h")).unwrap_err();
            assert_eq!(refused.code().name(), "InvalidBucketName", "{path}");
        }
    }

    #[test]
    fn numbers_are_digits_and_small() {
        let limit = |text: &str| {
            let read = parse(get(&format!("/bucket?max-keys={text}")).header("host", "h")).unwrap();
            read.number("max-keys").map_err(|error| error.code().name())
        };
        assert_eq!((limit("7"), limit(""), limit("0")), (Ok(Some(7)), Ok(None), Ok(Some(0))));
        for wrong in ["-1", "%2B1", "x", "1e3", "2147483648", "99999999999999999999"] {
            assert_eq!(limit(wrong), Err("InvalidArgument"), "{wrong}");
        }
    }
}
