//! `NotifyingStore`: reports every put and delete after the operation, whether it
//! succeeded or failed. The caller gets the result of the operation, whatever
//! becomes of the report.
//!
//! A streamed write is reported when it is finished or fails; one that is dropped
//! changed nothing and is not reported. Delivery is up to the embedder: the host
//! delivers to the handlers in the [`Config`].

use crate::forward::forward;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use storage_contract::env::{Action, Env, Event};
use storage_contract::kind::{BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::{Json, Options, Property};
use storage_contract::schema::Schema;
use storage_contract::store::{SharedStore, Store, Writer};
use storage_contract::types::{
    Access, DeleteOptions, Location, ObjectInfo, PutOptions, Result, Trailer,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "NotifyingStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Tells of puts and deletes: by log, webhook, command or file",
    build: |args| {
        Ok(Rc::new(Notifying {
            base: args.base(),
            notices: Rc::new(Notices { store: args.name.clone(), env: args.env.clone() }),
        }))
    },
};

options! {
    /// The config: where events are sent.
    pub struct Config {
        /// Told of puts and deletes
        pub on_change: Vec<Handler> = [],
        /// Told of puts
        pub on_put: Vec<Handler> = [],
        /// Told of deletes
        pub on_delete: Vec<Handler> = [],
    }
}

options! {
    /// Where an event is sent.
    pub enum Handler {
        /// Gets the event as a line of the log
        Log(Log) = "log",
        /// Gets the event as an HTTP request
        Webhook(Webhook) = "webhook",
        /// Is run for the event
        Exec(Exec) = "exec",
        /// Gets the event as a line
        File(File) = "file",
    }
}

options! {
    /// How the log is written.
    pub struct LogOptions {
        /// The level of the lines
        pub level: LogLevel = "info",
    }
}

options! {
    /// A level of the log.
    #[derive(Clone, Copy)]
    pub enum LogLevel {
        /// Details.
        Debug = "debug",
        /// Normal events.
        Info = "info",
        /// What may be wrong.
        Warn = "warn" | "warning",
        /// What is wrong.
        Error = "error",
    }
}

options! {
    /// A server that receives events.
    pub struct Webhook {
        /// Gets a POST with the event as JSON
        pub url: String,
        /// Signs the body with HMAC-SHA256
        pub secret: Option<String>,
        /// Further headers of the request
        pub headers: BTreeMap<String, String> = {},
        /// Seconds for one attempt
        #[schema(exclusiveMinimum: 0, maximum: 3600)]
        pub timeout: Duration = 10,
        /// How often it is tried again
        #[schema(minimum: 0, maximum: 20)]
        pub retries: u32 = 3,
    }
}

options! {
    /// A program that is run for each event.
    pub struct Exec {
        /// Program and arguments; gets the event as JSON on its standard input
        #[schema(minItems: 1)]
        pub command: Vec<String>,
        /// Seconds until it is killed
        #[schema(exclusiveMinimum: 0, maximum: 3600)]
        pub timeout: Duration = 10,
    }
}

options! {
    /// A file that receives events.
    pub struct File {
        /// Gets the event as a line of JSON
        #[schema(minLength: 1)]
        pub path: PathBuf,
    }
}

/// The log as a handler; `log:` alone is enough.
pub struct Log(pub LogOptions);

impl Property for Log {
    const SCHEMA: Schema =
        Schema::AnyOf(&[LogOptions::SCHEMA, Schema::Keywords(r#""type":"null""#)]);

    fn read(value: &Json) -> std::result::Result<Self, String> {
        let defaults = Json::Object(Default::default());
        LogOptions::read(if value.is_null() { &defaults } else { value }).map(Self)
    }
}

struct Notifying {
    base: SharedStore,
    notices: Rc<Notices>,
}

struct Notices {
    store: String,
    env: Env,
}

impl Notices {
    fn put(&self, key: &str, done: &Result<ObjectInfo>) {
        let info = done.as_ref().ok();
        self.env.observer.changed(Event {
            store: self.store.clone(),
            action: Action::Put,
            key: key.to_owned(),
            size: info.and_then(|info| info.size),
            etag: info.and_then(|info| info.etag.clone()),
            failure: done.as_ref().err().cloned(),
        });
    }

    fn delete(&self, key: &str, done: &Result<()>) {
        self.env.observer.changed(Event {
            store: self.store.clone(),
            action: Action::Delete,
            key: key.to_owned(),
            size: None,
            etag: None,
            failure: done.as_ref().err().cloned(),
        });
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Notifying {
    forward!(capabilities, get, exists, stat, list, read);

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let done = self.base.put(key, data, options);
        self.notices.put(key, &done);
        done
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let done = self.base.delete(key, options);
        self.notices.delete(key, &done);
        done
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        match self.base.write(key, options) {
            Ok(writer) => Ok(Box::new(NotifyingWriter {
                writer,
                notices: self.notices.clone(),
                key: key.to_owned(),
            })),
            Err(error) => {
                self.notices.put(key, &Err(error.clone()));
                Err(error)
            }
        }
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        match access {
            Access::Read => self.base.locate(key, access),
            Access::Write | Access::Delete => Ok(None),
        }
    }
}

struct NotifyingWriter {
    writer: Box<dyn Writer>,
    notices: Rc<Notices>,
    key: String,
}

impl Writer for NotifyingWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.writer
            .push(chunk)
            .inspect_err(|error| self.notices.put(&self.key, &Err(error.clone())))
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let done = self.writer.finish(trailer);
        self.notices.put(&self.key, &done);
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use storage_contract::env::{Level, Observer};
    use storage_contract::kind::Args;
    use storage_contract::memory::Memory;
    use storage_contract::types::Error;

    #[derive(Default)]
    struct Events(RefCell<Vec<Event>>);

    impl Observer for Events {
        fn log(&self, _: Level, _: &str, _: &str) {}
        fn changed(&self, event: Event) {
            self.0.borrow_mut().push(event);
        }
    }

    #[test]
    fn changes_and_failures_are_told_of_after_the_operation() {
        let events = Rc::new(Events::default());
        let env = Env { observer: events.clone(), ..Env::local() };
        let bases = vec![Rc::new(Memory::default()) as SharedStore];
        let config = serde_json::json!({});
        let store =
            (KIND.build)(Args { name: "n".to_owned(), config, bases, names: Vec::new(), env })
                .unwrap();
        store.put("a", b"12", &PutOptions::default()).unwrap();
        let mut writer = store.write("b", &PutOptions::default()).unwrap();
        writer.push(b"123").unwrap();
        writer.finish(Trailer::default()).unwrap();
        drop(store.write("dropped", &PutOptions::default()).unwrap());
        assert_eq!(store.delete("none", &DeleteOptions::default()), Err(Error::NotFound));
        let events = events.0.borrow();
        let seen: Vec<_> =
            events.iter().map(|e| (e.action, e.key.as_str(), e.size, e.failure.clone())).collect();
        assert_eq!(
            seen,
            [
                (Action::Put, "a", Some(2), None),
                (Action::Put, "b", Some(3), None),
                (Action::Delete, "none", None, Some(Error::NotFound)),
            ]
        );
    }
}
