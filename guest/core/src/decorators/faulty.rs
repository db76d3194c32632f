//! A store in memory that fails on request, for tests.

use super::caching;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use storage_contract::env::{Coordinator, Env, Guard, Local, Versioned};
use storage_contract::kind::{Args, Kind};
use storage_contract::memory::Memory;
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::*;

type Hook = Box<dyn FnOnce()>;

#[derive(Default)]
struct Faults {
    down: Cell<bool>,
    /// Operations that fail with `Unavailable`.
    failing: RefCell<Vec<&'static str>>,
    /// Operations that fail with `PermissionDenied`.
    denied: RefCell<Vec<&'static str>>,
    /// The number of bytes after which reads break.
    break_after: Cell<Option<usize>>,
    /// The operations called, in order.
    calls: RefCell<Vec<String>>,
    /// Runs once, after an operation of this name.
    after: RefCell<Option<(&'static str, Hook)>>,
    /// Runs at every failure.
    on_failure: RefCell<Option<Box<dyn Fn()>>>,
}

/// The store. Clones share objects and faults.
#[derive(Clone)]
pub(super) struct Faulty {
    pub memory: Memory,
    pub capabilities: Capabilities,
    faults: Rc<Faults>,
}

fn fault() -> Error {
    Error::Unavailable("injected".to_owned())
}

impl Faulty {
    pub fn new() -> Self {
        let (memory, faults) = (Memory::default(), Rc::default());
        Self { memory, capabilities: Capabilities::ALL, faults }
    }

    pub fn with(capabilities: Capabilities) -> Self {
        Self { capabilities, ..Self::new() }
    }

    pub fn shared(&self) -> SharedStore {
        Rc::new(self.clone())
    }

    pub fn down(&self, down: bool) {
        self.faults.down.set(down);
    }

    pub fn fail(&self, operations: &[&'static str]) {
        *self.faults.failing.borrow_mut() = operations.to_vec();
    }

    pub fn deny(&self, operations: &[&'static str]) {
        *self.faults.denied.borrow_mut() = operations.to_vec();
    }

    pub fn break_after(&self, bytes: Option<usize>) {
        self.faults.break_after.set(bytes);
    }

    pub fn after(&self, operation: &'static str, hook: impl FnOnce() + 'static) {
        *self.faults.after.borrow_mut() = Some((operation, Box::new(hook)));
    }

    pub fn on_failure(&self, hook: impl Fn() + 'static) {
        *self.faults.on_failure.borrow_mut() = Some(Box::new(hook));
    }

    /// Loses an object, like a replaced disk.
    pub fn lose(&self, key: &str) {
        self.memory.delete(key, &DeleteOptions::default()).unwrap();
    }

    /// The operations since the last call of this.
    pub fn calls(&self) -> Vec<String> {
        self.faults.calls.take()
    }

    pub fn holds(&self, key: &str) -> Option<Vec<u8>> {
        self.memory.get(key, &ReadOptions::default()).ok().map(|(_, data)| data)
    }

    fn enter(&self, operation: &'static str) -> Result<()> {
        self.faults.calls.borrow_mut().push(operation.to_owned());
        if self.faults.denied.borrow().contains(&operation) {
            return Err(Error::PermissionDenied("injected".to_owned()));
        }
        let failing = self.faults.failing.borrow().contains(&operation);
        if !failing && !self.faults.down.get() {
            return Ok(());
        }
        if let Some(hook) = self.faults.on_failure.borrow().as_ref() {
            hook();
        }
        Err(fault())
    }

    fn leave(&self, operation: &'static str) {
        let hook = self.faults.after.take();
        match hook {
            Some((name, hook)) if name == operation => hook(),
            other => *self.faults.after.borrow_mut() = other,
        }
    }

    fn strip(&self, options: &PutOptions) -> PutOptions {
        if self.capabilities.metadata {
            return options.clone();
        }
        PutOptions {
            if_absent: options.if_absent,
            if_match: options.if_match.clone(),
            ..PutOptions::default()
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.enter("get")?;
        let got = self.memory.get(key, options);
        self.leave("get");
        got
    }
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.enter("put")?;
        let put = self.memory.put(key, data, &self.strip(options));
        self.leave("put");
        put
    }
    fn exists(&self, key: &str) -> Result<bool> {
        self.enter("exists")?;
        self.memory.exists(key)
    }
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.enter("delete")?;
        self.memory.delete(key, options)
    }
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.enter("stat")?;
        let info = self.memory.stat(key);
        self.leave("stat");
        info
    }
    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.enter("list")?;
        let mut page = self.memory.list(options)?;
        if !self.capabilities.ordered {
            page.entries.reverse();
        }
        Ok(page)
    }
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.enter("read")?;
        let reader = self.memory.read(key, options)?;
        self.leave("read");
        Ok(Box::new(FaultyReader { store: self.clone(), reader, done: 0 }))
    }
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.enter("write")?;
        let writer = self.memory.write(key, &self.strip(options))?;
        Ok(Box::new(FaultyWriter { store: self.clone(), writer }))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

