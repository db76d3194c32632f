//! The imported `observer`, `coordinator` and `request-context` as an [`Env`].

use super::bindings::storage::object_store::{coordinator, observer, request_context};
use super::convert;
use std::rc::Rc;
use storage_contract::Result;
use storage_contract::env::{
    Action, Context, Coordinator, Env, Event, Guard, Level, Observer, RequestContext, Versioned,
};

/// The environment of every chain in this component.
pub fn env() -> Env {
    let outside = Rc::new(Outside);
    Env { observer: outside.clone(), coordinator: outside.clone(), context: outside }
}

struct Outside;

impl Observer for Outside {
    fn log(&self, level: Level, store: &str, message: &str) {
        let level = match level {
            Level::Debug => observer::Level::Debug,
            Level::Info => observer::Level::Info,
            Level::Warn => observer::Level::Warn,
            Level::Error => observer::Level::Error,
        };
        observer::log(level, store, message);
    }

    fn changed(&self, event: Event) {
        observer::changed(&observer::Event {
            store: event.store,
            action: match event.action {
                Action::Put => observer::Action::Put,
                Action::Delete => observer::Action::Delete,
            },
            key: event.key,
            size: event.size,
            etag: event.etag,
            failure: event.failure.map(convert::error_out),
        });
    }
}

impl Context for Outside {
    fn current(&self) -> RequestContext {
        context()
    }
}

/// Who asks.
pub fn context() -> RequestContext {
    let now = request_context::current();
    RequestContext {
        request_id: now.request_id,
        principal: now.principal,
        remote_address: now.remote_address,
        protocol: now.protocol,
        bucket: now.bucket,
        trace_parent: now.trace_parent,
    }
}

struct Held(coordinator::Guard);

impl Guard for Held {
    fn check(&self) -> Result<()> {
        self.0.check().map_err(convert::error_in)
    }
}

impl Coordinator for Outside {
    fn lock(&self, name: &str) -> Result<Box<dyn Guard>> {
        let guard = coordinator::lock(name).map_err(convert::error_in)?;
        Ok(Box::new(Held(guard)))
    }

    fn load(&self, name: &str) -> Result<Option<Versioned>> {
        let found = coordinator::load(name).map_err(convert::error_in)?;
        Ok(found.map(|v| Versioned { value: v.value, version: v.version }))
    }

    fn compare_and_set(&self, name: &str, expected: u64, value: Option<&[u8]>) -> Result<u64> {
        coordinator::compare_and_set(name, expected, value).map_err(convert::error_in)
    }

    fn now(&self) -> u64 {
        coordinator::now()
    }
}
