//! The host's stores, used as in a Rust program.

use crate::cell::Cell;
use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;
use storage_host::{Objects, StoreFactory};
use tokio::runtime::Runtime;

/// The number of objects to read repeatedly.
const READ: usize = 16;

/// Measures a cell, in seconds.
pub fn measure(cell: &Cell, durable: bool, place: &Path, bucket: &Value) -> Result<Option<f64>> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = match RUNTIME.get() {
        Some(runtime) => runtime,
        None => {
            let new = Runtime::new()?;
            RUNTIME.get_or_init(|| new)
        }
    };
    let file = place.join("stores.yaml");
    fs::write(&file, configuration(cell, durable, place, bucket).to_string())?;
    runtime.block_on(async {
        let factory = StoreFactory::from_yaml(&file)?;
        let seconds = work(cell, &factory.build().await?).await;
        factory.close().await?;
        Ok(Some(seconds?))
    })
}

/// The configuration as JSON, which is valid YAML.
fn configuration(cell: &Cell, durable: bool, place: &Path, bucket: &Value) -> Value {
    let base = match cell.backend {
        "filesystem" => json!({
            "type": "FilesystemStore",
            "config": {"root_path": place.join("objects"), "durable": durable},
        }),
        "sqlite" => json!({
            "type": "SqliteStore",
            "config": {"db_path": place.join("objects.db"), "durable": durable},
        }),
        "bucket" => json!({"type": "BucketStore", "config": bucket}),
        _ => json!({"type": "DictStore"}),
    };
    let layer = match cell.layer {
        "logging" => json!({"type": "LoggingStore", "base": "base"}),
        "prefix" => {
            json!({"type": "PrefixStore", "base": "base", "config": {"prefix": "under/this/"}})
        }
        "gzip" => json!({"type": "GzipStore", "base": "base"}),
        _ => return json!({"stores": {"base": base}, "main": "base"}),
    };
    json!({"stores": {"base": base, "layer": layer}, "main": "layer"})
}

fn key(i: usize) -> String {
    format!("some/folder/{i:06}")
}

async fn work(cell: &Cell, store: &Objects) -> Result<f64> {
    let data: Bytes = (0..cell.size).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into();
    let prepared = match cell.operation {
        "get" => READ,
        "list" => cell.count,
        _ => 0,
    };
    for i in 0..prepared {
        store.put(&key(i), data.clone(), Default::default()).await?;
    }
    let start = Instant::now();
    match cell.operation {
        "put" => {
            for i in 0..cell.count {
                store.put(&key(i), data.clone(), Default::default()).await?;
            }
        }
        "get" => {
            for i in 0..cell.count {
                let (_, got) = store.get(&key(i % READ), Default::default(), u64::MAX).await?;
                ensure!(got.len() == cell.size, "an object of another size");
            }
        }
        _ => {
            let found: Vec<_> = store.entries("").try_collect().await?;
            ensure!(found.len() == cell.count, "{} objects are listed", found.len());
        }
    }
    Ok(start.elapsed().as_secs_f64())
}
