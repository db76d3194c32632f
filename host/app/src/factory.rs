//! The factory that opens the stores of a configuration.

use crate::config::{Config, PluginDef, StoreDef, TypeInfo};
use crate::identity::{self, Identity};
use crate::mirrors::Mirror;
use crate::notify::Notifier;
use crate::open_stores::{OpenStores, StoreLease};
use crate::trails::{keeper, trails};
use anyhow::{Context, anyhow};
use futures::future::BoxFuture;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use storage_backends::{BACKENDS, Check, Method, OpenArgs, backend, presign};
use storage_contract::chain::{Base, Node};
use storage_contract::env::Event;
use storage_sandbox::coordinator::{Coordinator, Namespace};
use storage_sandbox::log::Log;
use storage_sandbox::{Engine, HostServices, Observer, Plugin};
use storage_store::objects::Objects;
use storage_store::{Error, SharedStore};
use tokio::sync::Mutex;

/// Opens the stores of a YAML file. A store shared by several others is opened
/// once.
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
    /// Unique in this process.
    id: u64,
    path: PathBuf,
    config: Config,
    /// The index of each store in the configuration.
    names: HashMap<String, usize>,
    engine: Arc<Engine>,
    plugins: HashMap<String, Arc<Plugin>>,
    /// Notifiers by store name, with the identity to release them by.
    notifiers: HashMap<String, (Identity, Arc<Notifier>)>,
    /// Shared with the factories that this one replaced.
    all: OpenStores,
    /// The directory of the file, where its relative paths start.
    directory: PathBuf,
    check_only: bool,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    stores: HashMap<usize, SharedStore>,
    /// The identities of open stores and of the decorators in chains.
    identities: HashMap<usize, Identity>,
    /// Stores in the order of opening, bases first, with the numbers to release
    /// them by.
    order: Vec<(usize, u64)>,
    /// Set once closed: stores opened later would never be closed.
    closed: bool,
}

impl StoreFactory {
    /// Reads and checks a file, and compiles its plug-ins. Opens no store yet.
    /// Relative paths in the file start at its directory.
    pub fn from_yaml(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::read(path.as_ref(), &HashMap::new(), OpenStores::default())
    }

    /// Reads the file again. If the definitions of a store and of its bases are
    /// unchanged, the new factory uses the store that this one has open, with
    /// its content. Close both factories; a shared store closes with the last.
    pub fn reload(&self) -> anyhow::Result<Self> {
        let new = Self::read(&self.path, &self.plugins, self.all.clone())?;
        Ok(Self { check_only: self.check_only, ..new })
    }

    fn read(
        path: &Path,
        before: &HashMap<String, Arc<Plugin>>,
        all: OpenStores,
    ) -> anyhow::Result<Self> {
        let engine = storage_sandbox::shared()?;
        // Only built-in stores have handlers.
        let observer: Arc<dyn Observer> = Arc::new(Log(|_| ()));
        let (config, plugins) = load_after(path, &observer, before)?;
        let directory = folder(path)?;
        let mut notifiers = HashMap::new();
        let mut problem = None;
        for def in config.stores.iter().filter(|def| def.kind == "NotifyingStore") {
            let identity = identity::of_handlers(def);
            let handlers = serde_json::Value::Object(def.config.clone());
            let make = || Notifier::new([(def.name.as_str(), &handlers)], &directory);
            let notifier = all.notifier(identity, make);
            match notifier {
                Ok(notifier) => drop(notifiers.insert(def.name.clone(), (identity, notifier))),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let factory = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            // The working directory may change before a reload.
            path: std::path::absolute(path).with_context(|| path.display().to_string())?,
            names: config.stores.iter().zip(0..).map(|(def, at)| (def.name.clone(), at)).collect(),
            config,
            engine,
            plugins,
            notifiers,
            all,
            directory,
            check_only: false,
            open: Mutex::default(),
        };
        match problem {
            None => Ok(factory),
            Some(error) => {
                factory.release_notifiers();
                Err(error).context(factory.config.file)
            }
        }
    }

    /// Opens stores without changing anything: a store that would create
    /// something when opened fails instead.
    #[must_use]
    pub fn check_only(mut self) -> Self {
        self.check_only = true;
        self
    }

    /// The checked configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The plug-ins of the configuration, with their statistics.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.config.plugins.iter().filter_map(|def| self.plugins.get(&def.name))
    }

