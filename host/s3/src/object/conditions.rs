//! Conditions of reads, and of writes and deletes, which the store checks atomically.

use super::metadata::{entry, etag, modified, quoted};
use crate::protocol::date;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::etag::Etags;
use crate::protocol::head::Head;
use crate::store_error::of_store;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, ETAG, EXPIRES, HeaderName, LAST_MODIFIED};
use std::time::{SystemTime, UNIX_EPOCH};
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error as StoreError, ObjectInfo, PutOptions};

/// The preconditions of a read.
#[derive(Debug, Default)]
pub struct OfRead {
    if_match: Option<Etags>,
    if_none_match: Option<Etags>,
    if_modified_since: Option<SystemTime>,
    if_unmodified_since: Option<SystemTime>,
    /// What stands before the names of the headers.
    prefix: &'static str,
}

impl OfRead {
    /// The conditions of a request on its object.
    pub fn of(head: &Head<'_>) -> Result<Self> {
        Self::with_prefix(head, "")
    }

    /// The conditions of a copy on its source.
    pub fn of_source(head: &Head<'_>) -> Result<Self> {
        Self::with_prefix(head, "x-amz-copy-source-")
    }

    fn with_prefix(head: &Head<'_>, prefix: &'static str) -> Result<Self> {
        let etags = |name: &str| {
            let text = head.list(&format!("{prefix}{name}"))?;
            Ok::<_, Error>(text.map(|text| Etags::parse(&text)))
        };
        // A date that can't be read is ignored (RFC 9110, section 13.1.3).
        let date = |name: &str| {
            let text = head.one(&format!("{prefix}{name}"))?;
            Ok::<_, Error>(text.and_then(date::http))
        };
        Ok(Self {
            if_match: etags("if-match")?,
            if_none_match: etags("if-none-match")?,
            if_modified_since: date("if-modified-since")?,
            if_unmodified_since: date("if-unmodified-since")?,
            prefix,
        })
    }

    /// Whether no condition is set.
    pub fn is_empty(&self) -> bool {
        self.if_match.is_none()
            && self.if_none_match.is_none()
            && self.if_modified_since.is_none()
            && self.if_unmodified_since.is_none()
    }

    /// Checks the conditions in the order of RFC 9110, section 13.2.2. A read of an object
    /// that the client already has is `NotModified`; for the source of a copy, that is a
    /// condition that fails, too.
    pub fn check(&self, info: &ObjectInfo) -> Result<()> {
        let etag = etag(info);
        let names = |etags: &Etags| etags.name(etag.as_deref());
        // HTTP dates have whole seconds.
        let changed_after = |time: SystemTime| {
            info.modified.is_some_and(|ms| ms / 1000 > seconds(time).unwrap_or(0))
        };
        let failed = |name: &str| Err(failed(&format!("{}{name}", self.prefix)));
        let unchanged = |name: &str| match self.prefix {
            "" => Err(not_modified(info)),
            _ => failed(name),
        };
        match (&self.if_match, self.if_unmodified_since) {
            (Some(wanted), _) if !names(wanted) => return failed("If-Match"),
            (None, Some(time)) if changed_after(time) => return failed("If-Unmodified-Since"),
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(known), _) if names(known) => unchanged("If-None-Match"),
            (None, Some(time)) if !changed_after(time) => unchanged("If-Modified-Since"),
            _ => Ok(()),
        }
    }
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn failed(condition: &str) -> Error {
    Error::from(Code::PreconditionFailed).detail("Condition", condition)
}

/// The answer to a read of an unchanged object, with the headers that belong to it (RFC
/// 9110, section 15.4.5).
fn not_modified(info: &ObjectInfo) -> Error {
    let headers: [(HeaderName, Option<String>); 4] = [
        (ETAG, etag(info).map(|etag| quoted(&etag))),
        (LAST_MODIFIED, modified(info).map(date::to_http)),
        (CACHE_CONTROL, entry(info, ":cache-control").map(str::to_owned)),
        (EXPIRES, entry(info, ":expires").map(str::to_owned)),
    ];
    headers.into_iter().fold(Error::from(Code::NotModified), |error, (name, value)| {
        match value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            Some(value) => error.header(name, value),
            None => error,
        }
    })
}

