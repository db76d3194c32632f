//! What the engines of the process run with: the allocation of instances, and the cache.

use super::cache;
use super::limits::MAX_MEMORY;
use super::settings::settings;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The most instances over all chains.
const MAX_INSTANCES: u32 = 2_000;

/// The settings that the engines of decorators and of plug-ins share.
pub(crate) fn config(pooling: bool) -> Config {
    let mut config = settings();
    config.cache(cache::open());
    if pooling {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(MAX_INSTANCES)
            // A component with WASI adapters has a few core instances.
            .total_core_instances(MAX_INSTANCES * 4)
            .total_memories(MAX_INSTANCES)
            .total_tables(MAX_INSTANCES * 4)
            .total_stacks(MAX_INSTANCES)
            .max_memory_size(MAX_MEMORY)
            .linear_memory_keep_resident(64 * 1024)
            // Chains pool a few instances themselves.
            .max_unused_warm_slots(16)
            .pagemap_scan(wasmtime::Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}
