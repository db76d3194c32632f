//! A base in memory for native unit tests of plug-ins. It stores objects like a
//! real base, records the calls, and fails on request.
//!
//! The real host, with limits and a sandbox, is in `storage-host`; test a plug-in
//! there with a `stores.yaml`.
//!
//! For transformers, [`encode`] and [`decode`] make the calls that the host makes.

mod parts;

pub use parts::{decode, encode};

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use storage_contract::chain::{self, Node};
use storage_contract::env::{
    Context, Coordinator, Env, Event, Guard, Level, Local, Observer, RequestContext, Versioned,
};
use storage_contract::kind::Kind;
use storage_contract::memory::Memory;
use storage_contract::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Store, Trailer, Writer,
};

thread_local! {
    static CONTEXT: RefCell<RequestContext> = RefCell::default();
}

/// Sets what [`context`](crate::context()) returns in this thread.
pub fn set_context(context: RequestContext) {
    CONTEXT.set(context);
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn context() -> RequestContext {
    CONTEXT.with_borrow(Clone::clone)
}

/// Builds a store over these bases as the host does, but without checking the
/// config against its schema.
pub fn build(kind: &Kind, config: &serde_json::Value, bases: &[&Base]) -> Result<SharedStore> {
    Rc::new(Surroundings::default()).build(kind, config, bases)
}

/// A base in memory. Clones share everything.
#[derive(Clone, Default)]
pub struct Base {
    memory: Memory,
    rules: Rc<Rules>,
}

struct Rules {
    capabilities: Cell<Capabilities>,
    failing: RefCell<Vec<(String, Error)>>,
    calls: RefCell<Vec<String>>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            capabilities: Cell::new(Capabilities::ALL),
            failing: RefCell::default(),
            calls: RefCell::default(),
        }
    }
}

impl Base {
    /// Stores an object without recording a call.
    pub fn hold(&self, key: &str, data: impl AsRef<[u8]>) -> Result<ObjectInfo> {
        self.memory.put(key, data.as_ref(), &PutOptions::default())
    }

    /// The bytes of an object, if there is one.
    pub fn data(&self, key: &str) -> Option<Vec<u8>> {
        self.memory.get(key, &ReadOptions::default()).ok().map(|(_, data)| data)
    }

    /// The first thousand keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let page = self.memory.list(&ListOptions::default());
        page.map(|page| page.entries.into_iter().map(|entry| entry.key).collect())
            .unwrap_or_default()
    }

    /// Sets the capabilities to declare; all operations work in any case.
    pub fn declare(&self, capabilities: Capabilities) {
        self.rules.capabilities.set(capabilities);
    }

    /// Makes the next call of an operation fail: one of `Store`, or `next` of a
    /// reader, `push` or `finish` of a writer. Each call of this makes one more
    /// call fail.
    pub fn fail(&self, operation: &str, error: Error) {
        self.rules.failing.borrow_mut().push((operation.to_owned(), error));
    }

    /// The calls since the last call of this: operation and key, or prefix.
    pub fn calls(&self) -> Vec<String> {
        self.rules.calls.take()
    }

    /// The same base, given to a store under this name.
    fn named(&self, name: &str) -> Self {
        Self { memory: self.memory.named(name), rules: self.rules.clone() }
    }

    fn enter(&self, operation: &str, key: &str) -> Result<()> {
        self.rules.calls.borrow_mut().push(format!("{operation} {key}").trim_end().to_owned());
        self.rules.check(operation)
    }
}

