//! Loading of a plug-in's file without a configuration.

use crate::cli::support::exit::Unusable;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;
use storage_sandbox::Plugin;
use storage_sandbox::log::Log;
use storage_sandbox::options::{PluginDef, PluginLimits, Refusal, is_name};
use storage_sandbox::plugin::inspect::{Inspection, inspect};
use storage_sandbox::plugin::read;

/// What is known of a file before any of its code runs.
pub struct Seen {
    pub size: u64,
    /// In lower-case hex.
    pub sha256: String,
    pub outline: Inspection,
}

/// Inspects a file without running it.
pub fn look(file: &Path) -> Result<Seen, Unusable> {
    let bytes = read(file).map_err(Unusable)?;
    let found = inspect(&bytes);
    let outline = found.map_err(|text| Unusable(format!("{}: {text}", file.display())))?;
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok(Seen { size: bytes.len() as u64, sha256, outline })
}

/// Loads a file as `run` would, as a plug-in with the file's name. Its output
/// goes to the log.
pub async fn load(file: &Path, limits: PluginLimits) -> anyhow::Result<Arc<Plugin>> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_name(stem));
    let def = PluginDef::new(stem.unwrap_or("plugin"), file.to_owned(), limits);
    let loading = tokio::task::spawn_blocking(|| Plugin::load(def, Arc::new(Log(|_| ()))));
    let loaded = loading.await?;
    Ok(loaded.map_err(|(Refusal::Component(text) | Refusal::Sha256(text))| Unusable(text))?)
}
