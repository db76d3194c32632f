//! Fixtures of `tests/interop`: stores written by the Python library `storage`, with
//! the objects that a reader must get.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures::TryStreamExt;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};
use storage_host::{Objects, StoreFactory};

/// A fixture, as described in its `expected.json`.
#[derive(Deserialize)]
pub struct Fixture {
    /// The name of its folder.
    #[serde(skip)]
    pub name: String,
    /// Whether the stores can list their objects.
    pub listable: bool,
    /// Keys that must not exist.
    pub missing: Vec<String>,
    /// Every object, by its key.
    pub objects: BTreeMap<String, Object>,
}

/// An object of a fixture.
#[derive(Deserialize)]
pub struct Object {
    text: Option<String>,
    base64: Option<String>,
    repeat: Option<usize>,
    input: Option<String>,
}

impl Object {
    /// The bytes that a reader must get.
    pub fn content(&self) -> Result<Vec<u8>> {
        let data = match (&self.text, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(text)) => base64_simd::STANDARD.decode_to_vec(text)?,
            _ => bail!("an object is text or base64"),
        };
        Ok(data.repeat(self.repeat.unwrap_or(1)))
    }

    /// The bytes to write.
    pub fn written(&self) -> Result<Bytes> {
        match &self.input {
            Some(text) => Ok(text.clone().into()),
            None => Ok(self.content()?.into()),
        }
    }
}

/// The folder with scripts and fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop")
}

/// Every fixture, by name.
pub fn fixtures() -> Result<Vec<Fixture>> {
    let entries = fs::read_dir(folder().join("fixtures"))?;
    let folders: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut found: Vec<_> =
        folders?.iter().map(|path| Fixture::load(path)).collect::<Result<_>>()?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

impl Fixture {
    /// Loads the fixture in a folder.
    pub fn load(folder: &Path) -> Result<Self> {
        let text = fs::read_to_string(folder.join("expected.json"))?;
        let fixture: Fixture =
            serde_json::from_str(&text).with_context(|| folder.display().to_string())?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Fixture { name, ..fixture })
    }

    /// Copies the fixture to `to`, with or without its data.
    pub fn copy(&self, to: &Path, data: bool) -> Result<PathBuf> {
        let (from, to) = (folder().join("fixtures").join(&self.name), to.join(&self.name));
        fs::create_dir_all(to.join("data"))?;
        for file in ["stores.yaml", "expected.json"] {
            fs::copy(from.join(file), to.join(file))?;
        }
        if data {
            let archive = from.join("data.tar.gz");
            run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&to))?;
        }
        Ok(to)
    }

    /// What is wrong with the objects in `store`, by key.
    pub async fn problems(&self, store: &Objects) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for (key, object) in &self.objects {
            match store.get(key, Default::default(), u64::MAX).await {
                Ok((info, data)) if data == object.content()? => {
                    let size = info.size.unwrap_or(data.len() as u64);
                    if size != data.len() as u64 {
                        problems.push(format!("{key:?} says that it has {size} bytes"));
                    }
                }
                Ok((_, data)) => problems.push(format!("{key:?} reads as {data:?}")),
                Err(error) => problems.push(format!("{key:?}: {error}")),
            }
            if !store.exists(key).await.unwrap_or(false) {
                problems.push(format!("{key:?} does not exist"));
            }
        }
        for key in &self.missing {
            if !matches!(store.exists(key).await, Ok(false)) {
                problems.push(format!("{key:?} is not plainly missing"));
            }
        }
        ensure!(
            self.listable == store.capabilities().list,
            "{}: listable is {}",
            self.name,
            store.capabilities().list
        );
        if self.listable {
            let entries: Vec<_> = store.entries("").try_collect().await?;
            let listed: BTreeSet<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
            let wanted: BTreeSet<_> = self.objects.keys().map(String::as_str).collect();
            problems.extend(wanted.difference(&listed).map(|key| format!("{key:?} is not listed")));
            problems.extend(listed.difference(&wanted).map(|key| format!("{key:?} is listed")));
            if entries.len() != listed.len() {
                problems.push("a key is listed twice".to_owned());
            }
        }
        Ok(problems)
    }
}

/// Opens the stores of a copied fixture; their paths are relative to its folder.
pub fn factory(copy: &Path) -> Result<StoreFactory> {
    StoreFactory::from_yaml(copy.join("stores.yaml"))
}

/// Runs one of the folder's Python scripts.
pub fn python(program: &Path, script: &str, args: &[&Path]) -> Result<Output> {
    let mut command = Command::new(program);
    let command = command.arg("-B").arg(folder().join(script)).args(args).env("PYTHONUTF8", "1");
    command.output().with_context(|| format!("{command:?}"))
}

/// Runs a command that must succeed, and prints its output.
pub fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    said(&output)?;
    Ok(())
}

/// Prints a command's output, and fails if it failed.
pub fn said(output: &Output) -> Result<()> {
    print!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
