//! `LoggingStore` and `ExceptionLoggingStore`: log operations.
//!
//! The lines are those of the Python library: `{store_name} put {key}`, and `failed
//! to put {key}: {error}`. Control characters are escaped, so that no key can forge a
//! line, and quotes, so that none can forge the fields that an observer adds. A stream
//! is logged when it is opened and when it fails.

use std::rc::Rc;
use storage_contract::env::{Env, Level};
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result, Trailer,
};

/// `LoggingStore`.
pub static KIND: Kind = Kind {
    name: "LoggingStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Logs every operation",
    build: |args| {
        let Config { store_name, level } = args.config()?;
        let log = Log {
            name: args.name.clone(),
            prefix: format!("{store_name} "),
            level: level.into(),
            env: args.env.clone(),
        };
        Ok(Rc::new(Logging { base: args.base(), log: Rc::new(log), what: What::Operations }))
    },
};

/// `ExceptionLoggingStore`.
pub static EXCEPTIONS: Kind = Kind {
    name: "ExceptionLoggingStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: ExceptionConfig::JSON_SCHEMA,
    doc: "Logs every operation, and every failure as an error",
    build: |args| exceptions(&args),
};

options! {
    struct Config {
        /// What lines begin with
        store_name: String = "store",
        /// The level of the lines
        level: LevelName = "info",
    }
}

options! {
    struct ExceptionConfig {
        /// What lines of operations begin with
        store_name: String = "store",
        /// Pretend that failed operations went well, as the Python library does: loses
        /// errors, and with them data
        swallow: bool = false,
    }
}

options! {
    enum LevelName {
        Debug = "debug",
        Info = "info",
        Warn = "warn",
        Error = "error",
    }
}

impl From<LevelName> for Level {
    fn from(name: LevelName) -> Level {
        match name {
            LevelName::Debug => Level::Debug,
            LevelName::Info => Level::Info,
            LevelName::Warn => Level::Warn,
            LevelName::Error => Level::Error,
        }
    }
}

fn exceptions(args: &Args) -> Result<SharedStore> {
    let ExceptionConfig { store_name, swallow } = args.config()?;
    let log = Log {
        name: args.name.clone(),
        prefix: format!("{store_name} "),
        level: Level::Info,
        env: args.env.clone(),
    };
    Ok(Rc::new(Logging { base: args.base(), log: Rc::new(log), what: What::Failures { swallow } }))
}

/// What to log.
#[derive(Clone, Copy)]
enum What {
    Operations,
    Failures { swallow: bool },
}

struct Log {
    name: String,
    prefix: String,
    level: Level,
    env: Env,
}

impl Log {
    fn started(&self, operation: &str, key: &str) {
        let line = format!("{}{operation} {}", self.prefix, shown(key));
        self.env.observer.log(self.level, &self.name, line.trim_end());
    }

    fn failed(&self, operation: &str, key: &str, error: &Error) {
        let line = format!("failed to {operation} {}: {}", shown(key), escaped(&error.to_string()));
        self.env.observer.log(Level::Error, &self.name, &line);
    }
}

/// A key, in which quotes are escaped as they are in the texts of errors.
fn shown(key: &str) -> String {
    escaped(&key.replace('"', "\\\""))
}

/// Escapes control characters.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

struct Logging {
    base: SharedStore,
    log: Rc<Log>,
    what: What,
}

impl Logging {
    /// Logs a failed operation. `instead` provides the result if failures are
    /// swallowed.
    fn ended<T>(
        &self,
        operation: &str,
        key: &str,
        done: Result<T>,
        instead: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let What::Failures { swallow } = self.what else { return done };
        done.or_else(|error| {
            self.log.failed(operation, key, &error);
            if swallow { instead() } else { Err(error) }
        })
    }

