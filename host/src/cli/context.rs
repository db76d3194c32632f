//! What verbs share: the configuration, and how keys name stores.

use super::exit::Outcome;
use super::names::{Name, Word, name, unknown_store};
use crate::StoreFactory;
use crate::objects::{CHUNK, Objects};
use crate::store::{ByteRange, Error, ReadOptions};
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
#[derive(Clone)]
pub struct At {
    pub objects: Objects,
    pub key: String,
    /// That no store has this name, where it could have been meant.
    pub unknown: Option<String>,
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
    /// those of `to_config`, where there is one, and what it stands on is made
    /// where it is missing, unless nothing is to be changed. What was written is
    /// closed before what was read.
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
            // Whoever names a whole store means another one.
            let word = if from.key.is_empty() { Word::Store } else { words.1 };
            let Some(file) = to_config.filter(|file| !same(file, &self.file)) else {
                // Nothing is opened, and nothing made, before both have a meaning.
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

/// Whether both name one file.
pub fn same(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The object that `text` names, to read it, or to change what there is.
pub async fn at(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    existing(factory, name(factory.config(), text, Word::Key)?).await
}

/// As [`at`], to write it: what its store needs is made where it is missing.
pub async fn new_at(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    made(factory, name(factory.config(), text, Word::Key)?).await
}

/// As [`at`], where a store, or a path in one, is meant.
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
