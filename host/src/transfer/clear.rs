//! Deletes every object below a prefix.

use super::{CONCURRENCY, Control, Counts, Done};
use crate::objects::Objects;
use crate::store::{DeleteOptions, Error, Result};
use futures::TryStreamExt;

/// Deletes. The error is that of the listing; keys that failed are counted.
pub async fn clear(objects: &Objects, prefix: &str, control: &Control<'_>) -> Result<Counts> {
    let mut counts = Counts::default();
    let entries = objects.entries(prefix);
    let mut done = std::pin::pin!(
        entries
            .map_ok(|entry| async move {
                let done = remove(objects, &entry.key, control).await;
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

pub(super) async fn remove(objects: &Objects, key: &str, control: &Control<'_>) -> Result<Done> {
    if control.stop.stopped() {
        return Ok(Done::Stopped);
    }
    if control.dry_run {
        return Ok(Done::Deleted);
    }
    match objects.delete(key, DeleteOptions::default()).await {
        // Somebody else was faster.
        Ok(()) | Err(Error::NotFound) => Ok(Done::Deleted),
        Err(error) => Err(error),
    }
}
