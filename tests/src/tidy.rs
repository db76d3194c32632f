//! Checks that the directory of a store holds its objects and nothing else.

use anyhow::{Result, ensure};
use std::path::Path;

/// Every file below a directory by its relative path, except those of a server.
pub fn files(directory: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                todo.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(directory)?.display().to_string());
            }
        }
    }
    found.retain(|path| !matches!(path.as_str(), "stores.yaml" | "server.log"));
    found.retain(|path| !path.starts_with("staging/"));
    Ok(found)
}

/// Fails if there are files with other names.
pub fn only(directory: &Path, names: &[&str]) -> Result<()> {
    let found = files(directory)?;
    let stray: Vec<_> = found.iter().filter(|path| !names.contains(&path.as_str())).collect();
    ensure!(stray.is_empty(), "these should not be there: {stray:?}");
    Ok(())
}

/// Fails unless there is one file per object below `objects`, and none being written.
pub fn only_objects(directory: &Path, objects: usize) -> Result<()> {
    let found = files(directory)?;
    let (held, others): (Vec<_>, Vec<_>) =
        found.iter().partition(|path| path.starts_with("objects/"));
    ensure!(held.len() == objects, "{} files for {objects} objects", held.len());
    let stray: Vec<_> =
        others.iter().filter(|path| !path.starts_with(".objects.storage/keys.db")).collect();
    ensure!(stray.is_empty(), "these should not be there: {stray:?}");
    Ok(())
}
