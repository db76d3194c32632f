//! The decorators' imports besides stores: a log to standard error, the locks and small
//! values of one instance, and a context that knows nothing.

mod bindings;

use bindings::exports::storage::object_store::coordinator::{self, Versioned};
use bindings::exports::storage::object_store::observer::{self, Action, Event, Level};
use bindings::exports::storage::object_store::request_context::{self, Context};
use bindings::storage::object_store::types::Error;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// The contract's limit.
const LARGEST_VALUE: usize = 64 * 1024;

thread_local! {
    static VALUES: RefCell<HashMap<String, Versioned>> = RefCell::default();
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    static HELD: RefCell<HashSet<String>> = RefCell::default();
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl observer::Guest for Component {
    fn log(level: Level, store: String, message: String) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warning",
            Level::Error => "error",
        };
        eprintln!("{level}: {store}: {message}");
    }

    fn changed(event: Event) {
        let action = match event.action {
            Action::Put => "put",
            Action::Delete => "delete",
        };
        let outcome = event.failure.map_or("done".to_owned(), |error| format!("{error:?}"));
        eprintln!("changed: {}: {action} {}: {outcome}", event.store, event.key);
    }
}

impl coordinator::Guest for Component {
    type Guard = Guard;

    fn lock(name: String) -> Result<coordinator::Guard, Error> {
        // There is only one instance: the holder can't release the lock while this call
        // waits.
        match HELD.with_borrow_mut(|held| held.insert(name.clone())) {
            true => Ok(coordinator::Guard::new(Guard(name))),
            false => Err(Error::Unavailable(format!("the lock {name:?} is held"))),
        }
    }

    fn load(name: String) -> Result<Option<Versioned>, Error> {
        Ok(VALUES.with_borrow(|values| values.get(&name).cloned()))
    }

    fn compare_and_set(name: String, expected: u64, value: Option<Vec<u8>>) -> Result<u64, Error> {
        if value.as_ref().is_some_and(|value| value.len() > LARGEST_VALUE) {
            return Err(Error::LimitExceeded("a shared value has at most 64 KiB".to_owned()));
        }
        VALUES.with_borrow_mut(|values| {
            if values.get(&name).map_or(0, |held| held.version) != expected {
                return Err(Error::PreconditionFailed);
            }
            let version = CHANGES.get() + 1;
            CHANGES.set(version);
            match value {
                Some(value) => values.insert(name, Versioned { value, version }),
                None => values.remove(&name),
            };
            Ok(version)
        })
    }

    fn now() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl request_context::Guest for Component {
    fn current() -> Context {
        // Nothing is known of who asks.
        Context {
            request_id: None,
            principal: None,
            remote_address: None,
            protocol: None,
            bucket: None,
            trace_parent: None,
        }
    }
}

/// The name of a held lock.
struct Guard(String);

impl coordinator::GuestGuard for Guard {
    fn check(&self) -> Result<(), Error> {
        // A lock in this process is never lost.
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        HELD.with_borrow_mut(|held| held.remove(&self.0));
    }
}
