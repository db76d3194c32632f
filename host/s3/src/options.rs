//! The options of the endpoint: `serve.limits` and `serve.tls`.

use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// `serve.tls`: the certificate files, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// `cert`: the certificate, followed by its chain.
    pub cert: PathBuf,
    /// `key`: the private key.
    pub key: PathBuf,
}

/// `serve.limits`: the limits on requests and connections.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `object_size`: the most bytes of an object; `None` means the store's own
    /// limit.
    pub object_size: Option<u64>,
    /// `requests`: the most concurrent requests; more are refused.
    pub requests: usize,
    /// `connections`: the most open connections; more wait.
    pub connections: usize,
    /// `idle`: how long a client may neither send nor accept anything.
    pub idle: Duration,
}

impl TlsFiles {
    /// The JSON Schema of `serve.tls`.
    pub const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,
        "required":["cert","key"],
        "properties":{"cert":{"type":"string"},"key":{"type":"string"}}}"#;
}

impl Limits {
    /// The JSON Schema of `serve.limits`.
    pub const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
        "object_size":{"type":"integer","format":"bytes","minimum":1},
        "requests":{"type":"integer","minimum":1,"maximum":65536},
        "connections":{"type":"integer","minimum":1,"maximum":65536},
        "idle":{"type":"integer","minimum":1,"maximum":3600}}}"#;

    /// Reads a value that the schema allows.
    pub fn from_checked(value: &Value) -> Self {
        let default = Self::default();
        let number = |name: &str| value[name].as_u64();
        let count = |name: &str| number(name).and_then(|n| usize::try_from(n).ok());
        Self {
            object_size: number("object_size"),
            requests: count("requests").unwrap_or(default.requests),
            connections: count("connections").unwrap_or(default.connections),
            idle: number("idle").map_or(default.idle, Duration::from_secs),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { object_size: None, requests: 512, connections: 4_096, idle: Duration::from_secs(60) }
    }
}
