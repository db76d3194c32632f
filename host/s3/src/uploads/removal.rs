//! Removes what is kept of an upload.

use super::keys::{self, MANIFEST};
use futures::{StreamExt, TryStreamExt};
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error as StoreError};

/// How many objects are removed concurrently.
const AT_ONCE: usize = 16;

/// Removes the manifest first, so that no part is added any more.
pub async fn clear(store: &Objects, bucket: &str, id: &str) -> Result<(), StoreError> {
    remove(store, &keys::named(bucket, id, MANIFEST)).await?;
    remove_below(store, &format!("{}part-", keys::of_upload(bucket, id))).await
}

async fn remove_below(store: &Objects, prefix: &str) -> Result<(), StoreError> {
    let keys: Vec<String> = store.entries(prefix).map_ok(|entry| entry.key).try_collect().await?;
    let removals = futures::stream::iter(keys).map(|key| async move { remove(store, &key).await });
    removals.buffer_unordered(AT_ONCE).try_collect().await
}

pub async fn remove(store: &Objects, key: &str) -> Result<(), StoreError> {
    match store.delete(key, DeleteOptions::default()).await {
        Err(StoreError::NotFound) => Ok(()),
        done => done,
    }
}