    /// Opens the main store and its bases.
    pub async fn build(&self) -> anyhow::Result<Objects> {
        self.open_index(self.config.main, true).await
    }

    /// Opens a store by name, and its bases. Creates directories and files that
    /// a backend needs.
    pub async fn open(&self, name: &str) -> anyhow::Result<Objects> {
        self.open_index(self.index(name)?, true).await
    }

    /// Like [`open`](Self::open), but a missing directory or file is an error
    /// that names it. For readers: an empty root created under a mistyped path
    /// would look like lost objects.
    pub async fn open_existing(&self, name: &str) -> anyhow::Result<Objects> {
        self.open_index(self.index(name)?, false).await
    }

    /// Creates a URL that lets anyone who has it read or write one object for a
    /// while, without keys: see `docs/stores/bucket.md`.
    ///
    /// The store itself must be a BucketStore; any other, even a decorator over
    /// one, is `Unsupported`. `expires` is between one second and seven days.
    /// This contacts no server, so it does not check that the URL works.
    pub async fn presign(
        &self,
        name: &str,
        key: &str,
        method: Method,
        expires: Duration,
    ) -> anyhow::Result<String> {
        let def = self.def(self.index(name)?);
        let args = self.args(def, false);
        presign(&def.kind, &args, key, method, expires).await.with_context(|| title(def))
    }

    /// The names of the configuration's MirroringStores; with `under`, only
    /// those at or below that store.
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

    /// Opens the children and the journal of a MirroringStore one by one.
    /// `create` allows their backends to create missing directories and files.
    pub async fn mirror(&self, name: &str, create: bool) -> anyhow::Result<Mirror> {
        let def = self.def(self.index(name)?);
        if def.kind != "MirroringStore" {
            return Err(anyhow!("store {name:?} is a {}, not a MirroringStore", def.kind));
        }
        let mut children = Vec::new();
        for child in def.under() {
            children.push(self.open_index(*child, create).await?);
        }
        let journal = match def.beside() {
            [journal, ..] => Some(self.open_index(*journal, create).await?),
            [] => None,
        };
        let open = self.open.lock().await;
        if open.closed {
            return Err(anyhow!("store {name:?}: its factory is closed"));
        }
        let (_, scope) = self.identify(&open, def, None);
        let coordinator = self.scoped(&self.all.coordinator, [(def, scope)]);
        Ok(Mirror::new(name, children, journal, coordinator))
    }

    /// The store that keeps its objects in this file, or in a directory that
    /// contains it. Nothing else may be written there.
    pub fn keeper(&self, file: &Path) -> Option<&str> {
        keeper(&self.config, &self.directory, file)
    }

