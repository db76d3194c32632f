//! SQLite databases with arbitrary contents.

use crate::errors::readable;
use crate::runtime::runtime;
use std::collections::BTreeMap;
use std::path::Path;
use storage_contract::types::{ListOptions, ReadOptions};
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{Error, PutOptions, SharedStore};

/// The most bytes to read of one object.
const ENOUGH: usize = 1 << 20;

pub fn run(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("objects.db");
    std::fs::write(&file, data).expect("a file");
    let store = match open("SqliteStore", "db_path", &file) {
        Ok(store) => store,
        Err(error) => return readable(&error),
    };
    everything(&store);
    let put = runtime().block_on(store.put("new", "content".into(), PutOptions::default()));
    match put {
        Ok(_) => {
            let got = runtime().block_on(store.get("new", ReadOptions::default()));
            assert_eq!(got.expect("what was put").1.as_ref(), b"content");
        }
        Err(error) => readable(&error),
    }
    runtime().block_on(store.close()).unwrap_or_else(|error| readable(&error));
}

/// Opens a backend on a file.
pub fn open(kind: &str, setting: &str, file: &Path) -> Result<SharedStore, Error> {
    let backend = BACKENDS.iter().find(|backend| backend.name == kind).expect("a backend");
    let directory = file.parent().expect("a directory").to_owned();
    let mut config = serde_json::Map::new();
    config.insert(setting.to_owned(), file.to_string_lossy().into());
    runtime().block_on((backend.open)(OpenArgs {
        name: "fuzzed".to_owned(),
        config: config.into(),
        directory,
        create: true,
        check: None,
    }))
}

/// All keys, with the result of reading each.
pub fn everything(store: &SharedStore) -> BTreeMap<String, Result<Vec<u8>, Error>> {
    let mut all = BTreeMap::new();
    let mut options = ListOptions::default();
    loop {
        let page = match runtime().block_on(store.list(options.clone())) {
            Ok(page) => page,
            Err(error) => {
                readable(&error);
                return all;
            }
        };
        for entry in page.entries {
            let content = runtime().block_on(read(store, &entry.key));
            if let Err(error) = &content {
                readable(error);
            }
            all.insert(entry.key, content);
        }
        assert!(all.len() <= 100_000, "a listing without an end");
        match page.next {
            None => return all,
            next => options.start_after = next,
        }
    }
}

async fn read(store: &SharedStore, key: &str) -> Result<Vec<u8>, Error> {
    let mut reader = store.read(key, ReadOptions::default()).await?;
    let mut all = Vec::new();
    while all.len() < ENOUGH {
        let chunk = reader.next(64 * 1024).await?;
        if chunk.is_empty() {
            break;
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}
