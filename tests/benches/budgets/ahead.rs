//! Read-ahead: a disk or network fetches the next bytes while the sandbox works on the
//! current ones.

use crate::{Bench, MIB, async_read, chunks, text};
use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storage_contract::types::*;
use storage_host::StoreFactory;
use storage_host::store::SharedStore;
use storage_tests::figures::{self, option, print_head, print_row};
use storage_tests::proxy::{Fault, Proxy};
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server};
use storage_tests::servers;

/// The bytes of the text; compressed it is less than half of that.
const SIZE: usize = 256 * MIB;

/// The delay on the way to the bucket before each 16 KiB of an answer.
const PAUSE: Duration = Duration::from_micros(80);

/// A store for the compressed object, with its config in a directory.
type Case = (&'static str, fn(&Path) -> Value);

const FILES: [Case; 3] = [
    ("FilesystemStore", |dir| json!({"root_path": dir.join("files")})),
    ("SqliteStore", |dir| json!({"db_path": dir.join("objects.db")})),
    ("ZipStore", |dir| json!({"path": dir.join("objects.zip")})),
];

impl Bench {
    pub fn ahead(&self, rounds: usize) -> Result<()> {
        println!("\n### Reading ahead\n");
        println!("A GzipStore unpacks {} MiB of text. From memory it only computes.", SIZE / MIB);
        println!(
            "The last column is the larger of the first two figures over the third: 1 is work"
        );
        println!(
            "and waiting at the same time, and \"in turn\" what one after the other would be."
        );
        println!("Medians of {rounds} rounds.\n");
        print_head(["packed, alone", "from memory", "unpacked", "in turn", "ratio"]);
        let place = option("--dir").map_or_else(std::env::current_dir, |dir| Ok(dir.into()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let memory = tempfile::tempdir()?;
        let memory = Pair::new(memory.path(), "DictStore", json!({}));
        runtime.block_on(async {
            let memory = memory.open().await?;
            memory.fill().await?;
            for (kind, config) in FILES {
                let dir = tempfile::tempdir_in(&place)?;
                let pair = Pair::new(dir.path(), kind, config(dir.path()));
                let opened = pair.open().await?;
                opened.fill().await?;
                opened.factory.close().await?;
                for cold in [false, true] {
                    let label = format!("{kind}, {} in memory", if cold { "not" } else { "all" });
                    row(&label, rounds, &memory, &pair, || {
                        if cold { forget(dir.path()) } else { Ok(()) }
                    })
                    .await?;
                }
            }
            let server = Server::start(
                "stores: {main: {type: FilesystemStore, config: {root_path: objects}}}",
            )?;
            let proxy = Proxy::start(server.port())?;
            let dir = tempfile::tempdir()?;
            let config = servers::config(proxy.port(), "us-east-1", "main", ACCESS_KEY, SECRET_KEY);
            let pair = Pair::new(dir.path(), "BucketStore", config);
            let opened = pair.open().await?;
            opened.fill().await?;
            opened.factory.close().await?;
            let slow = || {
                proxy.plan(&[Fault::Delay(PAUSE); 16]);
                Ok(())
            };
            row("BucketStore, behind a slow way", rounds, &memory, &pair, slow).await?;
            server.stop()?;
            Ok(())
        })
    }
}

/// A configuration with a store and a GzipStore over it.
struct Pair(PathBuf);

struct Opened {
    factory: StoreFactory,
    alone: SharedStore,
    unpacked: SharedStore,
}

impl Pair {
    fn new(dir: &Path, kind: &str, config: Value) -> Self {
        let file = dir.join("stores.yaml");
        let stores = json!({"stores": {
            "alone": {"type": kind, "config": config},
            "unpacked": {"type": "GzipStore", "base": "alone"},
        }, "main": "unpacked"});
        // JSON is valid YAML.
        fs::write(&file, stores.to_string()).unwrap();
        Self(file)
    }

    async fn open(&self) -> Result<Opened> {
        let factory = StoreFactory::from_yaml(&self.0)?;
        let alone = factory.open("alone").await?.store().clone();
        let unpacked = factory.open("unpacked").await?.store().clone();
        Ok(Opened { factory, alone, unpacked })
    }
}

impl Opened {
    async fn fill(&self) -> Result<()> {
        let data = text(SIZE);
        let mut writer = self.unpacked.write("k", PutOptions::default()).await?;
        for chunk in chunks(&data, SIZE as u64) {
            writer.push(chunk).await?;
        }
        writer.finish(Trailer::default()).await?;
        Ok(())
    }
}

async fn row(
    label: &str,
    rounds: usize,
    memory: &Opened,
    pair: &Pair,
    prepare: impl Fn() -> Result<()>,
) -> Result<()> {
    let (mut alone, mut work, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        work.push(read(&memory.unpacked).await?);
        // Reopened each time: SQLite has its own cache.
        for (times, packed) in [(&mut alone, true), (&mut both, false)] {
            prepare()?;
            let opened = pair.open().await?;
            let store = if packed { &opened.alone } else { &opened.unpacked };
            times.push(read(store).await?);
            opened.factory.close().await?;
        }
    }
    let pairs = || alone.iter().zip(&work);
    let longer: Vec<f64> = pairs().map(|(alone, work)| alone.max(*work)).collect();
    let turns: Vec<f64> = pairs().map(|(alone, work)| alone + work).collect();
    let seconds = |times: &[f64]| format!("{:.2} s", figures::median(times).unwrap_or(0.0));
    print_row(
        label,
        [
            seconds(&alone),
            seconds(&work),
            seconds(&both),
            figures::ratio(figures::median_ratio(&longer, &turns)),
            figures::ratio(figures::median_ratio(&longer, &both)),
        ],
    );
    Ok(())
}

/// Reads on a thread of the runtime.
async fn read(store: &SharedStore) -> Result<f64> {
    let store = store.clone();
    Ok(tokio::spawn(async move { async_read(&*store).await }).await?)
}

/// Drops these files from the page cache.
fn forget(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            forget(&path)?;
        } else {
            let file = File::open(&path)?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)
                .with_context(|| format!("the cache of {}", path.display()))?;
        }
    }
    Ok(())
}
