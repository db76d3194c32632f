//! The mapping between S3's view of an object and a store's metadata.
//!
//! User metadata keeps its names. Headers that S3 returns unchanged (`cache-control` and
//! the like) get names that begin with a colon, which no header, and so no user metadata,
//! can have. User metadata whose names are reserved for stores gets such a prefix, too.

use super::checksum::Sum;
use super::tags::{TAGGING, checked};
use crate::protocol::date;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::head::Head;
use crate::protocol::response::{Response, set};
use http::HeaderValue;
use std::time::SystemTime;
use storage_contract::RESERVED_METADATA;
use storage_contract::etag::{is_of_plain, mask};
use storage_store::checksum::CHECKSUM;
use storage_store::{Metadata, ObjectInfo};

/// The prefix for user metadata with reserved names: another host that uses this bucket as
/// a store sends such names.
const USERS: &str = ":user:";

/// The S3 limit on user metadata, in bytes.
const MAX_METADATA: usize = 2 * 1024;

/// The headers that are stored and returned unchanged, with the names under which they are
/// stored and the parameters that replace them in a response.
const KEPT: [(&str, &str, &str); 5] = [
    ("cache-control", ":cache-control", "response-cache-control"),
    ("content-disposition", ":content-disposition", "response-content-disposition"),
    ("content-encoding", ":content-encoding", "response-content-encoding"),
    ("content-language", ":content-language", "response-content-language"),
    ("expires", ":expires", "response-expires"),
];

/// The content type that S3 reports for an object without one.
const CONTENT_TYPE: &str = "binary/octet-stream";

/// The metadata that a write asks for in its headers, tags among it.
pub fn of_headers(head: &Head<'_>) -> Result<Metadata> {
    let mut metadata = head.below("x-amz-meta-")?;
    // A form can send names that no header can have, such as the reserved ones.
    if let Some((name, _)) = metadata.iter().find(|(n, _)| n.parse::<http::HeaderName>().is_err()) {
        return Err(error!(InvalidArgument, "{name:?} is not a valid name for user metadata"));
    }
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA {
        return Err(error!(
            MetadataTooLarge,
            "user metadata has {size} bytes, more than {MAX_METADATA}"
        )
        .detail("Size", size.to_string())
        .detail("MaxSizeAllowed", MAX_METADATA.to_string()));
    }
    for (name, _) in metadata.iter_mut().filter(|(name, _)| name.starts_with(RESERVED_METADATA)) {
        name.insert_str(0, USERS);
    }
    for (header, name, _) in KEPT {
        let value = match header {
            "content-encoding" => head.list(header)?.as_deref().and_then(content_encoding),
            _ => head.one(header)?.map(str::to_owned),
        };
        metadata.extend(value.map(|value| (name.to_owned(), value)));
    }
    let tags = checked(head.one("x-amz-tagging")?)?;
    metadata.extend(tags.map(|tags| (TAGGING.to_owned(), tags)));
    Ok(metadata)
}

/// Removes `aws-chunked`, which describes the request, not the object.
fn content_encoding(value: &str) -> Option<String> {
    let codings: Vec<&str> =
        value.split(',').map(str::trim).filter(|c| !c.is_empty() && *c != "aws-chunked").collect();
    (!codings.is_empty()).then(|| codings.join(", "))
}

/// An entry of an object's metadata.
pub fn entry<'a>(info: &'a ObjectInfo, name: &str) -> Option<&'a str> {
    info.metadata.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The checksum of an object, if its bytes are still those that it is of.
pub fn sum(info: &ObjectInfo) -> Option<Sum> {
    Sum::kept(entry(info, CHECKSUM)?, info.size)
}

