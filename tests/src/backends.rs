//! Test subjects: native backends, and chains over them described in YAML.

use crate::chains::Plan;
use crate::servers::{garage, moto, s3s_fs};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::rc::Rc;
use storage_conformance::subject::{Dialect, Maker, Subject};
use storage_contract::MAX_KEY_BYTES;
use storage_contract::memory::Memory;
use storage_host::StoreFactory;
use storage_host::backends::{BACKENDS, Backend, OpenArgs};
use storage_host::blocking::{Blocking, runtime};
use storage_host::store::SharedStore;
use tokio::runtime::Runtime;

/// How to open a backend for the suite.
struct Entry {
    name: &'static str,
    variant: &'static str,
    /// Its config, given a fresh directory.
    config: fn(&Path) -> Result<Value>,
    dialect: Dialect,
    sequences: u32,
    /// Cases that fail because of the server behind the backend, with the reason.
    server: &'static [(&'static str, &'static str)],
}

/// Known failures of moto.
const MOTO: &[(&str, &str)] = &[
    ("test_put_every_strange_key", "keys with line breaks are lost"),
    ("test_put_strange_keys_are_never_aliased", "keys with line breaks are lost"),
    ("test_list_every_strange_key", "keys with line breaks are lost"),
];

/// Known failures of s3s-fs.
const S3S_FS: &[(&str, &str)] = &[
    ("test_get_range_of_an_empty_object_is_refused", "it panics"),
    ("test_get_range_of_the_last_bytes", "more than there are is an internal error"),
    ("test_get_range_with_huge_numbers_is_cut_or_refused", "an internal error"),
    ("test_model_random_operations", "reads the last bytes"),
    ("test_list_in_pages_gives_every_key_once", "keys are not encoded, and said to be"),
    ("test_list_is_in_the_order_of_bytes", "keys are not encoded, and said to be"),
    ("test_list_start_after_any_string", "keys are not encoded, and said to be"),
    ("test_put_every_strange_key", "keys are not encoded, and said to be"),
    ("test_list_every_strange_key", "keys are not encoded, and said to be"),
    ("test_put_keys_that_are_no_paths", "an internal error, or another key"),
    ("test_put_keys_below_other_keys", "a key with a slash at its end takes no bytes"),
    ("test_put_of_long_keys", "an internal error"),
];

const ENTRIES: &[Entry] = &[
    Entry {
        name: "DictStore",
        variant: "",
        config: |_| Ok(json!({})),
        dialect: Dialect::PLAIN,
        sequences: 40,
        server: &[],
    },
    Entry {
        name: "FilesystemStore",
        variant: "",
        config: |dir| Ok(json!({"root_path": dir.join("root")})),
        dialect: Dialect::PLAIN,
        sequences: 24,
        server: &[],
    },
    Entry {
        name: "FilesystemStore",
        variant: "refuse",
        config: |dir| Ok(json!({"root_path": dir.join("root"), "odd_keys": "refuse"})),
        dialect: Dialect::PATHS,
        sequences: 8,
        server: &[],
    },
    Entry {
        name: "SafeFilesystemStore",
        variant: "",
        config: |dir| Ok(json!({"root_path": dir.join("root")})),
        dialect: Dialect::FILE_NAMES,
        sequences: 8,
        server: &[],
    },
    Entry {
        name: "HashdirStore",
        variant: "",
        config: |dir| Ok(json!({"root_path": dir.join("root")})),
        dialect: Dialect::PLAIN,
        sequences: 8,
        server: &[],
    },
    Entry {
        name: "HashdirStore",
        variant: "index",
        config: |dir| {
            Ok(json!({"root_path": dir.join("root"), "width": 3, "depth": 1, "index": true}))
        },
        dialect: Dialect::PLAIN,
        sequences: 8,
        server: &[],
    },
    Entry {
        name: "SqliteStore",
        variant: "",
        config: |dir| Ok(json!({"db_path": dir.join("objects.db")})),
        dialect: Dialect::PLAIN,
        sequences: 8,
        server: &[],
    },
    Entry {
        name: "BucketStore",
        variant: "garage",
        config: |_| {
            let node = garage::shared()?;
            Ok(node.config(&node.bucket()?))
        },
        dialect: Dialect::BUCKET,
        sequences: 3,
        server: &[],
    },
    Entry {
        name: "BucketStore",
        variant: "moto",
        config: |_| moto::shared()?.bucket(),
        dialect: Dialect::BUCKET,
        sequences: 2,
        server: MOTO,
    },
    Entry {
        name: "BucketStore",
        variant: "s3s-fs",
        config: |_| {
            let mut config = s3s_fs::shared()?.bucket()?;
            config["retry_deadline"] = json!(2);
            // It honours preconditions between sequential writes, which is all these
            // cases do.
            config["conditional"] = json!(true);
            Ok(config)
        },
        dialect: Dialect::PATHS.up_to(1_024),
        sequences: 3,
        server: S3S_FS,
    },
    Entry {
        name: "ZipStore",
        variant: "",
        config: |dir| Ok(json!({"path": dir.join("objects.zip")})),
        dialect: Dialect::NAMES_IN_AN_ARCHIVE,
        sequences: 8,
        server: &[],
    },
];

