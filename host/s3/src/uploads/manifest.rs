//! What is kept of an upload from its beginning.

use crate::bucket::buckets::Bucket;
use crate::object::checksum::Algorithm;
use crate::protocol::date;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use storage_store::Metadata;

/// The manifest of an upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// When the bucket was made, and its id: the upload ends with it.
    pub of_bucket: (u64, String),
    /// The key of the object.
    pub key: String,
    /// The content type of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The metadata of the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Metadata,
    /// The checksum algorithm of the parts, and whether the object's checksum is composite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<(Algorithm, bool)>,
    /// The access key that started the upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<String>,
    /// The access key that will own the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it was started, in milliseconds since 1970.
    pub started: u64,
}

impl Manifest {
    /// Whether it is for this object.
    pub fn is_for(&self, bucket: &Bucket, key: &str) -> bool {
        // Nothing was kept of the bucket when the upload began, and may be since.
        let is_old = self.of_bucket == (0, String::new());
        self.key == key && (is_old || self.of_bucket == identity(bucket))
    }

    /// When it was started.
    pub fn started(&self) -> SystemTime {
        date::from_millis(self.started)
    }
}

/// What tells a bucket from others of its name.
pub fn identity(bucket: &Bucket) -> (u64, String) {
    (bucket.state.created, bucket.state.id.clone())
}
