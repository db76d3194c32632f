//! Tests of the native backends: the common contract and the specifics of each.

mod contract;
mod filesystem;
mod limits;
mod odd_keys;
mod sqlite;

use bytes::Bytes;
use serde_json::{Value, json};
use std::path::Path;
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{
    ListOptions, ObjectStore, PutOptions, ReadOptions, Reader, Result, SharedStore,
};

/// Opens a store of a type, with paths relative to `directory`.
async fn try_open(kind: &str, directory: &Path, config: Value, look: bool) -> Result<SharedStore> {
    let backend = BACKENDS.iter().find(|b| b.name == kind).expect("a registered type");
    let directory = directory.to_owned();
    (backend.open)(OpenArgs {
        name: "main".to_owned(),
        config,
        directory,
        create: !look,
        check: look.then(Default::default),
    })
    .await
}

async fn open(kind: &str, directory: &Path) -> SharedStore {
    let config = match kind {
        "FilesystemStore" => json!({"root_path": "root", "durable": false}),
        "SqliteStore" => json!({"db_path": "objects.db", "durable": false}),
        _ => json!({}),
    };
    try_open(kind, directory, config, false).await.unwrap()
}

async fn put(store: &dyn ObjectStore, key: &str, data: &str) {
    let data = Bytes::from(data.to_owned());
    store.put(key, data, PutOptions::default()).await.unwrap();
}

async fn text(store: &dyn ObjectStore, key: &str) -> String {
    let (_, data) = store.get(key, ReadOptions::default()).await.unwrap();
    String::from_utf8(data.to_vec()).unwrap()
}

async fn drain(mut reader: Box<dyn Reader>) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let piece = reader.next(100_000).await?;
        if piece.is_empty() {
            return Ok(all);
        }
        assert!(piece.len() <= 100_000);
        all.extend_from_slice(&piece);
    }
}

/// Every key, in pages of `limit`.
async fn keys(store: &dyn ObjectStore, prefix: &str, limit: u32) -> Vec<String> {
    let mut options =
        ListOptions { prefix: prefix.to_owned(), limit: Some(limit), ..ListOptions::default() };
    let mut all = Vec::new();
    loop {
        let page = store.list(options.clone()).await.unwrap();
        assert!(page.entries.len() <= limit as usize);
        all.extend(page.entries.into_iter().map(|e| e.key));
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => return all,
        }
    }
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.push(entry.path().display().to_string());
        }
    }
    all
}
