//! Changes to an object's metadata, made by rewriting the object. Stores can't change
//! metadata in place.

use super::metadata::{carried, entry};
use crate::keyed::Keyed;
use crate::protocol::error::{Error, Result, error};
use crate::store_error::{of_copying, of_reading, of_store};
use std::sync::{Arc, LazyLock};
use storage_contract::RESERVED_METADATA;
use storage_store::objects::Objects;
use storage_store::{Error as StoreError, Metadata, ObjectInfo, PutOptions, ReadOptions, Trailer};
use tokio::sync::Mutex;

/// The largest object that is rewritten, in bytes.
const MAX_REWRITE: u64 = 256 * 1024 * 1024;

/// Held while an object is rewritten, and while one is published. The etag stays the same,
/// so that two concurrent changes could undo each other.
static LOCKS: LazyLock<Keyed<Mutex<()>>> = LazyLock::new(Keyed::default);

/// The lock of an object.
pub fn lock(bucket: &str, key: &str) -> Arc<Mutex<()>> {
    LOCKS.get(&format!("{bucket}/{key}"))
}

/// Rewrites an object with `value` as its metadata entry `name`, while its [`lock`] is held.
/// `check` may refuse the object that is found. Fails if the object changes concurrently.
pub async fn set_entry(
    objects: Objects,
    key: String,
    (name, value): (&'static str, Option<String>),
    check: impl Fn(&ObjectInfo) -> Result<()>,
) -> Result<()> {
    let (can, key) = (objects.capabilities(), key.as_str());
    let info = objects.stat(key).await.map_err(of_reading)?;
    check(&info)?;
    if entry(&info, name) == value.as_deref() {
        return Ok(());
    }
    let what = name.trim_start_matches(':');
    if !can.conditional || !can.metadata {
        return Err(error!(NotImplemented, "this store can't change the {what} of an object"));
    }
    if info.size.is_none_or(|size| size > MAX_REWRITE) {
        return Err(error!(
            NotImplemented,
            "the {what} of an object of more than {MAX_REWRITE} bytes can only be given when it \
             is written"
        ));
    }
    let options = ReadOptions { if_match: info.etag.clone(), ..ReadOptions::default() };
    let source = objects.read(key, options).await.map_err(|e| changed(e, of_reading))?;
    // What is opened may be another object with the same bytes.
    check(source.info())?;
    let mut metadata: Metadata = carried(&info.metadata).collect();
    metadata.retain(|(found, _)| found != name);
    metadata.extend(value.map(|value| (name.to_owned(), value)));
    let options = PutOptions {
        content_type: info.content_type,
        metadata,
        if_match: info.etag.clone(),
        ..PutOptions::default()
    };
    let mut upload = objects.write(key, options).await.map_err(of_store)?;
    let ended = source.pour(&mut upload, |_| ()).await.map_err(of_copying)?;
    // The bytes are the same, so the metadata of decorators still holds.
    let mut own = info.metadata;
    own.retain(|(found, _)| found.starts_with(RESERVED_METADATA));
    let trailer = Trailer { etag: info.etag, metadata: own };
    upload.finish_with(ended, trailer).await.map_err(|e| changed(e, of_store))?;
    Ok(())
}

/// The client has set no condition, so that none of its own failed.
fn changed(error: StoreError, other: impl Fn(StoreError) -> Error) -> Error {
    match error {
        StoreError::PreconditionFailed => {
            error!(OperationAborted, "the object was changed by another request; try again")
        }
        error => other(error),
    }
}
