//! Runs chains of decorators as instances of a sandboxed wasm component.
//!
//! A chain crosses the sandbox boundary once on the way in and once per operation on a
//! base store, however many decorators it has. Instances are disposable: lasting data
//! is in the base stores, shared state is in the
//! [`Coordinator`](crate::coordinator::Coordinator).

mod bindings;
mod cache;
mod chain;
mod check;
mod circuit_breaker;
mod convert;
pub mod coordinator;
mod imports;
mod limits;
mod locating;
pub mod log;
mod offload;
pub mod options;
mod pack;
pub mod plugin;
mod pool;
mod state;
mod stream_slot;
pub mod type_info;
mod zero_copy;

pub use chain::Chain;
pub use circuit_breaker::Counts;
pub use offload::offload_compute;
pub use plugin::Plugin;
pub use state::{Base, BaseReader, BaseWriter, MAX_MEMORY, Observer, Shared};

use crate::type_info::{BaseShape, TypeInfo};
use anyhow::Context;
use bindings::exports::storage::object_store::decorators as wit;
use bindings::{DecoratorPack, DecoratorPackPre};
use futures::FutureExt;
use limits::Limits;
use pack::Pack;
use state::State;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage_store::{Result, SharedStore};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The built-in decorators, compiled to wasm with this crate.
pub static DECORATORS: &[u8] = include_bytes!(env!("DECORATORS_WASM"));

/// The adapter that makes a pack of a transformer, compiled to wasm with this crate.
pub static TRANSFORMING: &[u8] = include_bytes!(env!("TRANSFORMING_WASM"));

/// The length of an epoch: how often running guests are checked.
const TICK: Duration = Duration::from_millis(10);

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
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        DecoratorPack::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
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
        nodes: Vec<storage_contract::chain::Node>,
        bases: HashMap<String, SharedStore>,
        shared: Shared,
    ) -> Result<Chain> {
        self.pack.chain(nodes, bases, shared).await
    }
}

impl Shared {
    /// Shares nothing and discards log lines and events.
    pub fn silent() -> Self {
        struct Silent;
        impl Observer for Silent {
            fn log(&self, _: storage_contract::env::Level, _: &str, _: &str) {}
            fn changed(&self, _: storage_contract::env::Event) {}
        }
        Self { observer: Arc::new(Silent), coordinator: Default::default() }
    }
}

fn config(pooling: bool) -> Config {
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

/// Advances the epoch for as long as the engine lives.
fn tick(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}

fn type_info(kind: wit::Kind) -> anyhow::Result<TypeInfo> {
    Ok(TypeInfo {
        name: kind.name,
        aliases: kind.aliases,
        base: Some(shape(kind.base)),
        schema: serde_json::from_str(&kind.config_schema)?,
        doc: kind.doc,
        plugin: None,
    })
}

fn shape(base: wit::BaseShape) -> BaseShape {
    match base {
        wit::BaseShape::One => BaseShape::One,
        wit::BaseShape::Many => BaseShape::Many,
        wit::BaseShape::MainAndCache => BaseShape::MainAndCache,
    }
}

#[cfg(test)]
mod tests;
