//! What a request names: the service, a bucket or an object.

use super::error::{Error, Result, error};
use percent_encoding::percent_decode_str;

/// The most bytes of a key ("Naming Amazon S3 objects" in the S3 user guide).
pub const MAX_KEY_BYTES: usize = 1_024;

/// What the path and the host of a request name. Names are decoded, and not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The whole service.
    Service,
    /// A bucket.
    Bucket(String),
    /// An object in a bucket.
    Object {
        /// The bucket's name.
        bucket: String,
        /// The object's key, of 1 to 1,024 bytes.
        key: String,
    },
}

/// The kinds of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// [`Target::Service`].
    Service,
    /// [`Target::Bucket`].
    Bucket,
    /// [`Target::Object`].
    Object,
}

impl Target {
    /// Reads a path in its percent-encoded form. Unless the host names the bucket
    /// (virtual-hosted style), the first segment of the path does.
    pub fn parse(path: &str, bucket_of_host: Option<&str>) -> Result<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = match bucket_of_host {
            Some(bucket) => (bucket.to_owned(), path),
            None => {
                // An encoded slash is part of a name and separates nothing.
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (decoded(bucket)?, key)
            }
        };
        let key = decoded(key)?;
        if bucket.is_empty() && key.is_empty() {
            return Ok(Self::Service);
        }
        if bucket.is_empty() {
            return Err(error!(InvalidBucketName, "the path names no bucket before the key"));
        }
        if key.is_empty() {
            return Ok(Self::Bucket(bucket));
        }
        if key.len() > MAX_KEY_BYTES {
            return Err(too_long(&key));
        }
        Ok(Self::Object { bucket, key })
    }

    /// Its kind.
    pub fn level(&self) -> Level {
        match self {
            Self::Service => Level::Service,
            Self::Bucket(_) => Level::Bucket,
            Self::Object { .. } => Level::Object,
        }
    }

    /// The bucket that it is or is in.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::Service => None,
            Self::Bucket(bucket) | Self::Object { bucket, .. } => Some(bucket),
        }
    }

    /// The object's key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Object { key, .. } => Some(key),
            Self::Service | Self::Bucket(_) => None,
        }
    }
}

/// The error for a key beyond the limit of S3, with the elements that S3 gives it.
pub fn too_long(key: &str) -> Error {
    let size = key.len();
    error!(KeyTooLongError, "a key of S3 has at most {MAX_KEY_BYTES} bytes, not {size}")
        .detail("Size", size.to_string())
        .detail("MaxSizeAllowed", MAX_KEY_BYTES.to_string())
}

/// The bucket in the name of a host below one of the domains: the longest, if it is below
/// several. A host that is a domain itself names none.
pub fn bucket_of_host(host: &str, domains: &[String]) -> Option<String> {
    let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
    let domains = domains.iter().map(|domain| domain.to_ascii_lowercase());
    let within = |domain: &String| {
        name.strip_suffix(domain.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let domain = domains.filter(within).max_by_key(String::len)?;
    let bucket = name.strip_suffix(&domain)?.strip_suffix('.')?;
    (!bucket.is_empty()).then(|| bucket.to_owned())
}

/// The name or address in a `Host` header.
pub fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Decodes a segment. A percent sign begins two hexadecimal digits (RFC 3986, section
/// 2.1), and the bytes are UTF-8.
fn decoded(text: &str) -> Result<String> {
    if !is_encoded(text) {
        return Err(error!(
            InvalidURI,
            "a \"%\" in the path has no two hexadecimal digits after it"
        ));
    }
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| error!(InvalidURI, "the path is not UTF-8"))
}

/// Whether every percent sign begins an encoded byte.
pub(super) fn is_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<Target> {
        Target::parse(path, bucket_of_host("127.0.0.1:9000", &[]).as_deref())
    }

    fn object(bucket: &str, key: &str) -> Target {
        Target::Object { bucket: bucket.to_owned(), key: key.to_owned() }
    }

    #[test]
    fn a_path_names_a_bucket_and_a_key() {
        for (path, target) in [
            ("/", Target::Service),
            ("", Target::Service),
            ("/b", Target::Bucket("b".to_owned())),
            ("/b/", Target::Bucket("b".to_owned())),
            ("/b/k", object("b", "k")),
            ("/b//k", object("b", "/k")),
            ("/b/k/", object("b", "k/")),
            ("/b/a%2Fb%20c+d", object("b", "a/b c+d")),
            ("/b/../%2e%2E/.", object("b", "../../.")),
            ("/b/%C3%A9\u{20ac}", object("b", "é€")),
            // Never an object: a name that holds a slash is not a bucket's.
            ("/b%2Fk", Target::Bucket("b/k".to_owned())),
        ] {
            assert_eq!(parse(path).unwrap(), target, "{path}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("/b/{}", "k".repeat(1_025));
        for (path, code) in [
            ("/b/%", "InvalidURI"),
            ("/b/%g0", "InvalidURI"),
            ("/b/%2", "InvalidURI"),
            ("/b%ff", "InvalidURI"),
            ("//k", "InvalidBucketName"),
            (long.as_str(), "KeyTooLongError"),
        ] {
            assert_eq!(parse(path).unwrap_err().code().name(), code);
        }
        assert!(parse(&long[..long.len() - 1]).is_ok());
    }

    #[test]
    fn a_host_below_a_domain_names_the_bucket() {
        let domains = ["example.org", "S3.Example.org", "localhost"].map(str::to_owned);
        for (host, target) in [
            ("b.s3.example.org", object("b", "x/k")),
            ("B.S3.Example.org:9000", object("b", "x/k")),
            ("b.c.localhost", object("b.c", "x/k")),
            ("s3.example.org", object("x", "k")),
            ("bs3.example.org", object("bs3", "x/k")),
            ("notexample.org", object("x", "k")),
            ("[::1]:9000", object("x", "k")),
            ("b.s3.example.org.", object("b", "x/k")),
            ("s3.example.org.", object("x", "k")),
        ] {
            let bucket = bucket_of_host(host, &domains);
            assert_eq!(Target::parse("/x/k", bucket.as_deref()).unwrap(), target, "{host}");
        }
        let bucket = Target::parse("/", Some("b")).unwrap();
        assert_eq!(
            (bucket.level(), bucket.bucket(), bucket.key()),
            (Level::Bucket, Some("b"), None)
        );
        assert_eq!(without_port("[::1]:9000"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
