//! A benchmark task.

use serde::Deserialize;
use std::error::Error;

/// Any failure, as text.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A benchmark task.
#[derive(Deserialize)]
pub struct Task {
    pub library: String,
    /// `memory`, `filesystem`, `sqlite` or `bucket`.
    pub backend: String,
    /// `none`, or the decorator over it.
    pub layer: String,
    pub durable: bool,
    /// A new folder for files and databases.
    pub folder: String,
    pub bucket: Bucket,
    /// `put`, `get` or `list`.
    pub operation: String,
    pub size: usize,
    pub count: usize,
}

/// The location of the bucket.
#[derive(Deserialize)]
pub struct Bucket {
    pub endpoint_url: String,
    pub bucket_name: String,
    pub region: String,
    pub s3_access_key: String,
    pub s3_secret_key: String,
}
