//! Copies every object below a prefix.

use super::{CONCURRENCY, Control, Counts, Done, copy_one};
use crate::objects::Objects;
use crate::store::Result;
use futures::TryStreamExt;

/// What to copy.
pub struct Copy<'a> {
    /// From here,
    pub from: &'a Objects,
    /// below this prefix,
    pub from_prefix: &'a str,
    /// to here,
    pub to: &'a Objects,
    /// with this instead of it.
    pub to_prefix: &'a str,
    /// Replace what is there already.
    pub overwrite: bool,
}

/// Copies. The error is that of the listing; keys that failed are counted.
pub async fn copy(what: &Copy<'_>, control: &Control<'_>) -> Result<Counts> {
    let mut counts = Counts::default();
    let entries = what.from.entries(what.from_prefix);
    let mut done = std::pin::pin!(
        entries
            .map_ok(|entry| async move {
                let done = one(what, &entry.key, control).await;
                Ok((entry.key, done))
            })
            .try_buffer_unordered(CONCURRENCY)
    );
    while let Some((key, result)) = done.try_next().await? {
        counts.add(key, result);
        (control.progress)(&counts);
        if counts.stopped {
            break;
        }
    }
    Ok(counts)
}

async fn one(what: &Copy<'_>, key: &str, control: &Control<'_>) -> Result<Done> {
    if control.stop.stopped() {
        return Ok(Done::Stopped);
    }
    let rest = key.strip_prefix(what.from_prefix).unwrap_or(key);
    let target = format!("{}{rest}", what.to_prefix);
    if !what.overwrite && what.to.exists(&target).await? {
        return Ok(Done::Skipped);
    }
    if control.dry_run {
        return Ok(Done::Copied(0));
    }
    copy_one(what.from, key, what.to, &target).await.map(Done::Copied)
}
