//! Doubt: for a while, others may change the objects of the main store past the cache.
//!
//! The host keeps the shared values of all chains, so it alone knows when requests of
//! a replaced configuration go on beside the cache. While a cache is in doubt, its
//! index holds nothing that could be served: reads go to the main store, and writes
//! leave no copy. Afterwards, each copy is compared with the main store before it is
//! used, and what was being read or written meanwhile is not kept.

use super::index::{self, DOUBT};

/// Whether this is the name of a value that is present while a cache is in doubt.
pub fn is_doubt(name: &str) -> bool {
    name.ends_with(DOUBT)
}

/// Whether a shared value is part of the index of a cache.
pub fn is_index(name: &str) -> bool {
    let shard = name.rsplit_once("/cache/").map_or("", |(_, shard)| shard);
    shard.len() == 2 && shard.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Puts a part of the index in doubt: nothing in it is good any more, and nobody who left
/// a record finds it again.
pub fn doubt(index: &mut [u8]) {
    index::doubt(index);
}