struct FaultyReader {
    store: Faulty,
    reader: Box<dyn Reader>,
    done: usize,
}

impl Reader for FaultyReader {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let max = match self.store.faults.break_after.get() {
            Some(limit) if self.done >= limit => return Err(fault()),
            Some(limit) => max.min(limit - self.done),
            None => max,
        };
        let chunk = self.reader.next(max)?;
        self.done += chunk.len();
        Ok(chunk)
    }
}

struct FaultyWriter {
    store: Faulty,
    writer: Box<dyn Writer>,
}

impl Writer for FaultyWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.store.enter("push")?;
        self.writer.push(chunk)
    }
    fn finish(self: Box<Self>, mut trailer: Trailer) -> Result<ObjectInfo> {
        self.store.enter("finish")?;
        if !self.store.capabilities.metadata {
            trailer = Trailer::default();
        }
        let done = self.writer.finish(trailer);
        self.store.leave("finish");
        done
    }
}

/// The call of a coordinator that fails, counted from 1, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outage {
    pub call: u32,
    /// Whether every later call fails, too.
    pub lasting: bool,
    /// Whether the value is set all the same.
    pub effective: bool,
    pub part: Part,
}

/// The calls that count and fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    /// Loading and setting values.
    Values,
    /// Checks of guards: locks are lost, and nobody waits for one.
    Checks,
}

/// Runs `case` for each call that can fail, in each way. It returns the number of calls
/// that there were.
pub(super) fn for_every_outage(mut case: impl FnMut(Outage) -> u32) {
    let parts = [Part::All, Part::Values, Part::Checks];
    let ways = parts.into_iter().flat_map(|part| (0..4_u8).map(move |bits| (part, bits)));
    for (part, bits) in ways {
        let [lasting, effective] = [1, 2].map(|bit| bits & bit != 0);
        if effective && part == Part::Checks {
            continue;
        }
        for call in 1.. {
            if case(Outage { call, lasting, effective, part }) < call {
                break;
            }
        }
    }
}

/// A coordinator that fails on request, with a clock that moves only when set.
#[derive(Default)]
pub(super) struct Shared {
    local: Local,
    outage: Rc<Failing>,
    pub time: Cell<u64>,
    pub loads: Cell<u32>,
    /// Whether the caches are in doubt.
    doubtful: Cell<bool>,
}

/// The state of the coordinator's failures.
#[derive(Default)]
struct Failing {
    outage: Cell<Option<Outage>>,
    calls: Cell<u32>,
}

impl Failing {
    /// Counts a call; returns whether it fails.
    fn enter(&self, of: Part) -> bool {
        if self.outage.get().is_some_and(|outage| ![Part::All, of].contains(&outage.part)) {
            return false;
        }
        let call = self.calls.get() + 1;
        self.calls.set(call);
        let fails = |o: Outage| call == o.call || (o.lasting && call > o.call);
        self.outage.get().is_some_and(fails)
    }