/// Whether a range is to be used: `If-Range` names the object as it is (RFC 9110, section
/// 13.1.5).
pub fn uses_range(head: &Head<'_>, info: &ObjectInfo) -> Result<bool> {
    let Some(text) = head.one("if-range")? else { return Ok(true) };
    if let Some(time) = date::http(text) {
        return Ok(info.modified.is_some_and(|ms| Some(ms / 1000) == seconds(time)));
    }
    // Only a strong etag will do.
    Ok(!text.starts_with("W/") && Etags::parse(text).name(etag(info).as_deref()))
}

/// The preconditions of a write.
#[derive(Debug, Default)]
pub struct OfWrite {
    if_match: Option<Etags>,
    if_none_match: Option<Etags>,
}

impl OfWrite {
    /// Reads the headers.
    pub fn of(head: &Head<'_>) -> Result<Self> {
        let etags = |name| Ok::<_, Error>(head.list(name)?.map(|text| Etags::parse(&text)));
        Ok(Self { if_match: etags("if-match")?, if_none_match: etags("if-none-match")? })
    }

    /// What tells one set of conditions from another.
    pub fn fingerprint(&self) -> String {
        format!("{self:?}")
    }

    /// Translates the conditions into options of the store. One that stores cannot express
    /// (`If-Match: *`, several etags, `If-None-Match` with an etag) becomes a match on the
    /// current etag, so that a concurrent change fails the write.
    pub async fn apply(
        &self,
        objects: &Objects,
        key: &str,
        options: &mut PutOptions,
    ) -> Result<()> {
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return Ok(());
        }
        if !objects.capabilities().conditional {
            return Err(error!(NotImplemented, "this store does not check conditions of writes"));
        }
        let found = current(objects, key).await?;
        if let Some(wanted) = &self.if_match {
            let Some(info) = &found else { return Err(Error::from(Code::NoSuchKey)) };
            if !wanted.name(etag(info).as_deref()) {
                return Err(failed("If-Match"));
            }
        }
        if let (Some(unwanted), Some(info)) = (&self.if_none_match, &found)
            && unwanted.name(etag(info).as_deref())
        {
            return Err(failed("If-None-Match"));
        }
        match found {
            Some(info) => options.if_match = info.etag,
            None => options.if_absent = true,
        }
        Ok(())
    }

    /// The S3 error for a failed write under these conditions.
    pub fn error(&self, error: StoreError) -> Error {
        let condition = match (&self.if_match, &self.if_none_match) {
            (Some(_), _) => "If-Match",
            (None, Some(_)) => "If-None-Match",
            (None, None) => return of_store(error),
        };
        match error {
            StoreError::AlreadyExists | StoreError::PreconditionFailed => failed(condition),
            error => of_store(error),
        }
    }
}

async fn current(objects: &Objects, key: &str) -> Result<Option<ObjectInfo>> {
    match objects.stat(key).await {
        Ok(info) => Ok(Some(info)),
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(of_store(error)),
    }
}

/// The conditions of a delete.
#[derive(Debug, Default)]
pub struct OfDelete {
    /// The etags of which the object has one.
    pub etags: Option<Etags>,
    /// Its size.
    pub size: Option<u64>,
    /// When it was written, in whole seconds.
    pub modified: Option<SystemTime>,
}

impl OfDelete {
    /// Reads the headers.
    pub fn of(head: &Head<'_>) -> Result<Self> {
        let size = head.one("x-amz-if-match-size")?;
        let size = size.map(|size| {
            size.parse().map_err(|_| error!(InvalidArgument, "x-amz-if-match-size is a number"))
        });
        let modified = head.one("x-amz-if-match-last-modified-time")?;
        let modified = modified.map(|text| {
            any_date(text).ok_or_else(|| {
                error!(InvalidArgument, "x-amz-if-match-last-modified-time is a date of HTTP")
            })
        });
        Ok(Self {
            etags: head.list("if-match")?.map(|text| Etags::parse(&text)),
            size: size.transpose()?,
            modified: modified.transpose()?,
        })
    }

