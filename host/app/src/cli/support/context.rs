//! The common options of all verbs, and access to the configuration's stores.

use super::exit::Outcome;
use super::names::{Name, Word, name, unknown_store};
use crate::StoreFactory;
use anyhow::Context as _;
use std::fmt;
use std::path::{Path, PathBuf};
use storage_store::chunk_size::CHUNK;
use storage_store::objects::Objects;
use storage_store::{ByteRange, Error, ReadOptions};

/// The options of every verb.
pub struct Context {
    pub file: PathBuf,
    pub json: bool,
    pub quiet: bool,
}

/// A failed operation on a store and key; the cause is its source.
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

/// A store with a key or key prefix.
#[derive(Clone)]
pub struct At {
    pub objects: Objects,
    pub key: String,
    /// A message that no store has this name, if one could be meant.
    pub unknown: Option<String>,
}

impl At {
    /// Adds store and key to an error.
    pub fn error(&self, what: &'static str, cause: Error) -> anyhow::Error {
        let key = Some(self.key.clone()).filter(|key| !key.is_empty());
        StoreError { what, store: self.objects.name().to_owned(), key, cause }.into()
    }
}

impl At {
    /// Passes every chunk of the object, or of a range of it, to `take`.
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
}

impl Context {
    /// Reads the configuration, runs `work`, and closes every store.
    pub async fn with<F: AsyncFnOnce(&StoreFactory) -> Outcome>(&self, work: F) -> Outcome {
        let factory = StoreFactory::from_yaml(&self.file)?;
        let outcome = work(&factory).await;
        let closed = factory.close().await;
        let code = outcome?;
        closed?;
        Ok(code)
    }

    /// Like [`with`](Self::with), for a source and a target. The target is
    /// looked up in `to_config`, if given, and its missing directories and
    /// files are created unless this is a dry run. The other configuration's
    /// stores are closed first.
    pub async fn between(
        &self,
        from: &str,
        to: &str,
        to_config: Option<&Path>,
        words: (Word, Word),
        dry_run: bool,
        work: impl AsyncFnOnce(At, At) -> Outcome,
    ) -> Outcome {
        let target = async |factory: &StoreFactory, to: Name<'_>| match dry_run {
            true => existing(factory, to).await,
            false => made(factory, to).await,
        };
        self.with(async |source| {
            let from = name(source.config(), from, words.0)?;
            // With a whole store as source, the target must be a store, too.
            let word = if from.key.is_empty() { Word::Store } else { words.1 };
            let Some(file) = to_config.filter(|file| !same(file, &self.file)) else {
                // Resolve both names before opening or creating anything.
                let to = name(source.config(), to, word)?;
                let from = existing(source, from).await?;
                return work(from, target(source, to).await?).await;
            };
            let other = StoreFactory::from_yaml(file)?;
            let named = || file.display().to_string();
            let to = name(other.config(), to, word)?;
            let from = existing(source, from).await?;
            let outcome = match target(&other, to).await.with_context(named) {
                Ok(mut to) => {
                    let name = format!("{} ({})", to.objects.name(), file.display());
                    to.objects = to.objects.renamed(&name);
                    work(from, to).await
                }
                Err(error) => Err(error),
            };
            let closed = other.close().await.with_context(named);
            let code = outcome?;
            closed?;
            Ok(code)
        })
        .await
    }
}

/// Whether both paths lead to the same file.
pub fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The object that `text` names, in an existing store.
pub async fn at(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    existing(factory, name(factory.config(), text, Word::Key)?).await
}

/// Like [`at`], for writing: creates missing directories and files of the
/// store.
pub async fn new_at(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    made(factory, name(factory.config(), text, Word::Key)?).await
}

/// Like [`at`], where `text` means a store or a path in one.
pub async fn whole(factory: &StoreFactory, text: &str, word: Word) -> anyhow::Result<At> {
    let mut at = existing(factory, name(factory.config(), text, word)?).await?;
    at.unknown = unknown_store(factory.config(), text);
    Ok(at)
}

async fn existing(factory: &StoreFactory, name: Name<'_>) -> anyhow::Result<At> {
    let objects = factory.open_existing(name.store).await?;
    Ok(At { objects, key: name.key.to_owned(), unknown: None })
}

async fn made(factory: &StoreFactory, name: Name<'_>) -> anyhow::Result<At> {
    Ok(At { objects: factory.open(name.store).await?, key: name.key.to_owned(), unknown: None })
}
