//! An object's metadata, as JSON in an extra field of its entry, which other
//! programs ignore.

use serde::{Deserialize, Serialize};
use storage_store::{Metadata, ObjectInfo, PutOptions};

/// Etag, time, content type and user metadata.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ExtraField {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metadata: Metadata,
}

impl ExtraField {
    /// The metadata of a put.
    pub(super) fn new(options: PutOptions, modified: u64) -> Self {
        let PutOptions { etag, content_type, metadata, .. } = options;
        Self { etag, modified: Some(modified), content_type, metadata }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Decodes the extra field of an entry; `None` if it is not ours.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// When the object was written, in milliseconds since 1970.
    pub(super) fn modified(&self) -> Option<u64> {
        self.modified
    }

    /// Adds this metadata to the info from the entry itself.
    pub(super) fn over(&self, info: ObjectInfo) -> ObjectInfo {
        ObjectInfo {
            size: info.size,
            etag: self.etag.clone().or(info.etag),
            modified: self.modified.or(info.modified),
            content_type: self.content_type.clone(),
            metadata: self.metadata.clone(),
        }
    }
}
