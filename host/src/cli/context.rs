//! What verbs share: the configuration, and how keys name stores.

use super::exit::Outcome;
use crate::StoreFactory;
use crate::objects::{CHUNK, Objects};
use crate::store::{ByteRange, Error, ReadOptions};
use crate::transfer::Side;
use anyhow::Context as _;
use std::fmt;
use std::path::{Path, PathBuf};

/// The options that every verb has.
pub struct Context {
    pub file: PathBuf,
    pub json: bool,
    pub quiet: bool,
}

/// What failed on which store and key; the cause is its source.
#[derive(Debug)]
pub struct StoreError {
    pub what: &'static str,
    pub store: String,
    pub key: Option<String>,
    pub cause: Error,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} {key:?} in store {:?}", self.what, self.store),
            None => write!(f, "{} store {:?}", self.what, self.store),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// A place in a store: a key, or the prefix of keys.
pub struct At {
    pub objects: Objects,
    pub key: String,
}

impl At {
    /// Says where an error happened.
    pub fn error(&self, what: &'static str, cause: Error) -> anyhow::Error {
        let key = Some(self.key.clone()).filter(|key| !key.is_empty());
        StoreError { what, store: self.objects.name().to_owned(), key, cause }.into()
    }
}

impl At {
    /// Hands every chunk of the object, or of a range of it, to `take`.
    pub async fn stream(
        &self,
        what: &'static str,
        range: Option<ByteRange>,
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let failed = |e| self.error(what, e);
        let options = ReadOptions { range, ..ReadOptions::default() };
        let mut reader = self.objects.read(&self.key, options).await.map_err(failed)?;
        loop {
            let chunk = reader.next(CHUNK).await.map_err(failed)?;
            if chunk.is_empty() {
                return Ok(());
            }
            take(&chunk)?;
        }
    }

    /// Everything below.
    pub fn side(&self) -> Side {
        Side::new(self.objects.clone(), &self.key)
    }
}

impl Context {
    /// Reads the configuration, does the work, and closes every store.
    pub async fn with<F: AsyncFnOnce(&StoreFactory) -> Outcome>(&self, work: F) -> Outcome {
        let factory = StoreFactory::from_yaml(&self.file)?;
        let outcome = work(&factory).await;
        let closed = factory.close().await;
        let code = outcome?;
        closed?;
        Ok(code)
    }

    /// As [`with`](Self::with), with two places; the names of the second are
    /// those of `to_config`, where there is one. What was written is closed
    /// before what was read.
    pub async fn between(
        &self,
        from: &str,
        to: &str,
        to_config: Option<&Path>,
        work: impl AsyncFnOnce(At, At) -> Outcome,
    ) -> Outcome {
        self.with(async |source| {
            let from = whole(source, from).await?;
            let Some(file) = to_config.filter(|file| !same(file, &self.file)) else {
                return work(from, whole(source, to).await?).await;
            };
            let target = StoreFactory::from_yaml(file)?;
            let named = || file.display().to_string();
            let outcome = match whole(&target, to).await.with_context(named) {
                Ok(mut to) => {
                    let name = format!("{} ({})", to.objects.name(), file.display());
                    to.objects = to.objects.renamed(&name);
                    work(from, to).await
                }
                Err(error) => Err(error),
            };
            let closed = target.close().await.with_context(named);
            let code = outcome?;
            closed?;
            Ok(code)
        })
        .await
    }
}

/// Whether both name one file.
fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The store and key that `KEY`, `STORE:KEY` or `:KEY` name.
pub async fn at(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    let (store, key) = place(factory, text);
    Ok(At { objects: factory.open(store).await?, key: key.to_owned() })
}

/// As [`at`], by name only.
pub fn place<'a>(factory: &'a StoreFactory, text: &'a str) -> (&'a str, &'a str) {
    let config = factory.config();
    let main = config.stores.get(config.main).map_or("", |def| def.name.as_str());
    let named = text.split_once(':').filter(|(store, _)| {
        store.is_empty() || config.stores.iter().any(|def| def.name == *store)
    });
    match named {
        None => (main, text),
        Some(("", key)) => (main, key),
        Some(named) => named,
    }
}

/// As [`at`], where the name of a store alone means the whole store.
pub async fn whole(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    if factory.config().stores.iter().any(|def| def.name == text) {
        return Ok(At { objects: factory.open(text).await?, key: String::new() });
    }
    at(factory, text).await
}
