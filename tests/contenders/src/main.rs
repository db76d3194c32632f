//! Runs benchmark tasks with OpenDAL or object_store, for `tests/benches/libraries`.
//! Each task is a line of JSON, and so is its answer: the seconds it took, or why there
//! is nothing to measure.

mod arrow;
mod dal;
mod task;

use bytes::Bytes;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::time::Instant;
use task::{Failure, Task};

/// A store of either library.
enum Store {
    Dal(opendal::Operator),
    Arrow(Box<dyn object_store::ObjectStore>),
}

impl Store {
    /// Returns `None` if the library has no counterpart.
    async fn open(task: &Task) -> Result<Option<Self>, Failure> {
        Ok(match task.library.as_str() {
            "opendal" => dal::open(task).await?.map(Store::Dal),
            "object_store" => arrow::open(task)?.map(Store::Arrow),
            other => return Err(format!("there is no library {other:?} here").into()),
        })
    }

    async fn put(&self, key: &str, data: &Bytes) -> Result<(), Failure> {
        match self {
            Store::Dal(store) => dal::put(store, key, data).await,
            Store::Arrow(store) => arrow::put(store.as_ref(), key, data).await,
        }
    }

    /// Returns the size.
    async fn get(&self, key: &str) -> Result<usize, Failure> {
        match self {
            Store::Dal(store) => dal::get(store, key).await,
            Store::Arrow(store) => arrow::get(store.as_ref(), key).await,
        }
    }

    /// Returns the number of objects.
    async fn list(&self) -> Result<usize, Failure> {
        match self {
            Store::Dal(store) => dal::list(store).await,
            Store::Arrow(store) => arrow::list(store.as_ref()).await,
        }
    }
}

fn key(i: usize) -> String {
    format!("some/folder/{i:06}")
}

/// The number of objects to read repeatedly.
const READ: usize = 16;

async fn measure(task: &Task) -> Result<Option<f64>, Failure> {
    let Some(store) = Store::open(task).await? else { return Ok(None) };
    let data: Bytes = (0..task.size).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into();
    let prepared = match task.operation.as_str() {
        "get" => READ,
        "list" => task.count,
        _ => 0,
    };
    for i in 0..prepared {
        store.put(&key(i), &data).await?;
    }
    let start = Instant::now();
    match task.operation.as_str() {
        "put" => {
            for i in 0..task.count {
                store.put(&key(i), &data).await?;
            }
        }
        "get" => {
            for i in 0..task.count {
                if store.get(&key(i % READ)).await? != task.size {
                    return Err("an object of another size".into());
                }
            }
        }
        "list" => {
            let found = store.list().await?;
            if found != task.count {
                return Err(format!("{found} objects are listed").into());
            }
        }
        other => return Err(format!("there is no operation {other:?}").into()),
    }
    Ok(Some(start.elapsed().as_secs_f64()))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    opendal_http_transport_reqwest::install_default();
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let task: Task = serde_json::from_str(&line?)?;
        let answer: Value = match measure(&task).await {
            Ok(seconds) => json!({"seconds": seconds}),
            Err(error) => json!({"error": error.to_string()}),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
