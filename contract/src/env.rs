//! The environment of decorators besides their bases: the contract's interfaces
//! `observer`, `coordinator` and `request-context`.

use crate::types::{Error, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details for finding faults.
    Debug,
    /// Normal operation.
    Info,
    /// Something that may need attention.
    Warn,
    /// Something failed.
    Error,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A put or a finished write.
    Put,
    /// A delete.
    Delete,
}

/// A change to an object, or a failed attempt at one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The name of the notifying store.
    pub store: String,
    /// The kind of change.
    pub action: Action,
    /// The key, as the caller gave it.
    pub key: String,
    /// The size in bytes, if known.
    pub size: Option<u64>,
    /// The etag of the object written, if known.
    pub etag: Option<String>,
    /// The error; `None` on success.
    pub failure: Option<Error>,
}

/// Receives log lines and events. Never fails.
pub trait Observer {
    /// Logs a line in the name of a store.
    fn log(&self, level: Level, store: &str, message: &str);
    /// Reports a change, after the operation.
    fn changed(&self, event: Event);
}

/// A small shared value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The value, at most 64 KiB.
    pub value: Vec<u8>,
    /// Never 0; changes with every change of the value.
    pub version: u64,
}

/// A held lock; dropping it releases the lock.
pub trait Guard {
    /// Fails if the lock is lost: whatever its holder does next, others may do too.
    fn check(&self) -> Result<()>;
}

/// State shared by all instances of a chain; lost at a restart. It may be far away, so
/// that each call may fail with `Unavailable`, which says nothing about the state.
pub trait Coordinator {
    /// Waits for the named lock and takes it. Not reentrant.
    fn lock(&self, name: &str) -> Result<Box<dyn Guard>>;
    /// The named value, or `None`.
    fn load(&self, name: &str) -> Result<Option<Versioned>>;
    /// Sets the value, or removes it with `None`, if its version is `expected` (0
    /// if there is no value); otherwise `PreconditionFailed`. Returns the new
    /// version. After `Unavailable`, it may have been set or not.
    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64>;
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
}

/// What is known of the request that a store works for. Holds no secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// Identifies the request in logs.
    pub request_id: Option<String>,
    /// Whom the embedder has authenticated.
    pub principal: Option<String>,
    /// Where the request came from: an IP address or a host name.
    pub remote_address: Option<String>,
    /// How it came, such as `s3` or `cli`.
    pub protocol: Option<String>,
    /// The bucket that it is for; of a copy, that of the target.
    pub bucket: Option<String>,
    /// Its W3C `traceparent`.
    pub trace_parent: Option<String>,
}

/// Tells who asks. Never fails.
pub trait Context {
    /// The context of the current call. For calls of a stream, that under which the
    /// stream was opened.
    fn current(&self) -> RequestContext;
}

/// The environment of a chain.
#[derive(Clone)]
pub struct Env {
    /// Receives log lines and events.
    pub observer: Rc<dyn Observer>,
    /// State shared between instances.
    pub coordinator: Rc<dyn Coordinator>,
    /// Who asks.
    pub context: Rc<dyn Context>,
}

impl Env {
    /// An environment for a single instance, without observer: tests, benchmarks,
    /// simple embedders.
    pub fn local() -> Self {
        let coordinator = Rc::new(Local::default());
        Env { observer: Rc::new(Silent), coordinator, context: Rc::new(Silent) }
    }
}

/// An observer that drops everything, and a context that knows nothing.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn log(&self, _: Level, _: &str, _: &str) {}
    fn changed(&self, _: Event) {}
}

impl Context for Silent {
    fn current(&self) -> RequestContext {
        RequestContext::default()
    }
}

/// A coordinator for one instance on one thread, which never fails. Nobody could release a lock while
/// it waits, so taking a held lock is `Unavailable`.
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

impl Guard for LocalGuard {
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

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

    fn load(&self, name: &str) -> Result<Option<Versioned>> {
        Ok(self.values.borrow().get(name).cloned())
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
