//! The on-disk cache of compiled decorators.

use wasmtime::{Cache, CacheConfig};

/// Opens the cache in the user's cache directory. Without one (no home, read-only disk)
/// every start compiles again: slower, but correct.
pub fn open() -> Option<Cache> {
    Cache::new(CacheConfig::new())
        .inspect_err(|error| tracing::debug!(%error, "no compilation cache"))
        .ok()
}
