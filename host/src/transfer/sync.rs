//! Makes one store hold what another holds.

use super::clear::remove;
use super::{CONCURRENCY, Control, Counts, Done, copy_one};
use crate::objects::Objects;
use crate::store::{Error, ObjectInfo, Result};
use futures::{StreamExt, TryStreamExt};
use std::collections::HashMap;

/// What to make equal.
pub struct Sync<'a> {
    /// The store to follow,
    pub from: &'a Objects,
    /// below this prefix.
    pub from_prefix: &'a str,
    /// The store to change,
    pub to: &'a Objects,
    /// below this prefix.
    pub to_prefix: &'a str,
    /// A name that is there is enough: don't compare what is under it.
    pub names_only: bool,
    /// Delete what the source does not have.
    pub delete: bool,
    /// Delete nothing when it would be more than this many.
    pub max_delete: Option<usize>,
}

/// Syncs. The error is that of a listing, or a refused delete; nothing is
/// deleted then.
pub async fn sync(what: &Sync<'_>, control: &Control<'_>) -> Result<Counts> {
    let source = listed(what.from, what.from_prefix).await?;
    let target = listed(what.to, what.to_prefix).await?;
    let surplus = surplus(what, &source, &target)?;
    let mut counts = Counts::default();
    let work = source.iter().map(|(name, info)| {
        let there = target.get(name);
        async move {
            let done = update(what, name, info, there, control).await;
            (name.clone(), done)
        }
    });
    let mut done = futures::stream::iter(work).buffer_unordered(CONCURRENCY);
    while let Some((name, result)) = done.next().await {
        counts.add(format!("{}{name}", what.from_prefix), result);
        (control.progress)(&counts);
    }
    // Deleting comes last, and not at all when something went wrong before.
    if !counts.complete() {
        return Ok(counts);
    }
    let work = surplus.into_iter().map(|name| async move {
        let key = format!("{}{name}", what.to_prefix);
        let done = remove(what.to, &key, control).await;
        (key, done)
    });
    let mut done = futures::stream::iter(work).buffer_unordered(CONCURRENCY);
    while let Some((key, result)) = done.next().await {
        counts.add(key, result);
        (control.progress)(&counts);
    }
    Ok(counts)
}

/// Every object below the prefix, by the rest of its key.
async fn listed(objects: &Objects, prefix: &str) -> Result<HashMap<String, ObjectInfo>> {
    objects
        .entries(prefix)
        .map_ok(|entry| {
            let name = entry.key.strip_prefix(prefix).unwrap_or(&entry.key).to_owned();
            (name, entry.info)
        })
        .try_collect()
        .await
}

/// The names to delete, if deleting is asked for and sane.
fn surplus(
    what: &Sync<'_>,
    source: &HashMap<String, ObjectInfo>,
    target: &HashMap<String, ObjectInfo>,
) -> Result<Vec<String>> {
    if !what.delete {
        return Ok(Vec::new());
    }
    let names: Vec<String> =
        target.keys().filter(|name| !source.contains_key(*name)).cloned().collect();
    if source.is_empty() && !names.is_empty() {
        return Err(Error::LimitExceeded(format!(
            "the source is empty, so all {} objects of the target would be deleted; `clear` does that",
            names.len()
        )));
    }
    match what.max_delete {
        Some(most) if names.len() > most => Err(Error::LimitExceeded(format!(
            "{} objects would be deleted, more than the {most} that are allowed; nothing was changed",
            names.len()
        ))),
        _ => Ok(names),
    }
}

async fn update(
    what: &Sync<'_>,
    name: &str,
    source: &ObjectInfo,
    target: Option<&ObjectInfo>,
    control: &Control<'_>,
) -> Result<Done> {
    if control.stop.stopped() {
        return Ok(Done::Stopped);
    }
    let (from, to) = (format!("{}{name}", what.from_prefix), format!("{}{name}", what.to_prefix));
    if let Some(target) = target
        && (what.names_only || equal(what, &from, source, &to, target).await?)
    {
        return Ok(Done::Skipped);
    }
    if control.dry_run {
        return Ok(Done::Copied(0));
    }
    copy_one(what.from, &from, what.to, &to).await.map(Done::Copied)
}

/// Whether two objects are surely equal: by size, then by MD5 where both
/// etags are one, then by their bytes.
async fn equal(
    what: &Sync<'_>,
    from: &str,
    source: &ObjectInfo,
    to: &str,
    target: &ObjectInfo,
) -> Result<bool> {
    if let (Some(a), Some(b)) = (source.size, target.size)
        && a != b
    {
        return Ok(false);
    }
    if let (Some(a), Some(b)) = (md5(source), md5(target)) {
        return Ok(a == b);
    }
    same_bytes(what.from, from, what.to, to).await
}

fn md5(info: &ObjectInfo) -> Option<&str> {
    let etag = info.etag.as_deref()?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (etag.len() == 32 && etag.bytes().all(hex)).then_some(etag)
}

async fn same_bytes(a: &Objects, a_key: &str, b: &Objects, b_key: &str) -> Result<bool> {
    use crate::objects::CHUNK;
    let mut a = a.read(a_key, Default::default()).await?;
    let mut b = b.read(b_key, Default::default()).await?;
    let (mut left, mut right) = (bytes::Bytes::new(), bytes::Bytes::new());
    loop {
        if left.is_empty() {
            left = a.next(CHUNK).await?;
        }
        if right.is_empty() {
            right = b.next(CHUNK).await?;
        }
        let count = left.len().min(right.len());
        if count == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left.split_to(count) != right.split_to(count) {
            return Ok(false);
        }
    }
}
