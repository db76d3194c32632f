//! The options of plug-ins: an entry of `plugins:` in a configuration.

use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use storage_contract::options;
use storage_contract::options::Property;

options! {
    /// One entry of `plugins:`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PluginOptions {
        /// Its file. Relative paths start at the configuration's directory.
        #[schema(minLength: 1)]
        pub component: PathBuf,
        /// The required digest of the file, in hex.
        pub sha256: Option<String>,
        /// Its resource limits.
        pub limits: PluginLimits = {},
        /// The environment variables that its stores' configs may use.
        pub config_env: Vec<String> = [],
    }
}

options! {
    /// The resource limits of a plug-in.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct PluginLimits {
        /// The linear memory of one instance: at least enough for a small guest, at most all
        /// that 32 bits can address.
        #[schema(format: "bytes", minimum: 1048576, maximum: 4294967296)]
        pub memory: u64 = 67108864,
        /// The longest duration of one call, including its calls of bases and the wait for
        /// an instance.
        #[schema(format: "duration", minimum: 0.01, maximum: 3600)]
        pub call_timeout: Duration = 30,
        /// The most processor time of one call.
        #[schema(format: "duration", minimum: 0.01, maximum: 3600, alias: "fuel")]
        pub cpu_time: Duration = 2,
        /// The most concurrent calls and streams of one chain.
        #[schema(minimum: 1, maximum: 1024)]
        pub instances: usize = 64,
        /// The most bytes that one reader may return.
        #[schema(format: "bytes", minimum: 1, maximum: 1152921504606846976)]
        pub object_size: u64 = 5497558138880,
    }
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self::read(&json!({})).expect("every limit has a default that fits")
    }
}

/// A plug-in of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDef {
    /// Its name, the first part of its store types.
    pub name: String,
    /// Its entry.
    pub options: PluginOptions,
}

impl PluginDef {
    /// A plug-in in a file.
    pub fn new(name: &str, component: PathBuf, limits: PluginLimits) -> Self {
        let options = PluginOptions { component, sha256: None, limits, config_env: Vec::new() };
        Self { name: name.to_owned(), options }
    }
}

/// Why a plug-in can't be used, and the setting to blame.
#[derive(Debug)]
pub enum Refusal {
    /// `component`: the component itself is unusable.
    Component(String),
    /// `sha256`: the file has another digest.
    Sha256(String),
}

/// Whether this may be the first part of `PLUGIN/Kind`.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
