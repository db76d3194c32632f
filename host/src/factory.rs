//! From a configuration to open stores.

use crate::backends::{BACKENDS, Method, OpenArgs, presign};
use crate::config::{Config, PluginDef, StoreDef, TypeInfo};
use crate::coordinator::Coordinator;
use crate::engine::{Engine, Observer, Plugin, Shared};
use crate::mirrors::Mirror;
use crate::notify::Notifier;
use crate::objects::Objects;
use crate::observe::Log;
use crate::place::trails;
use crate::store::SharedStore;
use anyhow::{Context, anyhow};
use futures::future::BoxFuture;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage_core::chain::{Base, Node};
use tokio::sync::Mutex;

/// Builds stores from a YAML file and keeps those that are open, so that a
/// store shared by several others is opened once.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use storage_host::StoreFactory;
///
/// let factory = StoreFactory::from_yaml("stores.yaml")?;
/// let objects = factory.build().await?;
/// objects.put("greeting", "hello".into(), Default::default()).await?;
/// factory.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct StoreFactory {
    /// Of this process only.
    id: u64,
    config: Config,
    /// Where in the configuration a store is.
    names: HashMap<String, usize>,
    engine: Arc<Engine>,
    plugins: HashMap<String, Arc<Plugin>>,
    shared: Shared,
    notifier: Arc<Notifier>,
    /// The folder of the file: where relative paths in it start.
    directory: PathBuf,
    check_only: bool,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    stores: HashMap<usize, SharedStore>,
    /// In the order of opening: a store after its bases.
    order: Vec<(usize, SharedStore)>,
}