/// Adds what is kept of an object to a response. `replaced` tells the value of a parameter
/// that replaces a header.
pub fn show<'a>(
    info: &ObjectInfo,
    response: &mut Response,
    replaced: impl Fn(&'static str) -> Result<Option<&'a str>>,
) -> Result<()> {
    for (header, name, parameter) in KEPT {
        let value = replaced(parameter)?.or_else(|| entry(info, name));
        if let Some(value) = value {
            set(response, header, value);
        }
    }
    let kind = replaced("response-content-type")?.or(info.content_type.as_deref());
    set(response, "content-type", kind.unwrap_or(CONTENT_TYPE));
    let mut missing = 0;
    for (name, value) in &info.metadata {
        let is_ours = name.starts_with(RESERVED_METADATA);
        let name = name.strip_prefix(USERS).unwrap_or(name);
        if is_ours || name.starts_with(':') {
            continue;
        }
        // Written by something else: a name or value that no header can carry.
        let header = format!("x-amz-meta-{name}").parse::<http::HeaderName>();
        match (header, HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().insert(name, value);
            }
            _ => missing += 1,
        }
    }
    if missing > 0 {
        set(response, "x-amz-missing-meta", missing.to_string());
    }
    if let Some(etag) = etag(info) {
        set(response, "etag", quoted(&etag));
    }
    if let Some(modified) = modified(info) {
        set(response, "last-modified", date::to_http(modified));
    }
    Ok(())
}

/// The metadata to keep when an object is rewritten: all but the stores' own.
pub fn carried(metadata: &Metadata) -> impl Iterator<Item = (String, String)> + '_ {
    metadata.iter().filter(|(name, _)| !name.starts_with(RESERVED_METADATA)).cloned()
}

/// Refuses any version id but `null`, that of the only version.
pub fn only_version(id: Option<&str>) -> Result<()> {
    match id {
        None | Some("" | NO_VERSION) => Ok(()),
        Some(id) => Err(Error::from(Code::NoSuchVersion).detail("VersionId", id)),
    }
}

/// The version id of objects in an unversioned bucket.
pub const NO_VERSION: &str = "null";

/// The etag that clients see, without quotes. Masked if it is not of the bytes that they
/// get, since they take an MD5 for a digest of those bytes.
pub fn etag(info: &ObjectInfo) -> Option<String> {
    let etag = info.etag.clone()?;
    Some(if is_of_plain(info) { mask(etag) } else { etag })
}

/// An etag as headers and documents have it.
pub fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// When the object was written.
pub fn modified(info: &ObjectInfo) -> Option<SystemTime> {
    info.modified.map(date::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::response::empty;
    use http::{HeaderMap, StatusCode};

    fn of(headers: &[(&'static str, &str)]) -> Result<Metadata> {
        let headers: HeaderMap =
            headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        of_headers(&Head::new(&headers, None))
    }

    fn shown(info: &ObjectInfo, name: &str, replaced: Option<&str>) -> Option<String> {
        let mut response = empty(StatusCode::OK);
        show(info, &mut response, |_| Ok(replaced)).unwrap();
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_kept_of_a_request_is_shown_again() {
        let metadata = of(&[
            ("x-amz-meta-colour", "red"),
            ("x-amz-meta-storage-size", "7"),
            ("content-encoding", "aws-chunked, gzip"),
            ("expires", "never"),
        ])
        .unwrap();
        let info = ObjectInfo { metadata, ..ObjectInfo::default() };
        assert_eq!(entry(&info, ":content-encoding"), Some("gzip"));
        assert_eq!(entry(&info, "storage-size"), None, "which is a decorator's");
        for (name, value) in [
            ("x-amz-meta-colour", "red"),
            ("x-amz-meta-storage-size", "7"),
            ("content-encoding", "gzip"),
            ("expires", "never"),
            ("content-type", "binary/octet-stream"),
        ] {
            assert_eq!(shown(&info, name, None).as_deref(), Some(value), "{name}");
        }
        assert_eq!(shown(&info, "expires", Some("x")).as_deref(), Some("x"));
        assert_eq!(shown(&info, "cache-control", Some("x")).as_deref(), Some("x"));
    }

    #[test]
    fn what_no_header_can_carry_is_counted() {
        let metadata = vec![("a b".into(), "x".into()), ("c".into(), "x\ny".into())];
        let info = ObjectInfo { metadata, ..ObjectInfo::default() };
        assert_eq!(shown(&info, "x-amz-missing-meta", None).as_deref(), Some("2"));
    }

    #[test]
    fn metadata_has_a_limit() {
        let long = "x".repeat(MAX_METADATA);
        assert_eq!(of(&[("x-amz-meta-a", &long)]).unwrap_err().code(), Code::MetadataTooLarge);
        assert!(of(&[("x-amz-meta-a", &long[1..])]).is_ok());
    }
}
