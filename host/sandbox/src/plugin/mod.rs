//! Loads third-party components as store types.
//!
//! A plug-in that targets another contract, or imports anything but it and WASI 0.2, is
//! refused before it runs. `docs/plugins.md` lists what plug-ins get.

mod compose;
pub mod inspect;
pub(super) mod output;
mod types;
pub(super) mod wasi;

use super::bindings::DecoratorPackPre;
use super::chain::Chain;
use super::circuit_breaker::{Counters, Counts};
use super::epoch::{TICK, tick};
use super::limits::Limits;
use super::pack::{Pack, Watched};
use super::runtime;
use super::state::{HostServices, Observer};
use crate::coordinator::{Coordinator, Namespace};
use crate::options::{PluginDef, PluginOptions, Refusal};
use crate::type_info::TypeInfo;
use inspect::{Inspection, World, inspect};
use output::{OutputLog, Wary};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use storage_contract::chain::Node;
use storage_store::files;
use storage_store::units::show_bytes;
use storage_store::{Result, SharedStore};
use wasmtime::component::Component;

/// The most bytes of a component. An interpreter of a scripting language with its
/// library has 10 to 40 MB.
pub const MAX_COMPONENT: u64 = 64 << 20;

/// How long loading may take; most of it is compilation.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// A loaded plug-in.
pub struct Plugin {
    /// Its entry in the configuration.
    pub def: PluginDef,
    /// The digest of its file, in lower-case hex.
    pub sha256: String,
    /// The size of its file.
    pub size: u64,
    /// Its world, imports and exports.
    pub outline: Inspection,
    /// The store types that it provides, named `PLUGIN/Kind`.
    pub types: Vec<TypeInfo>,
    pack: Arc<Pack>,
    counters: Arc<Counters>,
    voice: Arc<OutputLog>,
    /// This plug-in's own: others may use the same names.
    coordinator: Coordinator,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("def", &self.def).finish_non_exhaustive()
    }
}

impl Plugin {
    /// Reads, checks and compiles a plug-in and queries its store types. Its output
    /// goes to `observer`. Blocks, for a bounded time.
    pub fn load(def: PluginDef, observer: Arc<dyn Observer>) -> Result<Arc<Self>, Refusal> {
        Self::load_with(def, observer, Coordinator::default())
    }

    fn load_with(
        def: PluginDef,
        observer: Arc<dyn Observer>,
        coordinator: Coordinator,
    ) -> Result<Arc<Self>, Refusal> {
        // Always on a thread of its own: a compilation that does not end can't be
        // stopped, and the component may block.
        let (send, receive) = mpsc::channel();
        let work = move || {
            let _ = send.send(load(def, observer, coordinator));
        };
        let started = std::thread::Builder::new().name("plugin".to_owned()).spawn(work);
        if let Err(error) = started {
            return Err(Refusal::Component(format!(
                "no thread could be started to load it: {error}"
            )));
        }
        let loaded = receive.recv_timeout(LOAD_TIMEOUT).map_err(|error| {
            Refusal::Component(match error {
                mpsc::RecvTimeoutError::Timeout => {
                    format!("it could not be compiled within {LOAD_TIMEOUT:?}")
                }
                mpsc::RecvTimeoutError::Disconnected => "the compiler failed on it".to_owned(),
            })
        });
        loaded?.map(Arc::new)
    }

    /// Builds a chain of this plug-in's stores, like [`Engine::chain`] for built-in
    /// ones. Its locks and values are not shared with other plug-ins.
    ///
    /// [`Engine::chain`]: super::Engine::chain
    pub async fn chain(
        &self,
        nodes: Vec<Node>,
        bases: HashMap<String, SharedStore>,
    ) -> Result<Chain> {
        self.scoped_chain(nodes, bases, HashMap::new()).await
    }

    /// Like [`chain`](Self::chain), with `scopes` for the values of its stores.
    pub async fn scoped_chain(
        &self,
        nodes: Vec<Node>,
        bases: HashMap<String, SharedStore>,
        scopes: HashMap<String, Namespace>,
    ) -> Result<Chain> {
        let untrusted = Wary {
            voice: self.voice.clone(),
            root: nodes.last().map(|node| node.name.clone()).unwrap_or_default(),
            stores: nodes.iter().map(|node| node.name.clone()).collect(),
        };
        let coordinator = self.coordinator.scoped(scopes);
        let shared = HostServices { observer: Arc::new(untrusted), coordinator };
        Chain::build(&self.pack, nodes, bases, shared).await
    }

    /// Loads what `def` describes. Returns this same plug-in, with its compiled code,
    /// locks and values, unless the entry or the file has changed.
    pub fn reload(
        self: &Arc<Self>,
        def: PluginDef,
        observer: Arc<dyn Observer>,
    ) -> Result<Arc<Self>, Refusal> {
        let same = || read(&def.options.component).is_ok_and(|b| digest(&b) == self.sha256);
        if self.def == def && same() {
            return Ok(self.clone());
        }
        // Old and new calls exclude each other, but values may have changed meaning.
        Self::load_with(def, observer, self.coordinator.same_locks())
    }