impl StoreFactory {
    /// Reads and checks a file, and compiles the plug-ins that it names. Opens
    /// nothing yet. Relative paths in it start at its folder.
    pub fn from_yaml(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        let engine = engine()?;
        let told: Arc<OnceLock<Arc<Notifier>>> = Arc::default();
        let hears = told.clone();
        let observer: Arc<dyn Observer> = Arc::new(Log(move |event| {
            if let Some(notifier) = hears.get() {
                notifier.changed(event);
            }
        }));
        let (config, plugins) = load(path.as_ref(), &observer)?;
        let directory = folder(path.as_ref())?;
        let notifying = config.stores.iter().filter(|def| def.kind == "NotifyingStore");
        let handlers: Vec<_> = notifying
            .map(|def| (def.name.as_str(), serde_json::Value::Object(def.config.clone())))
            .collect();
        let handlers = handlers.iter().map(|(name, config)| (*name, config));
        let notifier = Notifier::new(handlers, &directory).with_context(|| config.file.clone())?;
        let notifier = Arc::new(notifier);
        let _ = told.set(notifier.clone());
        let shared = Shared { observer, coordinator: Coordinator::default() };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            names: config.stores.iter().zip(0..).map(|(def, at)| (def.name.clone(), at)).collect(),
            config,
            engine,
            plugins,
            shared,
            notifier,
            directory,
            check_only: false,
            open: Mutex::default(),
        })
    }

    /// Opens without touching: what a store would create when opened is
    /// reported as an error instead.
    #[must_use]
    pub fn check_only(mut self) -> Self {
        self.check_only = true;
        self
    }

    /// The checked configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The plug-ins of the configuration, with what was counted of them.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.config.plugins.iter().filter_map(|def| self.plugins.get(&def.name))
    }

    /// Opens the main store, and what it stands on.
    pub async fn build(&self) -> anyhow::Result<Objects> {
        self.open_index(self.config.main, true).await
    }

    /// Opens a store by name, and what it stands on. Directories and files that
    /// a backend needs and that are missing are made.
    pub async fn open(&self, name: &str) -> anyhow::Result<Objects> {
        self.open_index(self.index(name)?, true).await
    }

    /// As [`open`](Self::open), and makes no directory or file: where one is
    /// missing, that is an error that names it. For whoever only reads: an empty
    /// root, made anew under a mistyped path, would look like lost objects.
    pub async fn open_existing(&self, name: &str) -> anyhow::Result<Objects> {
        self.open_index(self.index(name)?, false).await
    }

    /// Makes a URL with which whoever holds it may read or write one object of
    /// a store for a while, without keys: see `docs/stores/bucket.md`.
    ///
    /// The store must be a BucketStore itself; over any other, decorators of
    /// one included, it is `Unsupported`. `expires` is at least a second and at
    /// most seven days. Nothing is sent: whether the URL works shows in use.
    pub async fn presign(
        &self,
        name: &str,
        key: &str,
        method: Method,
        expires: Duration,
    ) -> anyhow::Result<String> {
        let def = self.def(self.index(name)?);
        let args = self.args(def, false);
        presign(&def.kind, &args, key, method, expires).await.map_err(|error| named(def, error))
    }

    /// The MirroringStores of the configuration, by name; with `under`, those
    /// that this store stands on, itself included.
    pub fn mirrors(&self, under: Option<&str>) -> anyhow::Result<Vec<String>> {
        let stores = &self.config.stores;
        let mut wanted: Vec<bool> = vec![under.is_none(); stores.len()];
        if let Some(name) = under {
            let mut todo = vec![self.index(name)?];
            while let Some(index) = todo.pop() {
                if let Some(wanted) = wanted.get_mut(index) {
                    *wanted = true;
                }
                todo.extend(&self.def(index).bases);
            }
        }
        let mirror = |(def, wanted): (&StoreDef, bool)| {
            (wanted && def.kind == "MirroringStore").then(|| def.name.clone())
        };
        Ok(stores.iter().zip(wanted).filter_map(mirror).collect())
    }

    /// Opens the children of a MirroringStore one by one, and its journal.
    pub async fn mirror(&self, name: &str) -> anyhow::Result<Mirror> {
        let def = self.def(self.index(name)?);
        if def.kind != "MirroringStore" {
            return Err(anyhow!("store {name:?} is a {}, not a MirroringStore", def.kind));
        }
        let mut children = Vec::new();
        for child in def.under() {
            children.push(self.open_index(*child, true).await?);
        }
        let journal = match def.beside() {
            [journal, ..] => Some(self.open_index(*journal, true).await?),
            [] => None,
        };
        Ok(Mirror::new(name, children, journal, self.shared.coordinator.clone()))
    }

    fn index(&self, name: &str) -> anyhow::Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| anyhow!("{} has no store {name:?}", self.config.file))
    }

    /// Closes every open store, the outermost first, and delivers what events
    /// still wait. Reports the first failure, after having tried all.
    pub async fn close(&self) -> anyhow::Result<()> {
        let order = std::mem::take(&mut *self.open.lock().await).order;
        let mut first = Ok(());
        for (index, store) in order.into_iter().rev() {
            let closed = store.close().await;
            let closed = closed.with_context(|| format!("store {:?}", self.def(index).name));
            first = first.and(closed);
        }
        self.notifier.close().await;
        first
    }

    fn def(&self, index: usize) -> &StoreDef {
        &self.config.stores[index]
    }

    fn args(&self, def: &StoreDef, create: bool) -> OpenArgs {
        OpenArgs {
            name: def.name.clone(),
            config: serde_json::Value::Object(def.config.clone()),
            directory: self.directory.clone(),
            create: create && !self.check_only,
            check_only: self.check_only,
        }
    }

    async fn open_index(&self, index: usize, create: bool) -> anyhow::Result<Objects> {
        let mut open = self.open.lock().await;
        let name = &self.def(index).name;
        let store = self.open_store(&mut open, index, create).await?;
        let trails = trails(&self.config, self.id, index, &self.directory);
        Ok(Objects::new(name, store).kept(trails))
    }

    fn open_store<'a>(
        &'a self,
        open: &'a mut Open,
        index: usize,
        create: bool,
    ) -> BoxFuture<'a, anyhow::Result<SharedStore>> {
        Box::pin(async move {
            match open.stores.get(&index) {
                Some(store) => Ok(store.clone()),
                None if backend(self.def(index)).is_some() => {
                    self.open_backend(open, index, create).await
                }
                None => self.open_chain(open, index, create).await,
            }
        })
    }

    async fn open_backend(
        &self,
        open: &mut Open,
        index: usize,
        create: bool,
    ) -> anyhow::Result<SharedStore> {
        let def = self.def(index);
        let backend = backend(def).ok_or_else(|| anyhow!("store {:?} is no backend", def.name))?;
        let store = (backend.open)(self.args(def, create));
        let store = store.await.map_err(|error| named(def, error))?;
        Ok(open.keep(index, store))
    }

    /// Opens a decorator: everything below it that is of the same component,
    /// too, goes into the same chain; what is under them are its bases.
    async fn open_chain(
        &self,
        open: &mut Open,
        root: usize,
        create: bool,
    ) -> anyhow::Result<SharedStore> {
        let (decorators, others) = self.below(root);
        let mut bases = HashMap::new();
        for index in others {
            let base = self.open_store(open, index, create).await?;
            bases.insert(self.def(index).name.clone(), base);
        }
        let plugin = self.def(root).plugin.as_ref().and_then(|name| self.plugins.get(name));
        let position: HashMap<usize, u32> = decorators.iter().copied().zip(0..).collect();
        let node = |&index: &usize| {
            let def = self.def(index);
            let base = |base: &usize| match position.get(base) {
                Some(position) => Base::Node(*position),
                None => Base::Name(self.def(*base).name.clone()),
            };
            Node {
                name: def.name.clone(),
                kind: plugin.map_or(def.kind.as_str(), |p| p.kind(&def.kind)).to_owned(),
                config: serde_json::Value::Object(def.config.clone()).to_string(),
                bases: def.bases.iter().map(base).collect(),
            }
        };
        let nodes = decorators.iter().map(node).collect();
        let chain = match plugin {
            None => self.engine.chain(nodes, bases, self.shared.clone()).await,
            Some(plugin) => plugin.chain(nodes, bases).await,
        };
        let def = self.def(root);
        let chain = chain.map_err(|error| named(def, error))?;
        Ok(open.keep(root, Arc::new(chain)))
    }

    /// The decorators from `root` down that go into one instance with it, and the
    /// stores under them that do not, each bases first.
    fn below(&self, root: usize) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let (mut decorators, mut others) = (BTreeSet::new(), BTreeSet::new());
        let plugin = self.def(root).plugin.as_ref().and_then(|name| self.plugins.get(name));
        let merges = plugin.is_none_or(|plugin| plugin.merges());
        let mut todo = vec![root];
        while let Some(index) = todo.pop() {
            let def = self.def(index);
            let same = index == root || (merges && def.plugin == self.def(root).plugin);
            if backend(def).is_some() || !same {
                others.insert(index);
            } else if decorators.insert(index) {
                todo.extend(&def.bases);
            }
        }
        (decorators, others)
    }
}

