//! Removes uploads that nobody ends, and what is left of those that ended.

use super::keys::{self, MANIFEST, OUTCOME};
use super::outcome::{Found, claim};
use super::removal::{clear, remove};
use crate::protocol::date::now_in_millis;
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage_store::objects::Objects;
use storage_store::{Entry, Error as StoreError};

/// Uploads older than this, and outcomes, are removed: a week, in milliseconds.
const MAX_AGE: u64 = 7 * 24 * 3600 * 1000;

/// How often to look, at most: once in an hour, in milliseconds.
const EVERY: u64 = 3600 * 1000;

/// Remembers when the uploads were last looked through.
#[derive(Default)]
pub struct Sweeper {
    last: AtomicU64,
}

impl Sweeper {
    /// Looks through all uploads unless that was done within the last hour.
    pub fn sweep_in_background(&self, store: &Objects, in_use: &Arc<()>) {
        let (now, last) = (now_in_millis(), self.last.load(Ordering::Relaxed));
        let is_due = now.saturating_sub(last) >= EVERY;
        let order = Ordering::Relaxed;
        if !is_due || self.last.compare_exchange(last, now, order, order).is_err() {
            return;
        }
        let (store, in_use) = (store.clone(), in_use.clone());
        tokio::spawn(async move {
            if let Err(error) = sweep(&store, now.saturating_sub(MAX_AGE)).await {
                tracing::warn!(target: "storage", %error, "old uploads could not be removed");
            }
            drop(in_use);
        });
    }
}

/// What is there of an upload: when the newest of it was written.
#[derive(Default)]
struct Seen {
    has_manifest: bool,
    newest: u64,
}

/// Removes what was last changed before `oldest`, in milliseconds since 1970.
async fn sweep(store: &Objects, oldest: u64) -> Result<(), StoreError> {
    let mut uploads: BTreeMap<(String, String), Seen> = BTreeMap::new();
    let mut entries = Box::pin(store.entries(keys::ALL));
    while let Some(entry) = entries.try_next().await? {
        let Some((bucket, id, name)) = keys::parse(&entry.key) else { continue };
        let is_known = matches!(name, MANIFEST | OUTCOME) || keys::number(name).is_some();
        if !is_known || !keys::is_id(id) {
            continue;
        }
        let seen = uploads.entry((bucket.to_owned(), id.to_owned())).or_default();
        seen.has_manifest |= name == MANIFEST;
        // What has no time is never old.
        seen.newest = seen.newest.max(entry.info.modified.unwrap_or(u64::MAX));
    }
    let old = uploads.into_iter().filter(|(_, seen)| seen.newest < oldest);
    for ((bucket, id), seen) in old {
        if let Err(error) = remove_old(store, &bucket, &id, seen.has_manifest, oldest).await {
            tracing::warn!(target: "storage", %error, "an old upload could not be removed");
        }
    }
    Ok(())
}

async fn remove_old(
    store: &Objects,
    bucket: &str,
    id: &str,
    has_manifest: bool,
    oldest: u64,
) -> Result<(), StoreError> {
    if !has_manifest {
        clear(store, bucket, id).await?;
        return remove(store, &keys::named(bucket, id, OUTCOME)).await;
    }
    // Someone else may be ending it.
    let claim = match claim(store, bucket, id).await {
        Ok(Found::Open(claim)) => claim,
        // The process ended before it had removed the parts.
        Ok(Found::Completed(_)) => {
            clear(store, bucket, id).await?;
            return remove(store, &keys::named(bucket, id, OUTCOME)).await;
        }
        Err(_) => return Ok(()),
    };
    // Or have gone on with it since it was looked at.
    let parts = store.entries(&format!("{}part-", keys::of_upload(bucket, id)));
    let parts: Result<Vec<_>, _> = parts.try_collect().await;
    let is_old = |entry: &Entry| entry.info.modified.is_some_and(|at| at < oldest);
    let cleared = match parts {
        Ok(parts) if parts.iter().all(is_old) => clear(store, bucket, id).await,
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    claim.release().await;
    cleared
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use storage_backends::memory::Memory;
    use storage_store::PutOptions;

    #[tokio::test]
    async fn what_is_old_is_removed_and_nothing_else() {
        let store = Objects::new("staging", Arc::new(Memory::new()));
        let ids = ["1".repeat(32), "2".repeat(32)];
        let of = |id: &str, name: &str| format!(".uploads/b/{id}/{name}");
        let foreign = ["k".to_owned(), ".uploads/b/other/part-00001".to_owned(), of(&ids[0], "x")];
        let own = [of(&ids[0], "upload"), of(&ids[0], "part-00001"), of(&ids[1], "outcome")];
        for key in foreign.iter().chain(&own) {
            store.put(key, Bytes::from_static(b"{}"), PutOptions::default()).await.unwrap();
        }
        let keys = || async {
            let keys = store.entries("").map_ok(|entry| entry.key).try_collect::<Vec<_>>();
            keys.await.unwrap().len()
        };
        sweep(&store, now_in_millis() - 60_000).await.unwrap();
        assert_eq!(keys().await, 6, "nothing is old");
        sweep(&store, now_in_millis() + 60_000).await.unwrap();
        assert_eq!(keys().await, 3);
        for key in &foreign {
            assert!(store.exists(key).await.unwrap(), "{key}");
        }
    }
}