    /// Deletes an object if all conditions hold. As in S3, deleting a missing object
    /// succeeds whatever the conditions, and so does deleting what the store can't hold.
    pub async fn delete(self, objects: &Objects, key: &str) -> Result<()> {
        let mut options = DeleteOptions::default();
        let is_any = matches!(self.etags, None | Some(Etags::Any));
        if !is_any || self.size.is_some() || self.modified.is_some() {
            if !objects.capabilities().conditional {
                let text = "this store does not check conditions of deletes";
                return Err(error!(NotImplemented, "{text}"));
            }
            let info = match objects.stat_with_size(key).await {
                Err(StoreError::NotFound | StoreError::InvalidKey(_)) => return Ok(()),
                info => info.map_err(of_store)?,
            };
            let etags = self.etags.as_ref();
            if etags.is_some_and(|etags| !etags.name(etag(&info).as_deref())) {
                return Err(failed("If-Match"));
            }
            if self.size.is_some_and(|wanted| info.size != Some(wanted)) {
                return Err(failed("x-amz-if-match-size"));
            }
            let at = info.modified.map(|ms| ms / 1000);
            if self.modified.is_some_and(|wanted| at != seconds(wanted)) {
                return Err(failed("x-amz-if-match-last-modified-time"));
            }
            // Delete only the version that was checked.
            options.if_match = info.etag;
        }
        match objects.delete(key, options).await {
            Err(StoreError::NotFound | StoreError::InvalidKey(_)) => Ok(()),
            Err(StoreError::PreconditionFailed) => Err(failed("If-Match")),
            done => done.map_err(of_store),
        }
    }
}

/// Reads a date in the form of HTTP or of documents.
pub fn any_date(text: &str) -> Option<SystemTime> {
    date::http(text).or_else(|| date::iso(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn info() -> ObjectInfo {
        ObjectInfo {
            etag: Some("e".to_owned()),
            modified: Some(784_111_777_500),
            ..ObjectInfo::default()
        }
    }

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect()
    }

    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sunday, 06-Nov-94 08:49:36 GMT";

    #[test]
    fn conditions_of_reads_hold_as_in_http() {
        for (all, code) in [
            (&[][..], ""),
            (&[("if-match", "\"e\"")], ""),
            (&[("if-match", "\"x\", W/\"e\"")], ""),
            (&[("if-match", "*")], ""),
            (&[("if-match", "\"x\"")], "PreconditionFailed"),
            (&[("if-none-match", "e")], "NotModified"),
            (&[("if-none-match", "*")], "NotModified"),
            (&[("if-none-match", "\"x\"")], ""),
            (&[("if-modified-since", THEN)], "NotModified"),
            (&[("if-modified-since", BEFORE)], ""),
            (&[("if-modified-since", "yesterday")], ""),
            (&[("if-unmodified-since", THEN)], ""),
            (&[("if-unmodified-since", BEFORE)], "PreconditionFailed"),
            (&[("if-unmodified-since", "yesterday")], ""),
            // An etag has precedence over a date.
            (&[("if-match", "\"e\""), ("if-unmodified-since", BEFORE)], ""),
            (&[("if-none-match", "\"x\""), ("if-modified-since", THEN)], ""),
            (&[("if-match", "\"e\""), ("if-none-match", "\"e\"")], "NotModified"),
        ] {
            let map = headers(all);
            let found = OfRead::of(&Head::new(&map, None)).unwrap().check(&info());
            assert_eq!(found.map_or_else(|error| error.code().name(), |()| ""), code, "{all:?}");
        }
    }

    #[test]
    fn a_source_that_is_unchanged_is_a_condition_that_fails() {
        let map = headers(&[("x-amz-copy-source-if-none-match", "\"e\"")]);
        let error = OfRead::of_source(&Head::new(&map, None)).unwrap().check(&info()).unwrap_err();
        assert_eq!(error.code(), Code::PreconditionFailed);
        let document = error.document("/b/k", "1");
        let condition = "<Condition>x-amz-copy-source-If-None-Match</Condition>";
        assert!(document.contains(condition), "{document}");
    }

    #[test]
    fn a_range_is_used_while_the_object_is_the_same() {
        for (value, used) in
            [("\"e\"", true), ("\"x\"", false), ("W/\"e\"", false), (THEN, true), (BEFORE, false)]
        {
            let map = headers(&[("if-range", value)]);
            assert_eq!(uses_range(&Head::new(&map, None), &info()).unwrap(), used, "{value}");
        }
        assert!(uses_range(&Head::new(&HeaderMap::new(), None), &info()).unwrap());
    }
}
