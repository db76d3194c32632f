//! Subjects that are native backends, and chains described in YAML over them.

use crate::blocking::{Blocking, runtime};
use crate::subject::{Dialect, Maker, Subject};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::rc::Rc;
use storage_core::memory::Memory;
use storage_host::StoreFactory;
use storage_host::backends::{BACKENDS, Backend, OpenArgs};

/// A backend as the suite opens it.
struct Entry {
    name: &'static str,
    variant: &'static str,
    /// The config in a directory of its own.
    config: fn(&Path) -> Value,
    dialect: Dialect,
    sequences: u32,
}

const ENTRIES: &[Entry] = &[
    Entry {
        name: "DictStore",
        variant: "",
        config: |_| json!({}),
        dialect: Dialect::PLAIN,
        sequences: 40,
    },
    Entry {
        name: "FilesystemStore",
        variant: "",
        config: |dir| json!({"root_path": dir.join("root")}),
        dialect: Dialect::PATHS,
        sequences: 8,
    },
    Entry {
        name: "SafeFilesystemStore",
        variant: "",
        config: |dir| json!({"root_path": dir.join("root")}),
        dialect: Dialect::FILE_NAMES,
        sequences: 8,
    },
    Entry {
        name: "HashdirStore",
        variant: "",
        config: |dir| json!({"root_path": dir.join("root")}),
        dialect: Dialect::PLAIN,
        sequences: 8,
    },
    Entry {
        name: "HashdirStore",
        variant: "index",
        config: |dir| json!({"root_path": dir.join("root"), "width": 3, "depth": 1, "index": true}),
        dialect: Dialect::PLAIN,
        sequences: 8,
    },
    Entry {
        name: "SqliteStore",
        variant: "",
        config: |dir| json!({"db_path": dir.join("objects.db")}),
        dialect: Dialect::PLAIN,
        sequences: 8,
    },
    Entry {
        name: "ZipStore",
        variant: "",
        config: |dir| json!({"path": dir.join("objects.zip")}),
        dialect: Dialect::NAMES_IN_AN_ARCHIVE,
        sequences: 8,
    },
];

/// The reference itself, and every backend there is. A backend without an
/// entry is an error.
pub fn all() -> Result<Vec<Maker>> {
    let mut makers = vec![Maker::new("native/Memory", 100, || {
        Ok(Subject::new(Rc::new(Memory::default()), Dialect::PLAIN))
    })];
    for backend in BACKENDS {
        let entries: Vec<_> = ENTRIES.iter().filter(|e| e.name == backend.name).collect();
        anyhow::ensure!(
            !entries.is_empty(),
            "{} has no entry in tests/src/backends.rs",
            backend.name
        );
        for entry in entries {
            let mut name = format!("backend/{}", backend.name.trim_end_matches("Store"));
            if !entry.variant.is_empty() {
                name = format!("{name}({})", entry.variant);
            }
            makers.push(Maker::new(name, entry.sequences, || open(backend, entry)));
        }
    }
    Ok(makers)
}

fn open(backend: &Backend, entry: &Entry) -> Result<Subject> {
    let runtime = runtime()?;
    let directory = tempfile::tempdir()?;
    let store = runtime.block_on((backend.open)(OpenArgs {
        name: "under-test".to_owned(),
        config: (entry.config)(directory.path()),
        directory: directory.path().to_owned(),
        check_only: false,
    }))?;
    let mut subject = Subject::new(Blocking::shared(&runtime, store), entry.dialect);
    subject.keep = Some(Rc::new(directory));
    Ok(subject)
}

/// Chains as a user describes them; `DIR` is a fresh directory.
const CHAINS: &[(&str, Dialect, &str)] = &[
    (
        "cached-sqlite-and-files",
        Dialect::PLAIN,
        "
stores:
  database: {type: SqliteStore, config: {db_path: DIR/objects.db}}
  files: {type: FilesystemStore, config: {root_path: DIR/cache}}
  main: {type: CachingStore, base: {main_store: database, cache_store: files}}
main: main
",
    ),
    (
        "mirror-of-databases-and-memory",
        Dialect::PLAIN,
        "
stores:
  one: {type: SqliteStore, config: {db_path: DIR/one.db}}
  two: {type: AsyncSqliteStore, config: {db_path: DIR/two.db}}
  three: {type: DictStore}
  main: {type: AsyncFanoutStore, base: [one, two, three]}
main: main
",
    ),
    (
        "cached-gzip-hashed-sqlite",
        Dialect::PLAIN,
        "
stores:
  database: {type: SqliteStore, config: {db_path: DIR/objects.db}}
  layout: {type: HashPrefixStore, base: database}
  compressed: {type: GzipStore, base: layout}
  files: {type: FilesystemStore, config: {root_path: DIR/cache}}
  main: {type: CachingStore, base: {main_store: compressed, cache_store: files}}
main: main
",
    ),
    (
        "gzip-files",
        Dialect::PATHS,
        "
stores:
  files: {type: FilesystemStore, config: {root_path: DIR/files}}
  main: {type: GzipStore, base: files}
main: main
",
    ),
    (
        // The child that may refuse a key comes first: the others are then not touched.
        "mirror-of-encoded-files-and-sqlite",
        Dialect::PATHS,
        "
stores:
  files: {type: FilesystemStore, config: {root_path: DIR/files}}
  encoded: {type: UrlEncodingStore, base: files}
  prefixed: {type: PrefixStore, base: encoded, config: {prefix: k}}
  database: {type: SqliteStore, config: {db_path: DIR/objects.db}}
  main: {type: MirroringStore, base: [prefixed, database]}
main: main
",
    ),
];

/// The chains of the table, from a file through the factory. Those whose
/// store types are not all there fail, as they would for a user.
pub fn described() -> Vec<Maker> {
    let make = |(name, dialect, yaml): &'static (&str, Dialect, &str)| {
        Maker::new(format!("yaml/{name}"), 4, move || from_yaml(yaml, *dialect))
    };
    CHAINS.iter().map(make).collect()
}

fn from_yaml(yaml: &str, dialect: Dialect) -> Result<Subject> {
    let runtime = runtime()?;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("stores.yaml");
    std::fs::write(&file, yaml.replace("DIR", &directory.path().display().to_string()))?;
    let factory = StoreFactory::from_yaml(&file)?;
    let objects = runtime.block_on(factory.build()).context("build")?;
    let mut subject = Subject::new(Blocking::shared(&runtime, objects.store().clone()), dialect);
    subject.keep = Some(Rc::new((directory, factory)));
    Ok(subject)
}