    fn index(&self, name: &str) -> anyhow::Result<usize> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| anyhow!("{} has no store {name:?}", self.config.file))
    }

    /// Closes every open store, outermost first, and delivers pending events.
    /// Stores that another factory also has open after a
    /// [`reload`](Self::reload) stay open. Tries all stores and returns the
    /// first error.
    pub async fn close(&self) -> anyhow::Result<()> {
        let Open { order, closed, .. } = {
            let mut open = self.open.lock().await;
            std::mem::replace(&mut *open, Open { closed: true, ..Open::default() })
        };
        if closed {
            return Ok(());
        }
        let numbers: Vec<u64> = order.iter().rev().map(|(_, number)| *number).collect();
        let mut first = Ok(());
        for (number, store) in self.all.release(&numbers) {
            let closed = store.close().await;
            let opened = order.iter().find(|(_, own)| *own == number);
            let name = opened.map_or("", |(index, _)| self.def(*index).name.as_str());
            first = first.and(closed.with_context(|| format!("store {name:?}")));
        }
        self.all.forget(self.id);
        let notifiers = self.release_notifiers();
        futures::future::join_all(notifiers.iter().map(|notifier| notifier.close())).await;
        first
    }

    fn release_notifiers(&self) -> Vec<Arc<Notifier>> {
        let identities: Vec<_> = self.notifiers.values().map(|(identity, _)| *identity).collect();
        self.all.release_notifiers(&identities)
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
            check: self.check_only.then(Check::default),
        }
    }

    async fn open_index(&self, index: usize, create: bool) -> anyhow::Result<Objects> {
        let mut open = self.open.lock().await;
        let name = &self.def(index).name;
        if open.closed {
            return Err(anyhow!("store {name:?}: its factory is closed"));
        }
        let store = self.open_store(&mut open, index, create).await?;
        self.all.review(self.id);
        let trails = trails(&self.config, self.id, index, &self.directory);
        Ok(Objects::new(name, store).with_trails(trails))
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
                None if backend(&self.def(index).kind).is_some() => {
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
        let backend =
            backend(&def.kind).ok_or_else(|| anyhow!("store {:?} is not a backend", def.name))?;
        let identity = identity::of_backend(def, backend, &self.directory, self.check_only);
        let target = || identity::target(def, backend, &self.directory);
        let lease = match self.all.find(identity, target()) {
            Some(lease) => lease,
            None => {
                let args = self.args(def, create);
                let check = args.check.clone();
                let store = (backend.open)(args).await.map_err(|error| {
                    match check.is_some_and(|check| check.would_create()) {
                        true => anyhow::Error::new(error).context(WouldCreate(title(def))),
                        false => anyhow::Error::new(error).context(title(def)),
                    }
                })?;
                // Opening may have created the target of the path.
                self.all.add(identity, target(), store)
            }
        };
        let identity = identity::of_open(identity, lease.number);
        Ok(open.keep(index, identity, lease))
    }

    /// Opens a decorator. All decorators of the same component below it go into
    /// the same chain; the stores below those become its bases.
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
        let def = self.def(root);
        let plugin = def.plugin.as_ref().and_then(|name| self.plugins.get(name));
        let mut scopes = Vec::new();
        for index in &decorators {
            let def = self.def(*index);
            let (identity, scope) = self.identify(open, def, plugin);
            open.identities.insert(*index, identity);
            scopes.push((def, scope));
        }
        let coordinator = plugin.map_or(&self.all.coordinator, |plugin| plugin.coordinator());
        let coordinator = self.scoped(coordinator, scopes.iter().copied());
        let identity = open.identities.get(&root).copied().unwrap_or_default();
        if let Some(lease) = self.all.find(identity, None) {
            return Ok(open.keep(root, identity, lease));
        }
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
        let is_plugin = plugin.is_some();
        let chain = match plugin {
            None => {
                let observer = self.observer(&decorators);
                self.engine.chain(nodes, bases, HostServices { observer, coordinator }).await
            }
            Some(plugin) => {
                let scopes = scopes.into_iter().map(|(def, scope)| (def.name.clone(), scope));
                plugin.scoped_chain(nodes, bases, scopes.collect()).await
            }
        };
        let chain = chain.map_err(|error| match error {
            // Our own decorators name the store of the chain whose config is wrong.
            Error::InvalidConfig(_) if !is_plugin => anyhow::Error::new(error),
            _ => anyhow::Error::new(error).context(title(def)),
        })?;
        let lease = self.all.add(identity, None, Arc::new(chain));
        Ok(open.keep(root, identity, lease))
    }

    /// An observer that forwards events to the handlers of these stores.
    fn observer(&self, decorators: &BTreeSet<usize>) -> Arc<dyn Observer> {
        let own = decorators.iter().filter_map(|index| {
            let name = &self.def(*index).name;
            Some((name.clone(), self.notifiers.get(name)?.1.clone()))
        });
        let own: HashMap<String, Arc<Notifier>> = own.collect();
        Arc::new(Log(move |event: Event| {
            if let Some(notifier) = own.get(&event.store) {
                notifier.changed(event);
            }
        }))
    }

    /// The identity of a decorator whose bases are open, and the scope of its
    /// values.
    fn identify(
        &self,
        open: &Open,
        def: &StoreDef,
        plugin: Option<&Arc<Plugin>>,
    ) -> (Identity, Namespace) {
        let known = |base| open.identities.get(base).copied().unwrap_or_default();
        let bases: Vec<Identity> = def.bases.iter().map(known).collect();
        let plugin = plugin.map(|plugin| (&plugin.def, plugin.sha256.as_str()));
        let own = identity::of_decorator(def, plugin, &self.directory, bases.iter().copied());
        (own, identity::scope(def, own, &bases))
    }

    /// A coordinator that scopes the values of these stores.
    fn scoped<'a>(
        &self,
        coordinator: &Coordinator,
        scopes: impl IntoIterator<Item = (&'a StoreDef, Namespace)>,
    ) -> Coordinator {
        let note = |(def, scope): (&StoreDef, Namespace)| {
            self.all.uses(self.id, scope, coordinator, def.kind == identity::CACHE);
            (def.name.clone(), scope)
        };
        coordinator.scoped(scopes.into_iter().map(note).collect())
    }

    /// The decorators that go into one instance with `root`, and the stores
    /// below them that do not.
    fn below(&self, root: usize) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let (mut decorators, mut others) = (BTreeSet::new(), BTreeSet::new());
        let plugin = self.def(root).plugin.as_ref().and_then(|name| self.plugins.get(name));
        let merges = plugin.is_none_or(|plugin| plugin.merges());
        let mut todo = vec![root];
        while let Some(index) = todo.pop() {
            let def = self.def(index);
            let same = index == root || (merges && def.plugin == self.def(root).plugin);
            if backend(&def.kind).is_some() || !same {
                others.insert(index);
            } else if decorators.insert(index) {
                todo.extend(&def.bases);
            }
        }
        (decorators, others)
    }
}

