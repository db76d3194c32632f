//! Stores and what they share their data with: real S3 servers, other programs, the
//! kernel, and each other.

mod bucket_connection;
mod bucket_store;
mod caches;
mod directory_trees;
mod mapped_keys;
mod mirrors;
mod mounted_roots;
mod presigned_urls;
mod python_library;
mod zip_store;
