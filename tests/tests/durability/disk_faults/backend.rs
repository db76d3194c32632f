//! The backends whose disks fail.

use anyhow::{Result, ensure};
use std::path::Path;
use storage_tests::tidy::{files, only};

/// A backend under test.
pub struct Backend {
    pub name: &'static str,
    /// Its entry in `stores:`, named `main`; `DIR` is its directory.
    pub store: &'static str,
    /// Whether objects can be replaced and deleted.
    pub changes: bool,
    /// Fails if there are unexpected files, given the number of objects.
    pub tidy: fn(directory: &Path, objects: usize) -> Result<()>,
    /// Whether it syncs only what it is about to acknowledge.
    pub syncs_for_answers: bool,
}

pub const FILES: Backend = Backend {
    name: "FilesystemStore",
    store: "{type: FilesystemStore, config: {root_path: DIR/objects}}",
    changes: true,
    tidy: objects_and_metadata,
    syncs_for_answers: true,
};

pub const SAFE_FILES: Backend = Backend {
    name: "SafeFilesystemStore",
    store: "{type: SafeFilesystemStore, config: {root_path: DIR/objects}}",
    ..FILES
};

pub const HASHDIR: Backend = Backend {
    name: "HashdirStore with an index",
    store: "{type: HashdirStore, config: {root_path: DIR/objects, index: true}}",
    syncs_for_answers: false,
    ..FILES
};

pub const SQLITE: Backend = Backend {
    name: "SqliteStore",
    store: "{type: SqliteStore, config: {db_path: DIR/objects.db}}",
    tidy: |directory, _| only(directory, &["objects.db", "objects.db-shm", "objects.db-wal"]),
    syncs_for_answers: false,
    ..FILES
};

pub const ZIP: Backend = Backend {
    name: "ZipStore",
    store: "{type: ZipStore, config: {path: DIR/objects.zip}}",
    changes: false,
    tidy: |directory, _| only(directory, &["objects.zip"]),
    syncs_for_answers: false,
};

/// Checks for one file per object. If attributes failed, metadata is in separate files,
/// some of which stay behind if removing them failed.
fn objects_and_metadata(directory: &Path, objects: usize) -> Result<()> {
    let mut found = files(directory)?;
    // If the root is a mount point, metadata is inside it.
    found.retain(|path| !path.starts_with("objects/.storage-host/metadata/"));
    let (held, others): (Vec<_>, Vec<_>) =
        found.iter().partition(|path| path.starts_with("objects/"));
    ensure!(held.len() == objects, "{} files for {objects} objects", held.len());
    let theirs = [".objects.storage/keys.db", ".objects.storage/metadata/"];
    let stray: Vec<_> =
        others.iter().filter(|path| !theirs.iter().any(|t| path.starts_with(t))).collect();
    ensure!(stray.is_empty(), "these should not be there: {stray:?}");
    Ok(())
}
