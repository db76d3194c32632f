//! The engine of the built-in decorators.

use super::bindings::exports::storage::object_store::decorators as wit;
use super::bindings::{DecoratorPack, DecoratorPackPre};
use super::chain::Chain;
use super::guests::DECORATORS;
use super::limits::{Limits, MAX_MEMORY};
use super::pack::Pack;
use super::state::{HostServices, InstanceState};
use super::type_info::TypeInfo;
use super::{cache, convert, zero_copy};
use anyhow::Context;
use futures::FutureExt;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use storage_contract::chain::Node;
use storage_store::{Result, SharedStore};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The most instances over all chains.
const MAX_INSTANCES: u32 = 2_000;

/// Compiles the built-in decorators and builds chains of them.
pub struct Engine {
    pack: Arc<Pack>,
}

impl Engine {
    /// Loads the built-in decorators from the compilation cache, or compiles them.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        let engine = wasmtime::Engine::new(&config(true))
            // Pooling reserves address space up front; where that is limited, allocate
            // instances one by one.
            .or_else(|_| wasmtime::Engine::new(&config(false)))?;
        let component = Component::from_binary(&engine, DECORATORS)?;
        let mut linker = Linker::<InstanceState>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        DecoratorPack::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)?;
        zero_copy::link(&mut linker)?;
        let pre = DecoratorPackPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Arc::new(Self { pack: Pack::new(pre, Limits::BUILT_IN, None) }))
    }

    /// The store types that the component declares.
    pub fn kinds(&self) -> anyhow::Result<Vec<TypeInfo>> {
        // Without a deadline the guest does not yield, and it has nothing outside to
        // wait for, so the future is ready at once.
        let asked = self.pack.kinds(u64::MAX / 2);
        let kinds = asked.now_or_never().context("the component waits for something")??;
        kinds.into_iter().map(type_info).collect()
    }

    /// Builds a chain over the given base stores. `nodes` are in dependency order; the
    /// last one is the root.
    pub async fn chain(
        &self,
        nodes: Vec<Node>,
        bases: HashMap<String, SharedStore>,
        shared: HostServices,
    ) -> Result<Chain> {
        Chain::build(&self.pack, nodes, bases, shared).await
    }
}

/// The settings that the engines of decorators and of plug-ins share.
pub(crate) fn config(pooling: bool) -> Config {
    let mut config = Config::new();
    // The contract is synchronous; concurrency support doubles the cost of a call.
    config.concurrency_support(false);
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

/// The engine of this process. All configurations share its compiled code and
/// address space.
pub fn shared() -> anyhow::Result<Arc<Engine>> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine.clone());
    }
    let engine = Engine::new().context("the decorators could not be loaded")?;
    Ok(ENGINE.get_or_init(|| engine).clone())
}

fn type_info(kind: wit::Kind) -> anyhow::Result<TypeInfo> {
    Ok(TypeInfo {
        name: kind.name,
        aliases: kind.aliases,
        base: Some(convert::shape(kind.base)),
        schema: serde_json::from_str(&kind.config_schema)?,
        doc: kind.doc,
        plugin: None,
    })
}
