//! What durability costs, and how much of it writers that come together
//! share: puts a second with 1 and with 64 in flight, durable and not.
//!
//! Read the ratios. `cargo bench -p storage-tests --bench durability [-- DIR]`
//! writes below DIR (default: the working directory), which should be on a
//! disk: in memory there is nothing to share.

use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{PutOptions, SharedStore};

const IN_FLIGHT: usize = 64;
const SPAN: Duration = Duration::from_secs(2);

/// A backend and its config in a directory.
type Case = (&'static str, fn(&Path) -> Value);

const CASES: &[Case] = &[
    ("FilesystemStore", |dir| json!({"root_path": dir.join("files")})),
    ("SqliteStore", |dir| json!({"db_path": dir.join("objects.db")})),
];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let place = place.map_or_else(|| std::env::current_dir().unwrap(), PathBuf::from);
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
}

/// Puts a second into a new store.
async fn rate(case: Case, place: &Path, durable: bool, in_flight: usize) -> f64 {
    let directory = tempfile::tempdir_in(place).unwrap();
    let store = open(case, directory.path(), durable).await;
    let data = Bytes::from(vec![7; 1024]);
    let start = Instant::now();
    let puts = futures::stream::iter(0_u64..).map(|i| {
        let (store, data) = (store.clone(), data.clone());
        async move { store.put(&format!("some/folder/{i:06}"), data, PutOptions::default()).await }
    });
    let mut done = 0_u32;
    let mut puts = std::pin::pin!(puts.buffer_unordered(in_flight));
    while start.elapsed() < SPAN {
        puts.next().await.unwrap().unwrap();
        done += 1;
    }
    let rate = f64::from(done) / start.elapsed().as_secs_f64();
    // What is still under way has to end before the directory goes.
    drop(puts);
    store.close().await.unwrap();
    rate
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
        check_only: false,
    };
    (backend.open)(args).await.unwrap()
}
