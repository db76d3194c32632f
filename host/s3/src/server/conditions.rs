//! Conditional writes and deletes, as checks that the store makes atomically.

use super::error::s3;
use super::meta::has_etag;
use s3s::dto::{ETag, IfMatch, IfNoneMatch, Timestamp};
use s3s::{S3Result, s3_error};
use storage_contract::etag::unmask;
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions};

/// Translates `If-Match` and `If-None-Match` of a write into store options. A
/// condition that stores cannot express (`If-Match: *`, `If-None-Match` with an
/// etag) becomes a match on the current etag, so a concurrent change fails the
/// write.
pub async fn of_put(
    objects: &Objects,
    key: &str,
    options: &mut PutOptions,
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
) -> S3Result<()> {
    if if_match.is_none() && if_none_match.is_none() {
        return Ok(());
    }
    if !objects.capabilities().conditional {
        return Err(s3_error!(NotImplemented, "this store does not check conditions of writes"));
    }
    if let Some(condition) = if_none_match {
        match condition.into_etag() {
            None => options.if_absent = true,
            Some(etag) => match current(objects, key).await? {
                None => options.if_absent = true,
                Some(info) if has_etag(&info, &etag) => {
                    return Err(s3_error!(PreconditionFailed));
                }
                Some(info) => options.if_match = info.etag,
            },
        }
    }
    if let Some(condition) = if_match {
        options.if_match = match condition.into_etag() {
            Some(etag) => Some(kept(objects, key, etag).await?),
            None => match current(objects, key).await? {
                Some(info) => info.etag,
                None => return Err(s3_error!(NoSuchKey)),
            },
        };
    }
    Ok(())
}

/// The store's etag for an etag that a client was shown.
async fn kept(objects: &Objects, key: &str, shown: ETag) -> S3Result<String> {
    if unmask(shown.value()) != shown.value()
        && let Some(info) = current(objects, key).await?
        && has_etag(&info, &shown)
        && let Some(etag) = info.etag
    {
        return Ok(etag);
    }
    Ok(shown.into_value())
}

async fn current(objects: &Objects, key: &str) -> S3Result<Option<ObjectInfo>> {
    match objects.stat(key).await {
        Ok(info) => Ok(Some(info)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(s3(error, key)),
    }
}

/// The conditions of a delete.
#[derive(Default)]
pub struct OfDelete {
    /// The expected etag; `Some(None)` accepts any.
    pub etag: Option<Option<ETag>>,
    pub size: Option<i64>,
    pub modified: Option<Timestamp>,
}

impl OfDelete {
    /// Deletes an object if all conditions hold. As in S3, deleting a missing
    /// object succeeds whatever the conditions.
    pub async fn delete(self, objects: &Objects, key: &str) -> S3Result<()> {
        let mut options = DeleteOptions::default();
        if let Some(Some(etag)) = self.etag {
            options.if_match = Some(kept(objects, key, etag).await?);
        }
        let any = options.if_match.is_some() || self.size.is_some() || self.modified.is_some();
        if any && !objects.capabilities().conditional {
            let text = "this store does not check conditions of deletes";
            return Err(s3_error!(NotImplemented, "{text}"));
        }
        if self.size.is_some() || self.modified.is_some() {
            let info = match objects.stat_with_size(key).await {
                Err(Error::NotFound) => return Ok(()),
                info => info.map_err(|error| s3(error, key))?,
            };
            let size = info.size.and_then(|size| i64::try_from(size).ok());
            // S3 sends the time in whole seconds.
            let seconds = |time: Timestamp| time::OffsetDateTime::from(time).unix_timestamp();
            let modified = info.modified.and_then(|ms| i64::try_from(ms / 1000).ok());
            if self.size.is_some_and(|wanted| size != Some(wanted))
                || self.modified.is_some_and(|wanted| modified != Some(seconds(wanted)))
            {
                return Err(s3_error!(PreconditionFailed));
            }
            // Delete only the version that was checked.
            options.if_match = options.if_match.or(info.etag);
        }
        match objects.delete(key, options).await {
            Err(Error::NotFound) => Ok(()),
            done => done.map_err(|error| s3(error, key)),
        }
    }
}
