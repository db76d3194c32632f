//! Opens the store in which uploads in parts wait.

use super::preflight::check_directory;
use crate::StoreFactory;
use crate::config::Staging;
use anyhow::{Context, bail};
use serde_json::json;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage_backends::{OpenArgs, backend};
use storage_s3::Exposed;
use storage_store::Objects;

/// Opens the store that `serve.staging` names, or a directory. Without one, that beside the
/// configuration; or the reason why it can't be there.
pub async fn open(factory: &StoreFactory) -> anyhow::Result<Result<Objects, String>> {
    match &factory.config().serve.staging {
        Some(Staging::Directory(path)) => {
            if let Some(store) = keeper(factory, path) {
                bail!("serve.staging: {} is where the objects of {store:?} lie", path.display());
            }
            let opened = directory(path).await;
            let opened = opened
                .with_context(|| format!("serve.staging: {} can't be used", path.display()))?;
            Ok(Ok(opened))
        }
        Some(Staging::Store(store)) => {
            let name = factory.config().stores.get(*store).map(|def| def.name.as_str());
            let opened = factory.open(name.unwrap_or_default()).await?;
            let can = opened.capabilities();
            if !(can.read && can.write && can.delete && can.list && can.metadata) {
                bail!(
                    "serve.staging: the store {:?} must be able to read, write, delete and list, \
                     and keep metadata; it can {}",
                    opened.name(),
                    can.names().join(", ")
                );
            }
            Ok(Ok(opened))
        }
        None => Ok(beside(factory).await),
    }
}

/// Fails if clients would see the parts of uploads among the objects of a bucket.
pub fn check_apart(staging: &Result<Objects, String>, exposed: &Exposed) -> anyhow::Result<()> {
    let Ok(staging) = staging else { return Ok(()) };
    let seen = match exposed {
        Exposed::Fixed(buckets) => {
            let is_seen =
                |(_, objects): &&(String, Objects)| staging.overlaps(".uploads/", objects, "");
            buckets.iter().find(is_seen).map(|(bucket, _)| bucket.as_str())
        }
        // No bucket has a name that begins with a dot, so the store of the buckets itself
        // may be it, but no other one that has its objects among theirs.
        Exposed::Dynamic(main) if Arc::ptr_eq(staging.store(), main.store()) => None,
        Exposed::Dynamic(main) => staging.overlaps(".uploads/", main, "").then_some(main.name()),
    };
    match seen {
        None => Ok(()),
        Some(bucket) => bail!(
            "serve.staging: the store {:?} lies below the bucket {bucket:?}, whose clients would \
             see the parts of uploads among its objects; name another one",
            staging.name()
        ),
    }
}

async fn beside(factory: &StoreFactory) -> Result<Objects, String> {
    let path = default(factory);
    let cure = |why: String| {
        let text = format!("{why}; name a directory or a store in serve.staging");
        tracing::warn!(target: "storage", "uploads in parts are refused: {text}");
        text
    };
    if let Some(store) = keeper(factory, &path) {
        return Err(cure(format!("beside the configuration lie the objects of {store:?}")));
    }
    let opened = match check_directory(&path) {
        Ok(()) => directory(&path).await,
        Err(error) => Err(error.into()),
    };
    // The path is nothing that clients should hear.
    opened.map_err(|error| {
        tracing::warn!(target: "storage", "{}: {error:#}", path.display());
        cure("the folder of the configuration can't be used for them".to_owned())
    })
}

/// The store among whose objects the directory or its objects would lie.
fn keeper<'a>(factory: &'a StoreFactory, path: &Path) -> Option<&'a str> {
    factory.keeper(path).or_else(|| factory.keeper(&path.join(OBJECTS)))
}

/// `.NAME.staging` beside the configuration file of this name.
fn default(factory: &StoreFactory) -> PathBuf {
    let file = factory.path();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.staging"))
}

/// The folder of the objects in the directory.
const OBJECTS: &str = "uploads";

/// Opens a directory as a store, which nobody else on this machine can read: the objects
/// may have been meant to be encrypted. What belongs to the store but is no object lies in the
/// same directory, beside the objects.
async fn directory(path: &Path) -> anyhow::Result<Objects> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let backend = backend("FilesystemStore").context("there is no FilesystemStore")?;
    let args = OpenArgs {
        name: "serve.staging".to_owned(),
        config: json!({"root_path": path.join(OBJECTS)}),
        directory: path.to_owned(),
        create: true,
        check: None,
    };
    Ok(Objects::new("serve.staging", (backend.open)(args).await?))
}
