//! What one instance of a chain has on the host's side.

use super::aside::Given;
use super::limits::Limits;
use crate::coordinator::Coordinator;
use crate::store::{Reader, SharedStore, Writer};
use std::collections::HashMap;
use std::sync::Arc;
use storage_core::env::{Event, Level};
use wasmtime::component::{Resource, ResourceTable};
use wasmtime::{ResourceLimiter, Result};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// The most memory of an instance of the built-in decorators.
pub const MAX_MEMORY: usize = 512 * 1024 * 1024;

/// How often a guest asks its stores between two times that it gives way.
const MANY: u32 = 64;

/// Where log lines and events of chains go. Never blocks, never fails.
pub trait Observer: Send + Sync + 'static {
    /// A line for the log, in the name of a store.
    fn log(&self, level: Level, store: &str, message: &str);
    /// A change, after the operation.
    fn changed(&self, event: Event);
}

/// What all instances of all chains of one configuration share.
#[derive(Clone)]
pub struct Shared {
    /// Where log lines and events go.
    pub observer: Arc<dyn Observer>,
    /// Locks and small values.
    pub coordinator: Coordinator,
}

/// A backing store in the hands of a guest.
pub struct Base(pub(super) SharedStore);

/// A reader of a backing store in the hands of a guest.
pub struct BaseReader(pub(super) Box<dyn Reader>);

/// A writer of a backing store in the hands of a guest; empty once finished.
pub struct BaseWriter(pub(super) Option<Box<dyn Writer>>);

/// The data of one `wasmtime::Store`.
pub(crate) struct State {
    pub table: ResourceTable,
    pub bases: Arc<HashMap<String, SharedStore>>,
    pub shared: Shared,
    /// What the instance may use.
    pub limits: Limits,
    /// Epochs that the call under way has used.
    pub ticks: u32,
    /// How often the guest asked its stores.
    asked: u32,
    /// What the guest was given in the call under way.
    pub given: Given,
    /// Bytes of linear memory that the instance has grown to.
    pub memory: usize,
    /// Whether it was refused more.
    pub starved: bool,
    wasi: WasiCtx,
}

impl State {
    pub fn new(
        bases: Arc<HashMap<String, SharedStore>>,
        shared: Shared,
        limits: Limits,
        wasi: WasiCtx,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let given = Given::default();
        Self {
            table,
            bases,
            shared,
            limits,
            ticks: 0,
            asked: 0,
            given,
            memory: 0,
            starved: false,
            wasi,
        }
    }

    /// A call into the instance begins.
    pub fn begin(&mut self) {
        self.ticks = 0;
        self.given.reset();
    }

    /// A store that the guest holds. A guest that asks its stores again and
    /// again gives way to other tasks.
    pub async fn base(&mut self, this: &Resource<Base>) -> Result<&SharedStore> {
        self.asked = self.asked.wrapping_add(1);
        if self.asked.is_multiple_of(MANY) {
            tokio::task::yield_now().await;
        }
        Ok(&self.table.get(this)?.0)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl ResourceLimiter for State {
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
