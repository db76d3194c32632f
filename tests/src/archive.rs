//! A zip archive as a store, checked against Python and unzip.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{ListOptions, PutOptions, ReadOptions, SharedStore};
use storage_host::{Error, Objects};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A directory with an archive.
pub struct Archive {
    /// The runtime of the store.
    pub runtime: Runtime,
    /// The archive's directory.
    pub directory: TempDir,
}

impl Archive {
    /// Creates a directory without an archive.
    pub fn new() -> Result<Self> {
        Ok(Self { runtime: Runtime::new()?, directory: tempfile::tempdir()? })
    }

    /// Creates an archive with Python.
    pub fn made(kind: &str) -> Result<Self> {
        let archive = Self::new()?;
        python(&["make", kind, archive.text()])?;
        Ok(archive)
    }

    /// The archive's path.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("objects.zip")
    }

    /// The archive's path as text.
    pub fn text(&self) -> &'static str {
        self.path().display().to_string().leak()
    }

    /// Opens it as a store.
    pub fn open(&self) -> Result<Objects> {
        Ok(Objects::new("archive", self.try_open()?))
    }

    /// Like [`open`](Self::open), for archives that should be refused.
    pub fn try_open(&self) -> Result<SharedStore, Error> {
        let backend = BACKENDS.iter().find(|backend| backend.name == "ZipStore").unwrap();
        self.runtime.block_on((backend.open)(OpenArgs {
            name: "archive".to_owned(),
            config: json!({"path": "objects.zip"}),
            directory: self.directory.path().to_owned(),
            create: true,
            check: None,
        }))
    }

    /// Reads an object.
    pub fn get(&self, objects: &Objects, key: &str) -> Result<Vec<u8>, Error> {
        let got = self.runtime.block_on(objects.get(key, ReadOptions::default(), 1 << 30));
        got.map(|(_, data)| data.to_vec())
    }

    /// Writes an object.
    pub fn put(&self, objects: &Objects, key: &str, data: &[u8]) -> Result<(), Error> {
        let put = objects.put(key, data.to_vec().into(), PutOptions::default());
        self.runtime.block_on(put).map(drop)
    }

    /// The first page of keys.
    pub fn keys(&self, objects: &Objects) -> Result<Vec<String>> {
        let page = self.runtime.block_on(objects.list(ListOptions::default()))?;
        Ok(page.entries.into_iter().map(|entry| entry.key).collect())
    }

    /// Closes a store.
    pub fn close(&self, objects: &Objects) -> Result<()> {
        Ok(self.runtime.block_on(objects.store().close())?)
    }
}

/// The Python script that reads and writes archives.
pub fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python/archives.py")
}

/// Runs the script and returns what it printed.
pub fn python(arguments: &[&str]) -> Result<String> {
    let output = Command::new("python3").arg(script()).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// The SHA-256 of every entry that Python reads, by name.
pub fn as_python_reads(archive: &Archive) -> Result<BTreeMap<String, Value>> {
    Ok(serde_json::from_str(&python(&["read", archive.text()])?)?)
}

/// Fails if unzip finds the archive damaged.
pub fn check_with_unzip(archive: &Archive) -> Result<()> {
    match Command::new("unzip").arg("-tqq").arg(archive.path()).output() {
        Ok(Output { status, stderr, .. }) => {
            ensure!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("not checked with unzip: it is not installed");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
