//! The options of plug-ins: an entry of `plugins:` in a configuration.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The JSON Schema of an entry.
pub const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["component"],"properties":{
    "component":{"type":"string","minLength":1},
    "sha256":{"type":"string"},
    "limits":{"type":"object","additionalProperties":false,"properties":{
        "memory":{"type":["integer","string"]},
        "call_timeout":{"type":["number","string"]},
        "cpu_time":{"type":["number","string"]},
        "fuel":{"type":["number","string"],"description":"the earlier name of cpu_time"},
        "instances":{"type":"integer","minimum":1,"maximum":1024},
        "object_size":{"type":["integer","string"]}}},
    "config_env":{"type":"array","items":{"type":"string","minLength":1}}
}}"#;

/// The permitted memory limits in bytes: from enough for a small guest to all
/// that 32 bits can address.
pub const MEMORY: RangeInclusive<u64> = 1 << 20..=4 << 30;

/// The permitted time limits of a call.
pub const TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);

/// One entry of `plugins:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDef {
    /// Its name, the first part of its store types.
    pub name: String,
    /// `component`: its file. Relative paths start at the configuration's
    /// directory.
    pub component: PathBuf,
    /// `sha256`: the required digest of the file, in lower-case hex.
    pub sha256: Option<String>,
    /// `limits`: its resource limits.
    pub limits: PluginLimits,
    /// `config_env`: the environment variables that its stores' configs may
    /// use.
    pub config_env: Vec<String>,
}

/// The resource limits of a plug-in: `plugins.NAME.limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginLimits {
    /// `memory`: the linear memory of one instance, in bytes.
    pub memory: u64,
    /// `call_timeout`: the longest duration of one call, including its calls of
    /// bases and the wait for an instance.
    pub call_timeout: Duration,
    /// `cpu_time`: the most processor time of one call.
    pub cpu_time: Duration,
    /// `instances`: the most concurrent calls and streams of one chain.
    pub instances: usize,
    /// `object_size`: the most bytes that one reader may return.
    pub object_size: u64,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            call_timeout: Duration::from_secs(30),
            cpu_time: Duration::from_secs(2),
            instances: 64,
            object_size: 5 << 40,
        }
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
