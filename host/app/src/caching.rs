//! Removal of copies from CachingStores, from outside.
//!
//! A process that serves a CachingStore treats a removed copy as evicted and
//! reads the object from the main store, so copies can be removed while it
//! runs.

use futures::TryStreamExt;
use storage_core::decorators::caching::is_copy;
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error, Result, conditionally};

/// How many copies to remove concurrently.
const AT_ONCE: usize = 16;

/// The result of [`clear`].
#[derive(Debug, Default, PartialEq)]
pub struct Cleared {
    /// The number of removed copies.
    pub copies: u64,
    /// The keys whose copies could not be removed.
    pub failed: Vec<(String, Error)>,
}

/// Removes the copy of one key, or all copies, from a cache store. Other
/// objects in the store stay.
pub async fn clear(copies: &Objects, key: Option<&str>) -> Result<Cleared> {
    let name = copies.name();
    if !copies.capabilities().metadata {
        return Err(Error::Unsupported(format!(
            "store {name:?} keeps no metadata, so the copies in it can't be told from other \
             objects; where there are no others, `clear {name}` deletes them"
        )));
    }
    if let Some(key) = key {
        let removed = remove(copies, key).await?;
        return Ok(Cleared { copies: u64::from(removed), failed: Vec::new() });
    }
    if !copies.capabilities().list {
        return Err(Error::Unsupported(format!(
            "store {name:?} can't list what it holds; name the key whose copy is to go"
        )));
    }
    let entries = copies.entries("").map_ok(|entry| async move {
        let removed = remove(copies, &entry.key).await;
        Ok((entry.key, removed))
    });
    let mut done = std::pin::pin!(entries.try_buffer_unordered(AT_ONCE));
    let mut cleared = Cleared::default();
    while let Some((key, removed)) = done.try_next().await? {
        match removed {
            Ok(removed) => cleared.copies += u64::from(removed),
            Err(error) => cleared.failed.push((key, error)),
        }
    }
    Ok(cleared)
}

/// Removes an object if it is a copy. Returns whether it removed one.
async fn remove(copies: &Objects, key: &str) -> Result<bool> {
    let removed = match copies.stat(key).await {
        Ok(info) if !is_copy(&info) => return Ok(false),
        Ok(info) => {
            let delete = |conditional| {
                let if_match = info.etag.clone().filter(|_| conditional);
                copies.delete(key, DeleteOptions { if_match })
            };
            conditionally(|| copies.capabilities(), delete).await
        }
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => Ok(true),
        // Evicted or replaced meanwhile.
        Err(Error::NotFound | Error::PreconditionFailed) => Ok(false),
        Err(error) => Err(error),
    }
}
