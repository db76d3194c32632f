//! Instances of one chain: made, lent, taken back or thrown away.

use super::bindings::{DecoratorPackPre, exports};
use super::seat::Seats;
use super::state::{Shared, State};
use super::{TICKS_PER_CALL, convert};
use crate::store::{Error, Result, SharedStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use wasmtime::UpdateDeadline;
use wasmtime::component::ResourceAny;

pub(super) use exports::storage::object_store::decorators::Node;

/// The most calls and streams of one chain that may be under way. Others wait,
/// so there are more than the endpoint takes requests by default: clients that
/// stall must not hold up those that don't.
const MAX_STREAMS: usize = 640;

/// Linear memory that idle instances may keep together; what is over is
/// thrown away, since making an instance costs microseconds.
const MAX_IDLE_MEMORY: usize = 32 * 1024 * 1024;

/// The most that one call may move across the wall: an inline object and its
/// keys and metadata, or a page of a listing.
const MAX_HOSTCALL: usize = 32 * 1024 * 1024;

/// One instance with its chain built.
pub(super) struct Instance {
    pub store: wasmtime::Store<State>,
    pub exports: super::bindings::DecoratorPack,
    pub root: ResourceAny,
}

/// Makes and keeps the instances of one chain.
pub(super) struct Pool {
    pre: DecoratorPackPre<State>,
    nodes: Vec<Node>,
    bases: Arc<HashMap<String, SharedStore>>,
    shared: Shared,
    idle: Mutex<Idle>,
    permits: Arc<Semaphore>,
    pub seats: Seats,
    /// Calls whose callers may be gone.
    pub tasks: TaskTracker,
    /// Whether streams may sit together. One that waits for what another holds
    /// (a lock, say) must not keep it from going on.
    pub shares: bool,
}

#[derive(Default)]
struct Idle {
    instances: Vec<Instance>,
    memory: usize,
}

impl Pool {
    pub fn new(
        pre: DecoratorPackPre<State>,
        nodes: Vec<Node>,
        bases: Arc<HashMap<String, SharedStore>>,
        shared: Shared,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(MAX_STREAMS));
        let (idle, seats, tasks) = (Mutex::default(), Seats::default(), TaskTracker::new());
        // Stores with several bases lock.
        let shares = nodes.iter().all(|node| node.bases.len() == 1);
        Arc::new(Self { pre, nodes, bases, shared, idle, permits, seats, tasks, shares })
    }

    /// The chain's name in messages: its root's.
    pub fn name(&self) -> &str {
        self.nodes.last().map_or("", |node| &node.name)
    }

    /// An instance for one call.
    pub async fn lend(self: &Arc<Self>) -> Result<Lease> {
        let permit = self.permit().await?;
        let instance = self.instance().await?;
        Ok(Lease { instance: Some(instance), pool: self.clone(), _permit: permit })
    }

    /// Leave for one call or one stream.
    pub async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        let permit = self.permits.clone().acquire_owned().await;
        permit.map_err(|_| Error::Unavailable("the store is closed".to_owned()))
    }

    /// An instance in which no handle but the root's is open.
    pub async fn instance(&self) -> Result<Instance> {
        let idle = self.idle().take();
        match idle {
            Some(instance) => Ok(instance),
            None => self.make().await,
        }
    }

    /// Takes such an instance back.
    pub fn keep(&self, instance: Instance) {
        if !self.permits.is_closed() {
            self.idle().keep(instance);
        }
    }

    /// Lets nobody in any more, waits for calls that were given up, and lets
    /// go of idle instances.
    pub async fn close(&self) {
        self.permits.close();
        self.tasks.close();
        self.tasks.wait().await;
        *self.idle() = Idle::default();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(&self) -> Result<Instance> {
        let state = State::new(self.bases.clone(), self.shared.clone());
        let mut store = wasmtime::Store::new(self.pre.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(MAX_HOSTCALL);
        // Epochs pass while a call waits for a backend, too, but a deadline
        // that passed is noticed once, when the guest runs again: ticks count
        // what the guest itself uses.
        store.epoch_deadline_callback(|mut context| {
            let ticks = &mut context.data_mut().ticks;
            *ticks += 1;
            if *ticks > TICKS_PER_CALL {
                wasmtime::bail!("the call used too much processor time");
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store.set_epoch_deadline(1);
        let failed = |error: wasmtime::Error| self.failure("could not start", &error);
        let exports = self.pre.instantiate_async(&mut store).await.map_err(failed)?;
        let decorators = exports.storage_object_store_decorators();
        let built = decorators.call_build(&mut store, &self.nodes).await.map_err(failed)?;
        let root = built.map_err(convert::error_in)?;
        Ok(Instance { store, exports, root })
    }

    /// What a caller hears of a trap. The log has the rest.
    pub fn failure(&self, what: &str, error: &wasmtime::Error) -> Error {
        let store = self.name();
        let cause = error.root_cause();
        tracing::error!(store, error = format!("{error:#}"), "the decorators {what}");
        Error::Other(format!(
            "the decorators of store {store:?} {what}: {cause}; their instance was discarded"
        ))
    }
}

impl Idle {
    fn take(&mut self) -> Option<Instance> {
        let instance = self.instances.pop()?;
        self.memory -= instance.store.data().memory;
        Some(instance)
    }

    fn keep(&mut self, instance: Instance) {
        let memory = instance.store.data().memory;
        if self.memory.saturating_add(memory) <= MAX_IDLE_MEMORY {
            self.memory += memory;
            self.instances.push(instance);
        }
    }
}

/// An instance on loan. A call takes the instance out and puts it back when
/// it returned: one that trapped, or whose caller went away in the middle, is
/// dropped and never used again.
pub(super) struct Lease {
    instance: Option<Instance>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Takes the instance for one call; the processor time starts anew.
    pub fn take(&mut self) -> Result<Instance> {
        let mut instance = self
            .instance
            .take()
            .ok_or_else(|| Error::Other("an earlier call in this instance failed".to_owned()))?;
        instance.store.data_mut().ticks = 0;
        Ok(instance)
    }

    /// Puts it back after a call that returned.
    pub fn put_back(&mut self, instance: Instance) {
        self.instance = Some(instance);
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Ends the loan. A lease dropped without it throws its instance away:
    /// handles of the guest may still be open in it.
    pub fn give_back(mut self) {
        if let Some(instance) = self.instance.take() {
            self.pool.keep(instance);
        }
    }
}