impl Rules {
    fn check(&self, operation: &str) -> Result<()> {
        let mut failing = self.failing.borrow_mut();
        match failing.iter().position(|(name, _)| name == operation) {
            Some(index) => Err(failing.remove(index).1),
            None => Ok(()),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Base {
    fn capabilities(&self) -> Capabilities {
        self.rules.capabilities.get()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.enter("get", key)?;
        self.memory.get(key, options)
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.enter("put", key)?;
        self.memory.put(key, data, options)
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.enter("exists", key)?;
        self.memory.exists(key)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.enter("delete", key)?;
        self.memory.delete(key, options)
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.enter("stat", key)?;
        self.memory.stat(key)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.enter("list", &options.prefix)?;
        self.memory.list(options)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.enter("read", key)?;
        let reader = self.memory.read(key, options)?;
        Ok(Box::new(BaseReader { reader, rules: self.rules.clone() }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.enter("write", key)?;
        let writer = self.memory.write(key, options)?;
        Ok(Box::new(BaseWriter { writer, rules: self.rules.clone() }))
    }

    /// Answers with the number of the base, counted from 0. Not recorded: it touches
    /// no object.
    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        self.memory.locate(key, access)
    }
}

struct BaseReader {
    reader: Box<dyn Reader>,
    rules: Rc<Rules>,
}

impl Reader for BaseReader {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        self.rules.check("next")?;
        self.reader.next(max)
    }
}

struct BaseWriter {
    writer: Box<dyn Writer>,
    rules: Rc<Rules>,
}

impl Writer for BaseWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.rules.check("push")?;
        self.writer.push(chunk)
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        self.rules.check("finish")?;
        self.writer.finish(trailer)
    }
}

/// An environment for stores, with a clock that only [`set_time`](Self::set_time)
/// moves.
#[derive(Default)]
pub struct Surroundings {
    time: Cell<u64>,
    lines: RefCell<Vec<String>>,
    events: RefCell<Vec<Event>>,
    context: RefCell<RequestContext>,
    shared: Local,
}

impl Surroundings {
    /// Like [`build`], in this environment.
    pub fn build(
        self: &Rc<Self>,
        kind: &Kind,
        config: &serde_json::Value,
        bases: &[&Base],
    ) -> Result<SharedStore> {
        let node = Node {
            name: "mock".to_owned(),
            kind: kind.name.to_owned(),
            config: config.to_string(),
            bases: (0..bases.len()).map(|i| chain::Base::Name(i.to_string())).collect(),
        };
        let env = Env { observer: self.clone(), coordinator: self.clone(), context: self.clone() };
        let built = chain::build(&[kind], &[node], &env, |name| {
            let base = name.parse().ok().and_then(|i: usize| bases.get(i));
            base.map(|base| Rc::new(base.named(name)) as SharedStore).ok_or(Error::NotFound)
        })?;
        built.into_iter().next_back().ok_or(Error::NotFound)
    }

    /// Sets the clock, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn set_time(&self, milliseconds: u64) {
        self.time.set(milliseconds);
    }

    /// Sets who asks from now on, also for [`context`](crate::context()).
    pub fn set_context(&self, context: RequestContext) {
        set_context(context.clone());
        *self.context.borrow_mut() = context;
    }

    /// The lines logged since the last call of this.
    pub fn lines(&self) -> Vec<String> {
        self.lines.take()
    }

    /// The changes reported since the last call of this.
    pub fn events(&self) -> Vec<Event> {
        self.events.take()
    }
}

impl Observer for Surroundings {
    fn log(&self, _: Level, _: &str, message: &str) {
        self.lines.borrow_mut().push(message.to_owned());
    }

    fn changed(&self, event: Event) {
        self.events.borrow_mut().push(event);
    }
}

impl Context for Surroundings {
    fn current(&self) -> RequestContext {
        self.context.borrow().clone()
    }
}

impl Coordinator for Surroundings {
    fn lock(&self, name: &str) -> Result<Box<dyn Guard>> {
        self.shared.lock(name)
    }

    fn load(&self, name: &str) -> Result<Option<Versioned>> {
        self.shared.load(name)
    }

    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64> {
        self.shared.compare_and_set(name, expected, value)
    }

    fn now(&self) -> u64 {
        self.time.get()
    }
}
