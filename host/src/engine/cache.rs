//! Where compiled decorators are kept between runs.

use wasmtime::{Cache, CacheConfig};

/// The user's cache directory. Without one (no home, read-only disk) every
/// start compiles anew: slower, not wrong.
pub fn open() -> Option<Cache> {
    Cache::new(CacheConfig::new())
        .inspect_err(|error| tracing::debug!(%error, "no compilation cache"))
        .ok()
}
