//! The native backends, one module per store type, and the list of them.
//!
//! The feature `bucket`, on by default, adds BucketStore with the AWS SDK.

mod ahead;
mod backend;
mod blocking;
#[cfg(feature = "bucket")]
mod bucket;
#[cfg(test)]
mod delimited_tests;
pub mod filesystem;
pub mod hashdir;
#[cfg(test)]
mod limited;
pub mod memory;
#[cfg(test)]
mod objects_tests;
pub mod safe_filesystem;
mod spool;
pub mod sqlite;
pub mod zip;

pub use backend::{Backend, Check, Medium, Method, OpenArgs};

use storage_store::{Error, Result};

/// Makes a URL that lets its holder read or write one object until it expires.
/// `kind` is the type of the store; `Unsupported` unless it is a BucketStore.
pub async fn presign(
    kind: &str,
    args: &OpenArgs,
    key: &str,
    method: Method,
    expires: std::time::Duration,
) -> Result<String> {
    #[cfg(feature = "bucket")]
    if kind == bucket::BACKEND.name {
        return bucket::presign::presign(args, key, method, expires).await;
    }
    let _ = (key, method, expires);
    Err(Error::Unsupported(format!(
        "store {:?} is a {kind}: only a BucketStore has servers that take presigned URLs; name \
         the bucket's own store, and the key as it is there",
        args.name
    )))
}

/// The backend type with this name.
pub fn backend(name: &str) -> Option<&'static Backend> {
    BACKENDS.iter().copied().find(|backend| backend.name == name)
}

/// Every backend, in the order of the documentation.
pub static BACKENDS: &[&Backend] = &[
    &memory::BACKEND,
    &filesystem::BACKEND,
    &safe_filesystem::BACKEND,
    &hashdir::BACKEND,
    &sqlite::BACKEND,
    #[cfg(feature = "bucket")]
    &bucket::BACKEND,
    &zip::BACKEND,
];
