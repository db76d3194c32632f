//! The mapping between S3's view of an object and a store's metadata.
//!
//! User metadata keeps its names. Headers that S3 returns unchanged
//! (`cache-control` and the like) get names that begin with a colon, which no
//! header, and so no user metadata, can have. User metadata whose names are
//! reserved for stores gets such a prefix, too.

use super::checksum::{CHECKSUM, Sum};
use super::tags::TAGGING;
use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{self, ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};
use std::time::{Duration, UNIX_EPOCH};
use storage_contract::etag::{is_of_plain, mask};
use storage_store::{Metadata, ObjectInfo};

/// The prefix for user metadata with reserved names: another host that uses
/// this bucket as a store sends such names.
const USERS: &str = ":user:";

/// The S3 limit on user metadata, in bytes.
const MAX_METADATA: usize = 2 * 1024;

/// The headers that are stored and returned unchanged.
#[derive(Default)]
pub struct Kept {
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub expires: Option<Timestamp>,
    /// In the form of `x-amz-tagging`.
    pub tagging: Option<String>,
    /// Set only when an object is read.
    pub sum: Option<Sum>,
}

/// The [`Kept`] headers of an input. The input types share no trait.
macro_rules! kept {
    ($input:ident) => {
        $crate::server::meta::Kept {
            cache_control: $input.cache_control,
            content_disposition: $input.content_disposition,
            content_encoding: $input.content_encoding,
            content_language: $input.content_language,
            expires: $input.expires,
            tagging: $input.tagging,
            sum: None,
        }
    };
}

pub(super) use kept;

/// Encodes user metadata and headers as store metadata.
pub fn keep(user: Option<dto::Metadata>, kept: Kept) -> S3Result<Metadata> {
    let mut metadata: Metadata =
        user.unwrap_or_default().into_iter().map(|(n, v)| (n.to_ascii_lowercase(), v)).collect();
    // A form can send names that no header can have, such as the reserved ones.
    if let Some((name, _)) = metadata.iter().find(|(n, _)| n.parse::<http::HeaderName>().is_err()) {
        let text = format!("{name:?} is not a valid name for user metadata");
        return Err(S3Error::with_message(S3ErrorCode::InvalidArgument, text));
    }
    metadata.sort();
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA {
        let text = format!("user metadata has {size} bytes, more than {MAX_METADATA}");
        return Err(S3Error::with_message(S3ErrorCode::MetadataTooLarge, text));
    }
    let reserved = storage_contract::RESERVED_METADATA;
    for (name, _) in metadata.iter_mut().filter(|(name, _)| name.starts_with(reserved)) {
        name.insert_str(0, USERS);
    }
    let expires = kept.expires.and_then(|time| {
        let mut text = Vec::new();
        time.format(TimestampFormat::HttpDate, &mut text).ok()?;
        String::from_utf8(text).ok()
    });
    for (name, value) in [
        (":cache-control", kept.cache_control),
        (":content-disposition", kept.content_disposition),
        (":content-encoding", kept.content_encoding.as_deref().and_then(content_encoding)),
        (":content-language", kept.content_language),
        (":expires", expires),
        (TAGGING, super::tags::checked(kept.tagging)?),
    ] {
        metadata.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(metadata)
}

/// Removes `aws-chunked`, which describes the request, not the object.
fn content_encoding(value: &str) -> Option<String> {
    let codings: Vec<&str> =
        value.split(',').map(str::trim).filter(|c| !c.is_empty() && *c != "aws-chunked").collect();
    (!codings.is_empty()).then(|| codings.join(", "))
}

/// Decodes store metadata to user metadata and headers.
pub fn show(info: &ObjectInfo) -> (dto::Metadata, Kept) {
    let mut user = dto::Metadata::new();
    let mut kept = Kept::default();
    for (name, value) in &info.metadata {
        let value = value.clone();
        match name.as_str() {
            ":cache-control" => kept.cache_control = Some(value),
            ":content-disposition" => kept.content_disposition = Some(value),
            ":content-encoding" => kept.content_encoding = Some(value),
            ":content-language" => kept.content_language = Some(value),
            CHECKSUM => kept.sum = Sum::kept(&value, info.size),
            TAGGING => kept.tagging = Some(value),
            ":expires" => kept.expires = Timestamp::parse(TimestampFormat::HttpDate, &value).ok(),
            name if name.starts_with(storage_contract::RESERVED_METADATA) => {}
            // Written by something else: omit what no header can carry.
            name => {
                let name = name.strip_prefix(USERS).unwrap_or(name);
                if name.parse::<http::HeaderName>().is_ok() && HeaderValue::from_str(&value).is_ok()
                {
                    user.insert(name.to_owned(), value);
                }
            }
        }
    }
    (user, kept)
}

/// The metadata to keep when an object is rewritten: all but the stores' own.
pub fn carried(metadata: &Metadata) -> impl Iterator<Item = (String, String)> + '_ {
    let reserved = storage_contract::RESERVED_METADATA;
    metadata.iter().filter(move |(name, _)| !name.starts_with(reserved)).cloned()
}

