//! What decorators may reach besides their bases: the interfaces `observer`
//! and `coordinator` of the contract.

use crate::types::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// The normal course of things.
    Info,
    /// Something that may need a look.
    Warn,
    /// Something failed.
    Error,
}

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It was put, or its write was finished.
    Put,
    /// It was deleted.
    Delete,
}

/// A change, or the attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The name of the notifying store.
    pub store: String,
    /// What was done.
    pub action: Action,
    /// The key, as the caller gave it.
    pub key: String,
    /// Size in bytes, when known.
    pub size: Option<u64>,
    /// The etag of what was written, when known.
    pub etag: Option<String>,
    /// `None` on success.
    pub failure: Option<Error>,
}

/// Where log lines and events go. Never fails.
pub trait Observer {
    /// Writes a line to the log in the name of a store.
    fn log(&self, level: Level, store: &str, message: &str);
    /// Tells of a change, after the operation.
    fn changed(&self, event: Event);
}

/// A small shared value with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// At most 64 KiB.
    pub value: Vec<u8>,
    /// Never 0; changes with every change of the value.
    pub version: u64,
}

/// A held lock; dropping it lets go.
pub trait Guard {}

/// What several instances of one chain share; forgotten at a restart.
pub trait Coordinator {
    /// Waits for the named lock and takes it. Not reentrant.
    fn lock(&self, name: &str) -> Result<Box<dyn Guard>>;
    /// The named value, if there is one.
    fn load(&self, name: &str) -> Option<Versioned>;
    /// Sets (or with `None` removes) the value if its version is `expected`
    /// (0: if there is none); else `PreconditionFailed`. Gives the new version.
    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64>;
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
}

/// The surroundings of a chain.
#[derive(Clone)]
pub struct Env {
    /// Where log lines and events go.
    pub observer: Rc<dyn Observer>,
    /// What instances share.
    pub coordinator: Rc<dyn Coordinator>,
}

impl Env {
    /// For one instance that shares with nobody and tells nobody: tests,
    /// benchmarks, simple embedders.
    pub fn local() -> Self {
        Env { observer: Rc::new(Silent), coordinator: Rc::new(Local::default()) }
    }
}

/// An observer that drops everything.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn log(&self, _: Level, _: &str, _: &str) {}
    fn changed(&self, _: Event) {}
}

/// The trivial coordinator: one thread, one instance. A lock that is held
/// can't be waited for here, so taking it again is `Unavailable`.
#[derive(Debug, Default)]
pub struct Local {
    values: RefCell<HashMap<String, Versioned>>,
    versions: std::cell::Cell<u64>,
    held: Rc<RefCell<std::collections::HashSet<String>>>,
}

struct LocalGuard {
    name: String,
    held: Rc<RefCell<std::collections::HashSet<String>>>,
}

impl Guard for LocalGuard {}

impl Drop for LocalGuard {
    fn drop(&mut self) {
        self.held.borrow_mut().remove(&self.name);
    }
}

impl Coordinator for Local {
    fn lock(&self, name: &str) -> Result<Box<dyn Guard>> {
        if !self.held.borrow_mut().insert(name.to_owned()) {
            return Err(Error::Unavailable(format!("the lock {name:?} is held")));
        }
        Ok(Box::new(LocalGuard { name: name.to_owned(), held: self.held.clone() }))
    }

    fn load(&self, name: &str) -> Option<Versioned> {
        self.values.borrow().get(name).cloned()
    }

    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64> {
        let mut values = self.values.borrow_mut();
        if values.get(name).map_or(0, |v| v.version) != expected {
            return Err(Error::PreconditionFailed);
        }
        let version = self.versions.get() + 1;
        self.versions.set(version);
        match value {
            Some(value) => {
                values.insert(name.to_owned(), Versioned { value: value.to_vec(), version });
            }
            None => {
                values.remove(name);
            }
        }
        Ok(version)
    }

    fn now(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }
}
