//! What verbs share: the configuration, and how keys name stores.

use super::exit::Outcome;
use crate::StoreFactory;
use crate::objects::Objects;
use crate::store::Error;
use std::fmt;
use std::path::PathBuf;

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
}

/// The store and key that `KEY`, `STORE:KEY` or `:KEY` name.
pub async fn at(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    let stores = &factory.config().stores;
    let named = text
        .split_once(':')
        .filter(|(store, _)| store.is_empty() || stores.iter().any(|def| def.name == *store));
    Ok(match named {
        None => At { objects: factory.build().await?, key: text.to_owned() },
        Some(("", key)) => At { objects: factory.build().await?, key: key.to_owned() },
        Some((store, key)) => At { objects: factory.open(store).await?, key: key.to_owned() },
    })
}

/// As [`at`], where the name of a store alone means the whole store.
pub async fn whole(factory: &StoreFactory, text: &str) -> anyhow::Result<At> {
    if factory.config().stores.iter().any(|def| def.name == text) {
        return Ok(At { objects: factory.open(text).await?, key: String::new() });
    }
    at(factory, text).await
}
