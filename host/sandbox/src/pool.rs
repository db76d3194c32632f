//! Creates, leases, reuses and discards the instances of one chain.

use super::bindings::exports::storage::object_store::decorators as wit;
use super::bindings::storage::object_store::types;
use super::circuit_breaker::{Fault, Health};
use super::epoch::TICK;
use super::instance::{Exceeded, Instance, within};
use super::pack::Pack;
use super::state::{HostServices, InstanceState};
use super::stream_instances::StreamInstances;
use super::{check, convert};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use storage_store::{Error, ObjectInfo, Result, SharedStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use wasmtime::UpdateDeadline;

/// The most linear memory of all idle instances together. Instances beyond that are
/// discarded, since creating one takes microseconds.
const MAX_IDLE_MEMORY: usize = 32 * 1024 * 1024;

/// The most bytes that one call may move across the sandbox boundary: an inline object
/// with its keys and metadata, or a page of a listing.
const MAX_HOSTCALL: usize = 32 * 1024 * 1024;

/// The instances of one chain.
pub(super) struct Pool {
    pack: Arc<Pack>,
    nodes: Vec<wit::Node>,
    bases: Arc<HashMap<String, SharedStore>>,
    shared: HostServices,
    idle: Mutex<Idle>,
    permits: Arc<Semaphore>,
    pub streams: StreamInstances,
    /// Calls that may outlive their callers.
    pub tasks: TaskTracker,
    /// Whether streams may share an instance. A stream that waits, for a lock say, must
    /// not block the stream that holds it.
    pub shares: bool,
    /// Set for a plug-in's chain.
    health: Option<Health>,
}

#[derive(Default)]
struct Idle {
    /// Each with its memory in bytes.
    instances: Vec<(usize, Box<Instance>)>,
    memory: usize,
}

impl Pool {
    pub fn new(
        pack: Arc<Pack>,
        nodes: Vec<wit::Node>,
        bases: Arc<HashMap<String, SharedStore>>,
        shared: HostServices,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(pack.limits().instances));
        let root = nodes.last().map(|node| node.name.clone()).unwrap_or_default();
        let health = pack.health(root);
        let (idle, streams, tasks) =
            (Mutex::default(), StreamInstances::default(), TaskTracker::new());
        // Stores with several bases take locks. A plug-in may hold locks, too, and one
        // trap must not end other streams.
        let shares = health.is_none() && nodes.iter().all(|node| node.bases.len() == 1);
        Arc::new(Self { pack, nodes, bases, shared, idle, permits, streams, tasks, shares, health })
    }

    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The chain's name in messages: the name of its root.
    pub fn name(&self) -> &str {
        self.nodes.last().map_or("", |node| &node.name)
    }

    /// The base store that the chain was given under this name.
    pub fn base(&self, name: &str) -> Option<&SharedStore> {
        self.bases.get(name)
    }

    /// Leases an instance for one call.
    pub async fn checkout(self: &Arc<Self>) -> Result<InstanceLease> {
        let permit = self.permit().await?;
        let instance = self.instance().await?;
        Ok(InstanceLease { instance: Some(instance), pool: self.clone(), _permit: permit })
    }

    /// Waits until one more call or stream is allowed.
    pub async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        if let Some(health) = &self.health {
            health.admit()?;
        }
        let permit = self.permits.clone().acquire_owned();
        let limits = self.pack.limits();
        let permit = match limits.call {
            None => permit.await,
            Some(limit) => tokio::time::timeout(limit, permit).await.map_err(|_| {
                Error::Unavailable(format!(
                    "{} is busy: none of its {} instances became free within {limit:?}",
                    self.subject(),
                    limits.instances
                ))
            })?,
        };
        permit.map_err(|_| Error::Unavailable("the store is closed".to_owned()))
    }

    /// An instance with no open handle but the root.
    pub async fn instance(&self) -> Result<Box<Instance>> {
        let idle = self.idle().take();
        match idle {
            Some(instance) => Ok(instance),
            None => self.make().await,
        }
    }

    /// Takes such an instance back.
    pub fn keep(&self, instance: Box<Instance>) {
        if !self.permits.is_closed() {
            self.idle().keep(instance);
        }
    }

    /// Admits no more calls, waits for abandoned ones, and drops idle instances.
    pub async fn close(&self) {
        self.permits.close();
        self.tasks.close();
        self.tasks.wait().await;
        self.forget_idle();
    }

    /// Drops idle instances, so that new ones query their bases again.
    pub fn forget_idle(&self) {
        *self.idle() = Idle::default();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn make(&self) -> Result<Box<Instance>> {
        let limits = *self.pack.limits();
        let wasi = self.pack.wasi(self.name());
        let state = InstanceState::new(self.bases.clone(), self.shared.clone(), limits, wasi);
        let mut store = wasmtime::Store::new(self.pack.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(MAX_HOSTCALL);
        if let Some(most) = limits.ticks {
            // Epochs also pass while a call waits for a backend, but the guest notices
            // a missed deadline only once, when it runs again, so ticks count its own
            // processor time.
            store.epoch_deadline_callback(move |mut context| {
                let state = context.data_mut();
                state.ticks += 1;
                if state.ticks > most {
                    let most = TICK.saturating_mul(most);
                    return Err(wasmtime::Error::new(Exceeded::Processor(most)));
                }
                Ok(UpdateDeadline::Yield(1))
            });
            store.set_epoch_deadline(1);
        }
        let made = async {
            let exports = self.pack.instantiate(&mut store).await?;
            let decorators = exports.storage_object_store_decorators();
            let built = decorators.call_build(&mut store, &self.nodes).await?;
            Ok((exports, built))
        };
        match within(limits.call, made).await {
            Ok((exports, Ok(root))) => Ok(Box::new(Instance { store, exports, root })),
            Ok((_, Err(error))) => Err(self.convert_error(error)),
            Err(error) => Err(self.failure("could not start", store.data().starved, &error)),
        }
    }

    /// Converts an error that the component returned.
    pub fn convert_error(&self, error: types::Error) -> Error {
        let error = convert::error_in(error);
        if self.health.is_some() { check::error(error) } else { error }
    }

    /// Whether answers are checked. The built-in decorators are trusted.
    pub fn untrusted(&self) -> bool {
        self.health.is_some()
    }

    /// Converts an object's properties, checking those from a plug-in.
    pub fn accept(&self, info: types::ObjectInfo) -> check::Checked<ObjectInfo> {
        let info = convert::info_in(info);
        if self.untrusted() { check::info(info) } else { Ok(info) }
    }

    /// Records a successful call.
    pub fn success(&self) {
        if let Some(health) = &self.health {
            health.success();
        }
    }

    /// The caller's error for a trap. The log has the details.
    pub fn failure(&self, what: &str, starved: bool, error: &wasmtime::Error) -> Error {
        let store = self.name();
        let subject = self.subject();
        let mut cause = error.root_cause().to_string();
        let Some(health) = &self.health else {
            tracing::error!(store, error = format!("{error:#}"), "the decorators {what}");
            return Error::Other(format!(
                "{subject} {what}: {cause}; their instance was discarded"
            ));
        };
        let fault = match error.downcast_ref::<Exceeded>() {
            Some(_) => Fault::Time,
            None if starved => Fault::Memory,
            None => Fault::Crash,
        };
        if fault == Fault::Memory {
            let most = storage_store::units::show_bytes(self.pack.limits().memory as u64);
            cause = format!("it wanted more than the {most} of memory that it may have ({cause})");
        }
        tracing::error!(store, error = format!("{error:#}"), "{subject} {what}: {cause}");
        health.failed(fault, &cause);
        let text = format!("{subject} {what}: {cause}; its instance was discarded");
        match fault {
            Fault::Time | Fault::Memory => Error::LimitExceeded(text),
            Fault::Crash | Fault::Breach => Error::Other(text),
        }
    }

    /// The caller's error for an answer that breaks the contract.
    pub fn breach(&self, problem: &str) -> Error {
        let subject = self.subject();
        if let Some(health) = &self.health {
            health.failed(Fault::Breach, problem);
        }
        tracing::error!(store = self.name(), "{subject} broke the contract: {problem}");
        Error::Other(format!("{subject} broke the contract: {problem}; the instance was discarded"))
    }

    /// The component to blame, for messages.
    fn subject(&self) -> String {
        let store = self.name();
        match self.pack.plugin() {
            Some(plugin) => format!("plug-in {plugin:?} of store {store:?}"),
            None => format!("the decorators of store {store:?}"),
        }
    }
}

impl Idle {
    fn take(&mut self) -> Option<Box<Instance>> {
        let (memory, instance) = self.instances.pop()?;
        self.memory -= memory;
        Some(instance)
    }

    fn keep(&mut self, instance: Box<Instance>) {
        let memory = instance.store.data().memory;
        if self.memory.saturating_add(memory) <= MAX_IDLE_MEMORY {
            self.memory += memory;
            self.instances.push((memory, instance));
        }
    }
}

/// A leased instance. A call takes it out and puts it back when it returns. An instance
/// that trapped, or whose caller went away during the call, is dropped and never
/// reused.
pub(super) struct InstanceLease {
    instance: Option<Box<Instance>>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl InstanceLease {
    /// Takes the instance out for one call.
    pub fn take(&mut self) -> Result<Box<Instance>> {
        self.instance
            .take()
            .ok_or_else(|| Error::Other("an earlier call in this instance failed".to_owned()))
    }

    /// Puts it back after a call that returned.
    pub fn put_back(&mut self, instance: Box<Instance>) {
        self.instance = Some(instance);
    }

    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Returns the instance to the pool. A lease dropped without this discards its
    /// instance, since guest handles may still be open in it.
    pub fn give_back(mut self) {
        self.pool.success();
        if let Some(instance) = self.instance.take() {
            self.pool.keep(instance);
        }
    }
}