/// The reference store and every backend. Fails if a backend has no entry.
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
            let maker = Maker::new(name, entry.sequences, || open(backend, entry));
            makers.push(Maker { server: entry.server, ..maker });
        }
    }
    Ok(makers)
}

/// A chain that leaves objects alone over every backend on this machine that can delete.
pub fn located() -> Result<Vec<Maker>> {
    let plan = Plan::of_keys()?;
    let local = |entry: &&Entry| !matches!(entry.name, "BucketStore" | "ZipStore");
    let makers = BACKENDS.iter().flat_map(|backend| {
        let entries = ENTRIES.iter().filter(|entry| entry.name == backend.name).filter(local);
        let plan = plan.clone();
        entries.map(move |entry| {
            let (name, plan) = (format!("located/{}{}", entry.name, entry.variant), plan.clone());
            Maker::new(name, 0, move || {
                let (runtime, directory) = (runtime()?, tempfile::tempdir()?);
                let store = open_in(&runtime, directory.path(), backend, entry)?;
                let bases = plan.base_names().into_iter().map(|name| (name, store.clone()));
                let mut subject = plan.sandboxed_over(bases.collect())?;
                subject.keep = Some(Rc::new((directory, runtime)));
                Ok(subject)
            })
        })
    });
    Ok(makers.collect())
}

fn open_in(
    runtime: &Runtime,
    directory: &Path,
    backend: &Backend,
    entry: &Entry,
) -> Result<SharedStore> {
    Ok(runtime.block_on((backend.open)(OpenArgs {
        name: "under-test".to_owned(),
        config: (entry.config)(directory)?,
        directory: directory.to_owned(),
        create: true,
        check: None,
    }))?)
}

fn open(backend: &Backend, entry: &Entry) -> Result<Subject> {
    let runtime = runtime()?;
    let directory = tempfile::tempdir()?;
    let store = open_in(&runtime, directory.path(), backend, entry)?;
    let mut subject = Subject::new(Blocking::shared(&runtime, store), entry.dialect);
    subject.keep = Some(Rc::new(directory));
    Ok(subject)
}

/// Chains as a user describes them. `DIR` stands for a fresh directory, `GARAGE` for
/// the config of a fresh bucket.
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
        Dialect::PLAIN.up_to(MAX_KEY_BYTES - 9),
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
        "gzip-bucket",
        Dialect::BUCKET,
        "
stores:
  bucket: {type: AsyncBucketStore, config: GARAGE}
  main: {type: GzipStore, base: bucket}
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
        // The child that may refuse a key comes first, so the others are not touched.
        "mirror-of-encoded-files-and-sqlite",
        Dialect::PATHS.up_to(60),
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

/// The chains of the table, opened from a file by the factory. A chain with an unknown
/// store type fails, as it would for a user.
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
    let mut text = yaml.replace("DIR", &directory.path().display().to_string());
    if text.contains("GARAGE") {
        let node = garage::shared()?;
        text = text.replace("GARAGE", &node.config(&node.bucket()?).to_string());
    }
    std::fs::write(&file, text)?;
    let factory = StoreFactory::from_yaml(&file)?;
    let objects = runtime.block_on(factory.build()).context("build")?;
    let mut subject = Subject::new(Blocking::shared(&runtime, objects.store().clone()), dialect);
    subject.keep = Some(Rc::new((directory, factory)));
    Ok(subject)
}
