//! The part of a store that a path selects, for verbs on many objects.
//!
//! `a/` selects the objects below it; `a` selects those and the object `a`, but
//! not `ab`: a path ends at a segment of the key.

use super::context::{At, StoreError};
use super::exit::Usage;
use crate::transfer::Endpoint;
use clap::Args;
use futures::StreamExt;
use std::pin::pin;
use storage_store::Error;

/// How paths are read.
#[derive(Args)]
pub struct PathArgs {
    /// Take PATH as a plain prefix: a also matches ab and a/b
    #[arg(long)]
    pub raw_prefix: bool,
}

impl PathArgs {
    /// The objects that `at` selects.
    pub fn side(&self, at: &At) -> Endpoint {
        match self.raw_prefix || is_folder(&at.key) {
            true => Endpoint::new(at.objects.clone(), &at.key),
            false => Endpoint::tree(at.objects.clone(), &at.key),
        }
    }

    /// The objects below `at`, for given keys. Lists nothing.
    pub fn below(&self, at: &At) -> Endpoint {
        match self.raw_prefix || is_folder(&at.key) {
            true => Endpoint::new(at.objects.clone(), &at.key),
            false => Endpoint::new(at.objects.clone(), &format!("{}/", at.key)),
        }
    }

    /// Like [`side`](Self::side), but fails if there are no objects.
    pub async fn found(&self, at: &At) -> anyhow::Result<Endpoint> {
        let side = self.side(at);
        if !at.key.is_empty() && at.objects.capabilities().list && !any(&side, at).await? {
            return Err(at.nothing());
        }
        Ok(side)
    }

    /// The two sides of a transfer from `from` to `to`: an object goes into a
    /// folder, and the objects below one path go below the other.
    pub async fn sides(&self, from: &At, to: &At) -> anyhow::Result<(Endpoint, Endpoint)> {
        let mut source = self.found(from).await?;
        let mut target = self.side(to);
        if self.raw_prefix {
            return Ok((source, target));
        }
        match (source.tree, target.tree) {
            (true, true) | (false, false) => {}
            (false, true) => target = Endpoint::new(to.objects.clone(), &format!("{}/", to.key)),
            (true, false) => {
                let below = Endpoint::new(from.objects.clone(), &format!("{}/", from.key));
                let many = any(&below, from).await?;
                let one = match from.objects.stat(&from.key).await {
                    Ok(_) => true,
                    Err(Error::NotFound | Error::InvalidKey(_)) => false,
                    Err(error) => return Err(from.error("stat", error)),
                };
                match (one, many) {
                    (true, true) => {
                        return Err(Usage(format!(
                            "{:?} is an object, and others lie below it: end FROM with a / to mean \
                             those, or TO without one to mean all of them",
                            from.key
                        ))
                        .into());
                    }
                    (true, false) => {
                        target = Endpoint::tree(to.objects.clone(), &into(&to.key, &from.key));
                    }
                    (false, _) => source = below,
                }
            }
        }
        Ok((source, target))
    }
}

/// Whether a key can only mean the objects below it.
pub fn is_folder(key: &str) -> bool {
    key.is_empty() || key.ends_with('/')
}

/// The key of an object that is put into a folder, or into a store.
pub fn into(folder: &str, key: &str) -> String {
    let name = match folder {
        "" => key,
        _ => key.rsplit('/').next().unwrap_or(key),
    };
    format!("{folder}{name}")
}

async fn any(side: &Endpoint, at: &At) -> anyhow::Result<bool> {
    let found = pin!(side.entries()).next().await.transpose();
    Ok(found.map_err(|error| at.error("list", error))?.is_some())
}

impl At {
    /// The error that a path selects nothing: a mistyped path must not pass for
    /// an empty one.
    pub fn nothing(&self) -> anyhow::Error {
        let (store, key) = (self.objects.name().to_owned(), Some(self.key.clone()));
        let error = StoreError { what: "list", store, key, cause: Error::NotFound };
        match &self.unknown {
            None => error.into(),
            Some(unknown) => anyhow::Error::from(error).context(unknown.clone()),
        }
    }
}