/// The folder of a configuration, from the root on: the working directory may
/// change, and messages show where things are.
fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
    Ok(path.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Reads and checks a file, and loads the plug-ins that it names; what they say
/// goes to `observer`.
pub fn load(
    path: &Path,
    observer: &Arc<dyn Observer>,
) -> anyhow::Result<(Config, HashMap<String, Arc<Plugin>>)> {
    let mut plugins = HashMap::new();
    let mut load = |def: &PluginDef| {
        let plugin = Plugin::load(def.clone(), observer.clone())?;
        let types = plugin.types.clone();
        plugins.insert(def.name.clone(), plugin);
        Ok(types)
    };
    let config = Config::load(path, &types()?, &mut load)?;
    Ok((config, plugins))
}

impl Open {
    fn keep(&mut self, index: usize, store: SharedStore) -> SharedStore {
        self.stores.insert(index, store.clone());
        self.order.push((index, store.clone()));
        store
    }
}

fn backend(def: &StoreDef) -> Option<&'static crate::backends::Backend> {
    BACKENDS.iter().copied().find(|backend| backend.name == def.kind)
}

/// Says which store could not be opened, unless the error does already.
fn named(def: &StoreDef, error: crate::Error) -> anyhow::Error {
    let said = error.to_string().contains("store \"");
    let error = anyhow::Error::new(error);
    if said { error } else { error.context(format!("store {:?} ({})", def.name, def.kind)) }
}

/// The engine of this process: compiled code and address space are shared by
/// every configuration.
pub fn engine() -> anyhow::Result<Arc<Engine>> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine.clone());
    }
    let engine = Engine::new().context("the decorators could not be loaded")?;
    Ok(ENGINE.get_or_init(|| engine).clone())
}

/// Every store type: the host's backends, then what the component offers.
pub fn types() -> anyhow::Result<Vec<TypeInfo>> {
    let backend = |backend: &&crate::backends::Backend| {
        let schema = serde_json::from_str(backend.config_schema);
        Ok(TypeInfo {
            name: backend.name.to_owned(),
            aliases: backend.aliases.iter().map(|a| (*a).to_owned()).collect(),
            base: None,
            schema: schema.with_context(|| format!("the schema of {}", backend.name))?,
            doc: backend.doc.to_owned(),
            plugin: None,
        })
    };
    let mut types = BACKENDS.iter().map(backend).collect::<anyhow::Result<Vec<_>>>()?;
    types.extend(engine()?.kinds()?);
    Ok(types)
}
