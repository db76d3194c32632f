//! From a configuration to open stores.

use crate::config::Config;
use crate::objects::Objects;
use std::path::Path;

/// Builds stores from a YAML file and keeps those that are open, so that a
/// store shared by several others is opened once.
pub struct StoreFactory {
    config: Config,
}

impl StoreFactory {
    /// Reads and checks a file. Opens nothing yet.
    pub fn from_yaml(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        anyhow::bail!("{}: not readable yet", path.as_ref().display())
    }

    /// The checked configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Opens the main store, and what it stands on.
    pub async fn build(&self) -> anyhow::Result<Objects> {
        self.open(&self.config.stores[self.config.main].name).await
    }

    /// Opens a store by name, and what it stands on.
    pub async fn open(&self, name: &str) -> anyhow::Result<Objects> {
        anyhow::bail!("store {name:?}: not open yet")
    }

    /// Closes every open store, the outermost first.
    pub async fn close(&self) -> anyhow::Result<()> {
        Ok(())
    }
}
