//! The headers of a request, and the parameters that stand for headers.

use super::error::{Result, error};
use super::query::Query;
use http::HeaderMap;

/// The headers of a request. In a URL that is signed by version 4, parameters of the name
/// of an `x-amz-` header stand for it: clients move headers there, and all are signed.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    headers: &'a HeaderMap,
    parameters: Option<&'a Query>,
}

impl<'a> Head<'a> {
    /// The head with these headers, and with the parameters of a URL that is signed by
    /// version 4.
    pub fn new(headers: &'a HeaderMap, parameters: Option<&'a Query>) -> Self {
        Self { headers, parameters }
    }

    /// The value of a header, of which there may be one.
    pub fn one(&self, name: &str) -> Result<Option<&'a str>> {
        let mut found = self.headers.get_all(name).iter();
        let value = match (found.next(), found.next()) {
            (None, _) => None,
            (Some(value), None) => Some(text(name, value.as_bytes())?),
            _ => return Err(error!(InvalidArgument, "the header {name} is there twice")),
        };
        match (value, self.parameter(name)?) {
            (Some(_), Some(_)) => {
                Err(error!(InvalidArgument, "{name} is there twice: as a header and in the query"))
            }
            (value, parameter) => Ok(value.or(parameter)),
        }
    }

    /// The values of a header that is a list: those of all its lines together.
    pub fn list(&self, name: &str) -> Result<Option<String>> {
        let mut all = Vec::new();
        for value in self.headers.get_all(name) {
            all.push(text(name, value.as_bytes())?);
        }
        all.extend(self.parameter(name)?);
        Ok((!all.is_empty()).then(|| all.join(", ")))
    }

    /// Whether there is such a header.
    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name) || self.parameters_of(name).next().is_some()
    }

    /// The headers whose names begin with `prefix`, without it and in lower case, each
    /// with its values joined by commas.
    pub fn below(&self, prefix: &str) -> Result<Vec<(String, String)>> {
        let mut found: Vec<(String, String)> = Vec::new();
        for name in self.headers.keys() {
            if let Some(rest) = name.as_str().strip_prefix(prefix) {
                let mut values = Vec::new();
                for value in self.headers.get_all(name) {
                    values.push(text(name.as_str(), value.as_bytes())?);
                }
                found.push((rest.to_owned(), values.join(",")));
            }
        }
        for parameter in self.parameters.into_iter().flat_map(Query::iter) {
            let name = parameter.name.to_ascii_lowercase();
            if let Some(rest) = name.strip_prefix(prefix) {
                if found.iter().any(|(found, _)| found == rest) {
                    return Err(error!(InvalidArgument, "{name} is there twice"));
                }
                found.push((rest.to_owned(), parameter.value.clone().unwrap_or_default()));
            }
        }
        found.sort();
        Ok(found)
    }

    fn parameter(&self, name: &str) -> Result<Option<&'a str>> {
        let mut found = self.parameters_of(name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(error!(InvalidArgument, "the parameter {name} is there twice")),
            (first, None) => Ok(first),
        }
    }

    fn parameters_of(&self, name: &str) -> impl Iterator<Item = &'a str> {
        // The SDK for JavaScript signs the digest of no bytes into the URL of an upload;
        // S3 passes over it.
        let stands = name.starts_with("x-amz-") && !is_digest(name);
        let parameters = self.parameters.filter(|_| stands);
        let all = parameters.into_iter().flat_map(Query::iter);
        let named = all.filter(move |parameter| parameter.name.eq_ignore_ascii_case(name));
        let named: Vec<_> = named.collect();
        named.into_iter().map(|parameter| parameter.value.as_deref().unwrap_or_default())
    }
}

/// Whether a header has the digest of a body.
pub fn is_digest(name: &str) -> bool {
    let algorithm = name.strip_prefix("x-amz-checksum-");
    matches!(algorithm, Some("crc32" | "crc32c" | "crc64nvme" | "sha1" | "sha256"))
}

fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(value)
        .map(str::trim)
        .map_err(|_| error!(InvalidArgument, "the header {name} is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(all: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_header_that_is_asked_for_is_there_once_and_is_text() {
        let headers = headers(&[("a", b" 1 "), ("b", b"1"), ("b", b"2"), ("c", b"caf\xe9")]);
        let head = Head::new(&headers, None);
        assert_eq!(head.one("a").unwrap(), Some("1"));
        assert_eq!(head.one("none").unwrap(), None);
        assert_eq!(head.list("b").unwrap().as_deref(), Some("1, 2"));
        for (name, told) in [("b", "twice"), ("c", "not UTF-8")] {
            let error = head.one(name).unwrap_err();
            assert_eq!(error.code().name(), "InvalidArgument");
            assert!(error.message().contains(told) && error.message().contains(name), "{error}");
        }
    }

    #[test]
    fn parameters_of_a_signed_url_stand_for_headers() {
        let headers = headers(&[("x-amz-meta-a", b"1"), ("x-amz-tagging", b"t")]);
        let query = "X-Amz-Acl=private&x-amz-meta-B=2&x-amz-tagging=u&range=bytes%3D0-1\
                     &x-amz-checksum-crc32=AAAAAA%3D%3D";
        let query = Query::parse(query).unwrap();
        let head = Head::new(&headers, Some(&query));
        assert_eq!(head.one("x-amz-acl").unwrap(), Some("private"));
        assert!(head.one("x-amz-tagging").is_err() && head.has("x-amz-acl"));
        assert_eq!(head.one("range").unwrap(), None, "which is not of S3's headers");
        assert_eq!(head.one("x-amz-checksum-crc32").unwrap(), None, "which is of no bytes");
        let metadata = head.below("x-amz-meta-").unwrap();
        assert_eq!(metadata, [("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(Head::new(&headers, None).one("x-amz-acl").unwrap(), None);
    }
}
