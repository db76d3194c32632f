//! A compiled component of the world `decorator-pack`: the built-in decorators or a
//! plug-in.

use super::bindings::exports::storage::object_store::decorators as wit;
use super::bindings::{DecoratorPack, DecoratorPackPre};
use super::circuit_breaker::{Counters, Health};
use super::limits::Limits;
use super::plugin::{output::OutputLog, wasi};
use super::state::{HostServices, InstanceState};
use std::sync::Arc;
use wasmtime_wasi::WasiCtx;

/// Compiled code and the limits of its instances.
pub(crate) struct Pack {
    pre: DecoratorPackPre<InstanceState>,
    limits: Limits,
    plugin: Option<Watched>,
}

/// The counters and output of a plug-in.
pub(crate) struct Watched {
    pub name: Arc<str>,
    pub counters: Arc<Counters>,
    pub voice: Arc<OutputLog>,
}

impl Pack {
    pub fn new(
        pre: DecoratorPackPre<InstanceState>,
        limits: Limits,
        plugin: Option<Watched>,
    ) -> Arc<Self> {
        Arc::new(Self { pre, limits, plugin })
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn engine(&self) -> &wasmtime::Engine {
        self.pre.engine()
    }

    /// The plug-in's name; `None` for the built-in decorators.
    pub fn plugin(&self) -> Option<&str> {
        self.plugin.as_ref().map(|plugin| &*plugin.name)
    }

    /// A circuit breaker for one chain; `None` for the built-in decorators.
    pub fn health(&self, store: String) -> Option<Health> {
        let plugin = self.plugin.as_ref()?;
        Some(Health::new(plugin.name.clone(), store, plugin.counters.clone()))
    }

    /// The WASI context of one instance. It inherits nothing: no files, environment,
    /// arguments or network.
    pub fn wasi(&self, store: &str) -> WasiCtx {
        match &self.plugin {
            None => WasiCtx::builder().build(),
            Some(plugin) => wasi::context(&plugin.voice, &store.into()),
        }
    }

    pub async fn instantiate(
        &self,
        store: &mut wasmtime::Store<InstanceState>,
    ) -> wasmtime::Result<DecoratorPack> {
        if let Some(plugin) = &self.plugin {
            plugin.counters.instance();
        }
        self.pre.instantiate_async(store).await
    }

    /// The store types that the component declares. May run for `ticks` epochs without
    /// yielding to other tasks.
    pub async fn kinds(&self, ticks: u64) -> wasmtime::Result<Vec<wit::Kind>> {
        let wasi = self.wasi("kinds");
        let state = InstanceState::new(Arc::default(), HostServices::silent(), self.limits, wasi);
        let mut store = wasmtime::Store::new(self.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(4 * 1024 * 1024);
        store.set_epoch_deadline(ticks);
        let exports = self.instantiate(&mut store).await?;
        exports.storage_object_store_decorators().call_kinds(&mut store).await
    }
}