    fn stream_log(&self) -> Option<Rc<Log>> {
        matches!(self.what, What::Failures { .. }).then(|| self.log.clone())
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Logging {
    fn capabilities(&self) -> Capabilities {
        self.base.capabilities()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.log.started("get", key);
        self.ended("get", key, self.base.get(key, options), || Err(Error::NotFound))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.log.started("put", key);
        let done = self.base.put(key, data, options);
        self.ended("put", key, done, || Ok(ObjectInfo::default()))
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.log.started("exists", key);
        self.ended("exists", key, self.base.exists(key), || Ok(false))
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.log.started("delete", key);
        self.ended("delete", key, self.base.delete(key, options), || Ok(()))
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.log.started("stat", key);
        self.ended("stat", key, self.base.stat(key), || Err(Error::NotFound))
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.log.started("keys", &options.prefix);
        self.ended("get keys", &options.prefix, self.base.list(options), || Ok(Page::default()))
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.log.started("get", key);
        let reader =
            self.ended("get", key, self.base.read(key, options), || Err(Error::NotFound))?;
        Ok(match self.stream_log() {
            Some(log) => Box::new(LoggedReader { reader, log, key: key.to_owned() }),
            None => reader,
        })
    }

    /// Failures of streams are never swallowed, because a write would seem
    /// complete.
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.log.started("put", key);
        let opened = self.base.write(key, options);
        let Some(log) = self.stream_log() else { return opened };
        let writer = opened.inspect_err(|error| log.failed("put", key, error))?;
        Ok(Box::new(LoggedWriter { writer, log, key: key.to_owned() }))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

struct LoggedReader {
    reader: Box<dyn Reader>,
    log: Rc<Log>,
    key: String,
}

impl Reader for LoggedReader {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        self.reader.next(max).inspect_err(|error| self.log.failed("get", &self.key, error))
    }
}

struct LoggedWriter {
    writer: Box<dyn Writer>,
    log: Rc<Log>,
    key: String,
}

impl Writer for LoggedWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.writer.push(chunk).inspect_err(|error| self.log.failed("put", &self.key, error))
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let Self { writer, log, key } = *self;
        writer.finish(trailer).inspect_err(|error| log.failed("put", &key, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use storage_contract::env::{Event, Observer};
    use storage_contract::memory::Memory;

    #[derive(Default)]
    struct Lines(RefCell<Vec<(Level, String)>>);

    impl Observer for Lines {
        fn log(&self, level: Level, _: &str, message: &str) {
            self.0.borrow_mut().push((level, message.to_owned()));
        }
        fn changed(&self, _: Event) {}
    }

    fn store(kind: &Kind, config: serde_json::Value) -> (Rc<Lines>, SharedStore) {
        let lines = Rc::new(Lines::default());
        let env = Env { observer: lines.clone(), ..Env::local() };
        let bases = vec![Rc::new(Memory::default()) as SharedStore];
        let store =
            (kind.build)(Args { name: "log".to_owned(), config, bases, names: Vec::new(), env })
                .unwrap();
        (lines, store)
    }

    #[test]
    fn every_operation_is_a_line() {
        let (lines, store) =
            store(&KIND, serde_json::json!({"store_name": "mine", "level": "warn"}));
        store.put("k", b"", &PutOptions::default()).unwrap();
        store.exists("a\nb\"").unwrap();
        store.list(&ListOptions::default()).unwrap();
        store.delete("none", &DeleteOptions::default()).unwrap_err();
        let want = ["mine put k", "mine exists a\\nb\\\"", "mine keys", "mine delete none"];
        assert_eq!(*lines.0.borrow(), want.map(|line| (Level::Warn, line.to_owned())));
    }

    #[test]
    fn failures_are_logged_and_raised() {
        let (lines, store) = store(&EXCEPTIONS, serde_json::json!({}));
        assert_eq!(store.delete("k", &DeleteOptions::default()), Err(Error::NotFound));
        let lines = lines.0.borrow();
        assert_eq!(lines[1], (Level::Error, "failed to delete k: no such object".to_owned()));
    }

    #[test]
    fn swallowing_is_asked_for() {
        let (_, store) = store(&EXCEPTIONS, serde_json::json!({"swallow": true}));
        assert_eq!(store.delete("k", &DeleteOptions::default()), Ok(()));
        assert_eq!(store.exists(""), Ok(false));
        assert!(store.write("", &PutOptions::default()).is_err());
    }
}