    /// The locks and values of its stores.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// One line with its file, digest, limits and environment variables.
    pub fn grants(&self) -> String {
        let PluginDef { name, options } = &self.def;
        let PluginOptions { component, limits, config_env, .. } = options;
        let (file, sha256) = (component.display(), &self.sha256);
        let (memory, instances) = (show_bytes(limits.memory), limits.instances);
        let object_size = show_bytes(limits.object_size);
        let env = match config_env.is_empty() {
            true => "no environment".to_owned(),
            false => format!("of the environment, in its config: {}", config_env.join(", ")),
        };
        let refused = self.outline.imports.iter().filter(|(_, a)| *a == inspect::Answer::Refused);
        let refused: Vec<_> = refused.map(|(name, _)| name.as_str()).collect();
        let refused = match refused.is_empty() {
            true => String::new(),
            false => format!("; asks for, and is refused: {}", refused.join(", ")),
        };
        format!(
            "plug-in {name}: {file}, sha256 {sha256}; given: its bases, {memory} of memory and \
             {:?} for each call ({:?} of processor time) in each of {instances} instances, \
             objects of at most {object_size} (object_size), {env}; no files, no network{refused}",
            limits.call_timeout, limits.cpu_time
        )
    }

    /// What was counted since it was loaded.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Whether one instance may hold several of its stores.
    pub fn merges(&self) -> bool {
        self.outline.world == World::DecoratorPack
    }

    /// The kind's own name in `PLUGIN/Kind`.
    pub fn kind<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(&self.def.name).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name)
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn load(
    def: PluginDef,
    observer: Arc<dyn Observer>,
    coordinator: Coordinator,
) -> Result<Plugin, Refusal> {
    let bytes = read(&def.options.component).map_err(Refusal::Component)?;
    let sha256 = digest(&bytes);
    if let Some(wanted) = def.options.sha256.as_ref().filter(|wanted| **wanted != sha256) {
        return Err(Refusal::Sha256(format!(
            "the digest of {} is {sha256}, and not {wanted}: either it was changed, or sha256 has \
             to be",
            def.options.component.display()
        )));
    }
    let file = def.options.component.display().to_string();
    let refuse = |problem: String| Refusal::Component(format!("{file}: {problem}"));
    let outline = inspect(&bytes).map_err(refuse)?;
    let size = bytes.len() as u64;
    let compiled = match outline.world {
        World::DecoratorPack => compile(&bytes, &outline),
        World::Transformer => {
            // The adapter may import more than the transformer does.
            let composed = compose::compose(&bytes).map_err(refuse)?;
            let outline = inspect::inspect(&composed).map_err(refuse)?;
            compile(&composed, &outline)
        }
    };
    let pre = compiled.map_err(|error| refuse(format!("it can't be used: {error:#}")))?;
    let name: Arc<str> = def.name.as_str().into();
    let counters = Arc::new(Counters::default());
    let voice = OutputLog::new(name.clone(), observer, counters.clone());
    let limits = Limits::from(&def.options.limits);
    let watched = Watched { name, counters: counters.clone(), voice: voice.clone() };
    let pack = Pack::new(pre, limits, Some(watched));
    let kinds = kinds(&pack, &def).map_err(refuse)?;
    let types = types::types(&def.name, kinds).map_err(refuse)?;
    Ok(Plugin { def, sha256, size, outline, types, pack, counters, voice, coordinator })
}

/// Reads a component's bytes.
pub fn read(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error| format!("{} can't be read: {error}", file.display());
    files::read(file, MAX_COMPONENT).map_err(failed)
}

fn compile(
    bytes: &[u8],
    outline: &Inspection,
) -> wasmtime::Result<DecoratorPackPre<super::state::InstanceState>> {
    let engine = engine()?;
    let component = Component::from_binary(&engine, bytes)?;
    let linker = wasi::linker(&engine, &component, outline)?;
    DecoratorPackPre::new(linker.instantiate_pre(&component)?)
}

/// The engine of all plug-ins. It is separate from that of the built-in decorators, so
/// that plug-ins can't use up its instances, and it does not pool, since the size of
/// plug-ins is unknown.
fn engine() -> wasmtime::Result<wasmtime::Engine> {
    static ENGINE: OnceLock<wasmtime::Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine.clone());
    }
    let mut config = runtime::config(false);
    config.epoch_interruption(true);
    let engine = wasmtime::Engine::new(&config)?;
    let engine = ENGINE.get_or_init(|| engine).clone();
    static TICKING: OnceLock<()> = OnceLock::new();
    if TICKING.set(()).is_ok() {
        tick(&engine)?;
    }
    Ok(engine)
}

/// Queries the store types, on this thread.
fn kinds(
    pack: &Pack,
    def: &PluginDef,
) -> Result<Vec<super::bindings::exports::storage::object_store::decorators::Kind>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| format!("no runtime could be started for it: {error}"))?;
    let (limits, time) = (&def.options.limits, def.options.limits.call_timeout);
    let ticks = limits.cpu_time.as_millis().div_ceil(TICK.as_millis());
    let ticks = u64::try_from(ticks).unwrap_or(u64::MAX / 2);
    let asked = async { tokio::time::timeout(time, pack.kinds(ticks)).await };
    let what = "it was asked for its store types";
    match runtime.block_on(asked) {
        Ok(Ok(kinds)) => Ok(kinds),
        Ok(Err(error)) if matches!(error.downcast_ref(), Some(wasmtime::Trap::Interrupt)) => {
            Err(format!("{what} and used more than {:?} of processor time", limits.cpu_time))
        }
        Ok(Err(error)) => Err(format!("{what} and failed: {}", error.root_cause())),
        Err(_) => Err(format!("{what} and did not answer within {time:?}")),
    }
}