    fn is_losing(&self) -> bool {
        self.outage.get().is_some_and(|outage| outage.part == Part::Checks)
    }
}

struct FailingGuard {
    #[expect(dead_code, reason = "held for its drop")]
    held: Option<Box<dyn Guard>>,
    outage: Rc<Failing>,
}

impl Guard for FailingGuard {
    fn check(&self) -> Result<()> {
        if self.outage.enter(Part::Checks) { Err(fault()) } else { Ok(()) }
    }
}

impl Shared {
    /// Makes calls fail from now on, or none. Returns how many there were since the last
    /// call of this.
    pub fn fail(&self, outage: Option<Outage>) -> u32 {
        self.outage.outage.set(outage);
        self.outage.calls.replace(0)
    }

    /// Puts the caches in doubt, or ends it, as the host does.
    pub fn doubt(&self, doubtful: bool) {
        self.doubtful.set(doubtful);
        for shard in 0..256 {
            let name = format!("s/cache/{shard:02x}");
            if let Some(mut held) = self.local.load(&name).unwrap() {
                caching::doubt(&mut held.value);
                self.local.compare_and_set(&name, held.version, Some(&held.value)).unwrap();
            }
        }
    }
}

impl Coordinator for Shared {
    fn lock(&self, name: &str) -> Result<Box<dyn Guard>> {
        if self.outage.enter(Part::All) {
            return Err(fault());
        }
        let lock = || self.local.lock(name);
        let held = (!self.outage.is_losing()).then(lock).transpose()?;
        Ok(Box::new(FailingGuard { held, outage: self.outage.clone() }))
    }
    fn load(&self, name: &str) -> Result<Option<Versioned>> {
        self.loads.set(self.loads.get() + 1);
        if self.outage.enter(Part::Values) {
            return Err(fault());
        }
        if caching::is_doubt(name) {
            return Ok(self.doubtful.get().then(|| Versioned { value: Vec::new(), version: 1 }));
        }
        self.local.load(name)
    }
    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64> {
        assert!(value.is_none_or(|value| value.len() <= 64 * 1024), "too large a value");
        let failing = self.outage.enter(Part::Values);
        if failing && !self.outage.outage.get().is_some_and(|outage| outage.effective) {
            return Err(fault());
        }
        let doubtful = self.doubtful.get() && caching::is_index(name);
        let mut value = value.map(<[u8]>::to_vec);
        if let Some(value) = value.as_mut().filter(|_| doubtful) {
            caching::doubt(value);
        }
        let set = self.local.compare_and_set(name, expected, value.as_deref());
        if failing { Err(fault()) } else { set }
    }
    fn now(&self) -> u64 {
        self.time.get()
    }
}

pub(super) fn args(shared: &Rc<Shared>, config: &str, bases: &[&Faulty]) -> Args {
    args_in(Env { coordinator: shared.clone(), ..Env::local() }, config, bases)
}

pub(super) fn args_in(env: Env, config: &str, bases: &[&Faulty]) -> Args {
    let names = (0..bases.len()).map(|number| format!("base-{number}")).collect();
    let bases = bases.iter().map(|base| base.shared()).collect();
    Args { name: "s".to_owned(), config: serde_json::from_str(config).unwrap(), bases, names, env }
}

pub(super) fn read_all(reader: &mut dyn Reader, chunk: usize) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let next = reader.next(chunk)?;
        if next.is_empty() {
            return Ok(data);
        }
        data.extend(next);
    }
}

pub(super) fn write_all(store: &dyn Store, key: &str, data: &[u8]) -> Result<ObjectInfo> {
    let mut writer = store.write(key, &PutOptions::default())?;
    for chunk in data.chunks(1000) {
        writer.push(chunk)?;
    }
    writer.finish(Trailer::default())
}

pub(super) fn registered(kind: &Kind) -> bool {
    kind.aliases
        .iter()
        .all(|alias| crate::decorators::kind(alias).is_some_and(|k| k.name == kind.name))
        && serde_json::from_str::<serde_json::Value>(kind.config_schema).is_ok()
}