/// The absolute directory of a configuration: the working directory may change,
/// and messages show full paths.
fn folder(path: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
    Ok(path.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Reads and checks a file, and loads its plug-ins, which log to `observer`.
pub fn load(
    path: &Path,
    observer: &Arc<dyn Observer>,
) -> anyhow::Result<(Config, HashMap<String, Arc<Plugin>>)> {
    load_after(path, observer, &HashMap::new())
}

/// Like [`load`], reusing plug-ins that were loaded before.
fn load_after(
    path: &Path,
    observer: &Arc<dyn Observer>,
    before: &HashMap<String, Arc<Plugin>>,
) -> anyhow::Result<(Config, HashMap<String, Arc<Plugin>>)> {
    let mut plugins = HashMap::new();
    let mut load = |def: &PluginDef| {
        let plugin = match before.get(&def.name) {
            Some(plugin) => plugin.reload(def.clone(), observer.clone())?,
            None => Plugin::load(def.clone(), observer.clone())?,
        };
        let types = plugin.types.clone();
        plugins.insert(def.name.clone(), plugin);
        Ok(types)
    };
    let config = Config::load(path, &types()?, &mut load)?;
    Ok((config, plugins))
}

impl Open {
    fn keep(&mut self, index: usize, identity: Identity, lease: StoreLease) -> SharedStore {
        self.identities.insert(index, identity);
        self.stores.insert(index, lease.store.clone());
        self.order.push((index, lease.number));
        lease.store
    }
}

/// The context of an error about a store that does not exist, and that a start would create.
#[derive(Debug)]
pub(crate) struct WouldCreate(String);

impl std::fmt::Display for WouldCreate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names a store that could not be opened.
fn title(def: &StoreDef) -> String {
    format!("store {:?} ({})", def.name, def.kind)
}

/// Every store type: the host's backends, then those of the component.
pub fn types() -> anyhow::Result<Vec<TypeInfo>> {
    let backend = |backend: &&storage_backends::Backend| {
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
    types.extend(storage_sandbox::shared()?.kinds()?);
    Ok(types)
}
