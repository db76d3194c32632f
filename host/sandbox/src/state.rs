//! The host's state of one instance.

use super::limits::Limits;
use super::offload::Offload;
use crate::coordinator::Coordinator;
use std::collections::HashMap;
use std::sync::Arc;
use storage_contract::env::{Event, Level};
use storage_store::{Reader, SharedStore, Writer};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{ResourceLimiter, Result};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Calls on its stores after which a guest yields to other tasks.
const MANY: u32 = 64;

/// Receives the log lines and events of chains. Must not block or fail.
pub trait Observer: Send + Sync + 'static {
    /// Logs a line under the name of a store.
    fn log(&self, level: Level, store: &str, message: &str);
    /// Reports a change, after the operation.
    fn changed(&self, event: Event);
}

/// State shared by all instances of all chains of one configuration.
#[derive(Clone)]
pub struct HostServices {
    /// Receives log lines and events.
    pub observer: Arc<dyn Observer>,
    /// Locks and small shared values.
    pub coordinator: Coordinator,
}

impl HostServices {
    /// Shares nothing and discards log lines and events.
    pub fn silent() -> Self {
        struct Silent;
        impl Observer for Silent {
            fn log(&self, _: Level, _: &str, _: &str) {}
            fn changed(&self, _: Event) {}
        }
        Self { observer: Arc::new(Silent), coordinator: Default::default() }
    }
}

/// A base store that a guest holds.
pub struct Base {
    /// The name under which the guest opened it.
    pub(super) name: String,
    pub(super) store: SharedStore,
}

/// A reader of a base store that a guest holds.
pub struct BaseReader(pub(super) Box<dyn Reader>);

/// A writer of a base store that a guest holds; `None` once finished.
pub struct BaseWriter(pub(super) Option<Box<dyn Writer>>);

/// The data of one `wasmtime::Store`.
pub(crate) struct InstanceState {
    pub table: ResourceTable,
    pub bases: Arc<HashMap<String, SharedStore>>,
    pub shared: HostServices,
    /// The instance's limits.
    pub limits: Limits,
    /// Epochs that the current call has used.
    pub ticks: u32,
    /// Calls that the guest has made on its stores.
    asked: u32,
    /// Bytes passed to the guest in the current call.
    pub offload: Offload,
    /// Bytes of linear memory so far.
    pub memory: usize,
    /// Whether it was refused more memory.
    pub starved: bool,
    wasi: WasiCtx,
}

impl InstanceState {
    pub fn new(
        bases: Arc<HashMap<String, SharedStore>>,
        shared: HostServices,
        limits: Limits,
        wasi: WasiCtx,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let offload = Offload::default();
        Self {
            table,
            bases,
            shared,
            limits,
            ticks: 0,
            asked: 0,
            offload,
            memory: 0,
            starved: false,
            wasi,
        }
    }

    /// Starts a call into the instance.
    pub fn begin(&mut self) {
        self.ticks = 0;
        self.offload.reset();
    }

    /// A store that the guest holds. Yields to other tasks every [`MANY`] calls.
    pub async fn base(&mut self, this: &Resource<Base>) -> Result<&SharedStore> {
        self.asked = self.asked.wrapping_add(1);
        if self.asked.is_multiple_of(MANY) {
            tokio::task::yield_now().await;
        }
        Ok(&self.table.get(this)?.store)
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl ResourceLimiter for InstanceState {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limits.memory {
            self.starved = true;
            return Ok(false);
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= self.limits.table)
    }
}
