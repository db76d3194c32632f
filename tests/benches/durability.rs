//! The cost of durability, and how much of it concurrent writers share: puts per second
//! with 1 and 64 in flight, durable and not.
//!
//! Read the ratios. `cargo bench -p storage-tests --bench durability` writes below the
//! working directory, or `-- --dir DIR`, which should be on a disk, since in memory a
//! sync costs nothing. On a disk with a write cache a sync costs next to nothing, too,
//! and the processor is the limit. `-- --sync-ms 5` delays every sync by at least that
//! much, as on disks without such a cache (requires strace).

use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use storage_host::StoreFactory;
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{PutOptions, SharedStore};

const IN_FLIGHT: usize = 64;
const SPAN: Duration = Duration::from_secs(2);

/// A backend and its config in a directory.
type Case = (&'static str, fn(&Path) -> Value);

const CASES: &[Case] = &[
    ("FilesystemStore", |dir| json!({"root_path": dir.join("files")})),
    ("SafeFilesystemStore", |dir| json!({"root_path": dir.join("files")})),
    ("HashdirStore", |dir| json!({"root_path": dir.join("files")})),
    ("SqliteStore", |dir| json!({"db_path": dir.join("objects.db")})),
    ("ZipStore", |dir| json!({"path": dir.join("objects.zip")})),
];

/// Mirrors of two FilesystemStores, including the sandbox, to show what a journal costs
/// per write.
const MIRRORS: &[(&str, &str)] = &[
    ("mirror, no journal", "both: {type: MirroringStore, base: [one, two]}"),
    (
        "mirror, journal files",
        "both: {type: MirroringStore, base: [one, two], config: {journal: log}}
  log: {type: FilesystemStore, config: {root_path: log}}",
    ),
    (
        "mirror, journal SQLite",
        "both: {type: MirroringStore, base: [one, two], config: {journal: log}}
  log: {type: SqliteStore, config: {db_path: log.db}}",
    ),
];

fn main() {
    if let Some(ms) = option("--sync-ms") {
        return slowly(ms.parse().expect("--sync-ms takes a number"));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = option("--dir").map_or_else(|| std::env::current_dir().unwrap(), PathBuf::from);
    println!(
        "{:<24}{:>12}{:>14}{:>10}{:>18}",
        "puts of 1 KiB a second", "1 in flight", "64 in flight", "ratio", "not durable, 64"
    );
    for case in CASES {
        let rate = |durable, in_flight| runtime.block_on(rate(*case, &place, durable, in_flight));
        let (one, many) = (rate(true, 1), rate(true, IN_FLIGHT));
        println!(
            "{:<24}{one:>12.0}{many:>14.0}{:>9.1}x{:>18.0}",
            case.0,
            many / one,
            rate(false, IN_FLIGHT)
        );
    }
    for (name, stores) in MIRRORS {
        let rate = |in_flight| runtime.block_on(mirror_rate(stores, &place, in_flight));
        let (one, many) = (rate(1), rate(IN_FLIGHT));
        println!("{name:<24}{one:>12.0}{many:>14.0}{:>9.1}x", many / one);
    }
}

fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// Runs this program again with delayed syncs.
fn slowly(ms: u64) {
    let place = option("--dir").unwrap_or_else(|| ".".to_owned());
    println!("every sync takes {ms} ms longer:");
    let status = std::process::Command::new("strace")
        .args(["--follow-forks", "--seccomp-bpf", "--quiet=all", "--output=/dev/null"])
        .args(["-e", "trace=fsync,fdatasync"])
        .args(["-e", &format!("inject=fsync,fdatasync:delay_enter={}", ms * 1000)])
        .arg(std::env::current_exe().unwrap())
        .args(["--dir", &place])
        .status()
        .expect("strace is needed for --sync-ms");
    assert!(status.success());
}

/// Puts per second into a new store.
async fn rate(case: Case, place: &Path, durable: bool, in_flight: usize) -> f64 {
    let directory = tempfile::tempdir_in(place).unwrap();
    let store = open(case, directory.path(), durable).await;
    let rate = puts(&store, in_flight).await;
    store.close().await.unwrap();
    // Operations in flight must end before the directory is removed.
    drop(store);
    tokio::time::sleep(Duration::from_millis(300)).await;
    rate
}

/// Like [`rate`], into a mirror of two directories.
async fn mirror_rate(stores: &str, place: &Path, in_flight: usize) -> f64 {
    let directory = tempfile::tempdir_in(place).unwrap();
    let (one, two) = (directory.path().join("one"), directory.path().join("two"));
    let stores = stores
        .replace(
            "root_path: log",
            &format!("root_path: {}", directory.path().join("log").display()),
        )
        .replace("log.db", &directory.path().join("log.db").display().to_string());
    let text = format!(
        "stores:\n  {stores}\n  one: {{type: FilesystemStore, config: {{root_path: {}}}}}\n  \
         two: {{type: FilesystemStore, config: {{root_path: {}}}}}\nmain: both\n",
        one.display(),
        two.display()
    );
    let file = directory.path().join("stores.yaml");
    std::fs::write(&file, text).unwrap();
    let factory = StoreFactory::from_yaml(&file).unwrap();
    let store = factory.build().await.unwrap().store().clone();
    let rate = puts(&store, in_flight).await;
    factory.close().await.unwrap();
    drop(store);
    tokio::time::sleep(Duration::from_millis(300)).await;
    rate
}

/// Puts per second.
async fn puts(store: &SharedStore, in_flight: usize) -> f64 {
    let data = Bytes::from(vec![7; 1024]);
    let start = Instant::now();
    let puts = futures::stream::iter(0_u64..).map(|i| {
        let (store, data) = (store.clone(), data.clone());
        async move { store.put(&format!("some/folder/{i:06}"), data, PutOptions::default()).await }
    });
    let mut done = 0_u32;
    {
        let mut puts = Box::pin(puts.buffer_unordered(in_flight));
        while start.elapsed() < SPAN {
            puts.next().await.unwrap().unwrap();
            done += 1;
        }
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

async fn open(case: Case, directory: &Path, durable: bool) -> SharedStore {
    let (kind, config) = case;
    let backend = BACKENDS.iter().find(|backend| backend.name == kind).unwrap();
    let mut config = config(directory);
    config["durable"] = json!(durable);
    let args = OpenArgs {
        name: kind.to_owned(),
        config,
        directory: directory.to_owned(),
        create: true,
        check: None,
    };
    (backend.open)(args).await.unwrap()
}
