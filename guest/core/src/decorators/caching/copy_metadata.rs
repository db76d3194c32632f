//! The metadata stored with the copy of an object.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage_contract::types::{Metadata, ObjectInfo};

/// The metadata entry with the main store's info of the object. The cache's own
/// etag and time are those of the copy.
const NAME: &str = "storage-cached";

#[derive(Serialize, Deserialize)]
struct Mark {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// The mark of a cache above this one, if one caches the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outer: Option<String>,
}

/// The metadata to store with the copy of an object.
pub(super) fn wrap(info: &ObjectInfo) -> Metadata {
    let mut metadata = info.metadata.clone();
    let outer = take(&mut metadata);
    let mark = Mark {
        etag: info.etag.clone(),
        modified: info.modified,
        content_type: info.content_type.clone(),
        outer,
    };
    // A struct of strings and numbers always has a JSON form.
    metadata.push((NAME.to_owned(), serde_json::to_string(&mark).unwrap_or_default()));
    metadata
}

/// Restores the main store's info of an object from the cache's info of the copy.
/// `None` if the copy is not from a cache.
pub(super) fn unwrap(copy: &ObjectInfo) -> Option<ObjectInfo> {
    let mut metadata = copy.metadata.clone();
    let mark: Mark = serde_json::from_str(&take(&mut metadata)?).ok()?;
    if let Some(outer) = mark.outer {
        metadata.push((NAME.to_owned(), outer));
    }
    Some(ObjectInfo {
        size: copy.size,
        etag: mark.etag,
        modified: mark.modified,
        content_type: mark.content_type,
        metadata,
    })
}

/// Whether a cache put this object into its cache store.
pub fn is_copy(info: &ObjectInfo) -> bool {
    info.metadata.iter().any(|(name, _)| name == NAME)
}

fn take(metadata: &mut Metadata) -> Option<String> {
    let position = metadata.iter().position(|(name, _)| name == NAME)?;
    Some(metadata.remove(position).1)
}

/// A 64-bit hash of an etag; 0 for none.
pub(super) fn tag(etag: Option<&str>) -> u64 {
    let Some(etag) = etag else { return 0 };
    let hash = Sha256::digest(etag.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    u64::from_le_bytes(first).max(1)
}