/// Refuses any version id but `null`, that of the only version.
pub fn only_version(id: Option<&str>) -> S3Result<()> {
    match id {
        None | Some("" | NO_VERSION) => Ok(()),
        Some(_) => Err(S3Error::new(S3ErrorCode::NoSuchVersion)),
    }
}

/// The version id of objects in an unversioned bucket.
pub const NO_VERSION: &str = "null";

/// The etag that clients see. Masked if it is not of the bytes that they get,
/// since they take an MD5 for a digest of those bytes.
pub fn etag(info: &ObjectInfo) -> Option<ETag> {
    let etag = info.etag.clone()?;
    Some(ETag::Strong(if is_of_plain(info) { mask(etag) } else { etag }))
}

/// Whether clients see this etag for the object.
pub fn has_etag(info: &ObjectInfo, wanted: &ETag) -> bool {
    etag(info).is_some_and(|etag| etag.value() == wanted.value())
}

pub fn modified(info: &ObjectInfo) -> Option<Timestamp> {
    info.modified.map(|ms| (UNIX_EPOCH + Duration::from_millis(ms)).into())
}

/// The preconditions of a read.
pub struct Conditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// Whether no condition is set.
    pub fn is_empty(&self) -> bool {
        let Self { if_match, if_none_match, if_modified_since, if_unmodified_since } = self;
        if_match.is_none()
            && if_none_match.is_none()
            && if_modified_since.is_none()
            && if_unmodified_since.is_none()
    }

    /// Checks the conditions in the order of RFC 9110, section 13.2.2.
    /// `unchanged` is the error for a client that already has the object.
    pub fn check(&self, info: &ObjectInfo, unchanged: S3ErrorCode) -> S3Result<()> {
        let failed = || S3Error::new(S3ErrorCode::PreconditionFailed);
        let unchanged = || {
            let mut error = S3Error::new(unchanged.clone());
            error.set_headers(validators(info));
            error
        };
        // HTTP dates have whole seconds.
        let whole = info.modified.map(|ms| UNIX_EPOCH + Duration::from_secs(ms / 1000));
        let changed_after =
            |time: &Timestamp| whole.is_some_and(|modified| Timestamp::from(modified) > *time);
        if let Some(wanted) = &self.if_match {
            if !matches(wanted, info) {
                return Err(failed());
            }
        } else if self.if_unmodified_since.as_ref().is_some_and(changed_after) {
            return Err(failed());
        }
        if let Some(known) = &self.if_none_match {
            if matches(known, info) {
                return Err(unchanged());
            }
        } else if self.if_modified_since.as_ref().is_some_and(|time| !changed_after(time)) {
            return Err(unchanged());
        }
        Ok(())
    }
}

/// The headers of a response without a body (RFC 9110, section 15.4.5).
fn validators(info: &ObjectInfo) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let etag = etag(info).and_then(|etag| format!("\"{}\"", etag.value()).parse().ok());
    headers.extend(etag.map(|etag| (ETAG, etag)));
    let mut text = Vec::new();
    let written = modified(info)
        .and_then(|time| time.format(TimestampFormat::HttpDate, &mut text).ok())
        .and_then(|()| HeaderValue::from_bytes(&text).ok());
    headers.extend(written.map(|time| (LAST_MODIFIED, time)));
    headers
}

fn matches(condition: &ETagCondition, info: &ObjectInfo) -> bool {
    match condition.as_etag() {
        Some(etag) => has_etag(info, etag),
        None => true,
    }
}
