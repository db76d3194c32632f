//! The engine of the built-in decorators.

use super::bindings::exports::storage::object_store::decorators as wit;
use super::bindings::{DecoratorPack, DecoratorPackPre};
use super::chain::Chain;
use super::guests::DECORATORS;
use super::limits::Limits;
use super::pack::Pack;
use super::precompiled::{self, PRECOMPILED};
use super::runtime::config;
use super::state::{HostServices, InstanceState};
use super::type_info::TypeInfo;
use super::{convert, zero_copy};
use anyhow::Context;
use futures::FutureExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use storage_contract::chain::Node;
use storage_store::{Result, SharedStore};
use wasmtime::component::{Component, HasSelf, Linker};

/// Loads the built-in decorators, and builds chains of them.
pub struct Engine {
    pack: Arc<Pack>,
}

impl Engine {
    /// Loads the built-in decorators as they were compiled with this program, or from the
    /// compilation cache, or compiles them.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        let engine = wasmtime::Engine::new(&config(true))
            // Pooling reserves address space up front; where that is limited, allocate
            // instances one by one.
            .or_else(|_| wasmtime::Engine::new(&config(false)))?;
        let component = match precompiled::load(&engine, PRECOMPILED) {
            Some((level, component)) => {
                tracing::debug!(level, "the decorators were compiled with the program");
                component
            }
            None => Component::from_binary(&engine, DECORATORS)?,
        };
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

/// The engine of this process. All configurations share its compiled code and
/// address space.
pub fn shared() -> anyhow::Result<Arc<Engine>> {
    // Held while the first caller loads it: the others wait instead of doing the same.
    static ENGINE: Mutex<Option<Arc<Engine>>> = Mutex::new(None);
    let mut shared = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = &*shared {
        return Ok(engine.clone());
    }
    let engine = Engine::new().context("the decorators could not be loaded")?;
    Ok(shared.insert(engine).clone())
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
