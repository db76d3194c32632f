//! The configuration: parses and checks a YAML file of stores.

mod access;
pub(crate) mod alone;
mod env;
mod load;
pub(crate) mod plugins;
mod problem;
mod schema;
pub(crate) mod secret;
mod serve;
pub(crate) mod units;
mod yaml;

use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use access::{Credentials, Right, Scope, User};
pub use load::Sources;
pub use plugins::Refusal;
pub use problem::{ConfigError, Problem};
pub(crate) use problem::{closest, suggest};
pub(crate) use serve::bucket_name_problem;
pub use storage_core::kind::BaseShape;

/// A store type that a configuration may use.
#[derive(Debug, Clone)]
pub struct TypeInfo {
    /// The name, as given in `type`.
    pub name: String,
    /// Alternative names of the type.
    pub aliases: Vec<String>,
    /// The shape of `base`; `None` for a backend.
    pub base: Option<BaseShape>,
    /// The JSON Schema of its config.
    pub schema: Value,
    /// One line of documentation.
    pub doc: String,
    /// The plug-in that provides it; `None` if built in.
    pub plugin: Option<String>,
}

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
    /// Where the file defines it.
    pub place: Position,
}

impl PluginDef {
    /// Whether both are equal except for their place in the file.
    pub fn says_the_same(&self, other: &Self) -> bool {
        *other == Self { place: other.place, ..self.clone() }
    }
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

/// A place in the YAML file; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One store of a configuration.
#[derive(Debug, Clone)]
pub struct StoreDef {
    /// Its name.
    pub name: String,
    /// Its type, by its canonical name even if the file used an alias.
    pub kind: String,
    /// The plug-in that provides its type, if any.
    pub plugin: Option<String>,
    /// Its bases, as indices into [`Config::stores`], always smaller than its own.
    pub bases: Vec<usize>,
    /// How many bases, at the end of the list, its config names instead of its
    /// `base`, such as the journal of a MirroringStore.
    pub named: usize,
    /// Its config with environment variables expanded.
    pub config: Map<String, Value>,
    /// Where the file defines it.
    pub place: Position,
}

impl StoreDef {
    /// The bases that hold its objects, those of `base`.
    pub fn under(&self) -> &[usize] {
        self.bases.get(..self.bases.len().saturating_sub(self.named)).unwrap_or_default()
    }

    /// The other stores that it uses, named in its config.
    pub fn beside(&self) -> &[usize] {
        self.bases.get(self.bases.len().saturating_sub(self.named)..).unwrap_or_default()
    }
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file's name, for messages.
    pub file: String,
    /// The stores, bases before the stores over them, otherwise in the file's order.
    pub stores: Vec<StoreDef>,
    /// The default store, an index into `stores`.
    pub main: usize,
    /// The plug-ins that provide further store types.
    pub plugins: Vec<PluginDef>,
    /// How `run` serves the stores.
    pub serve: ServeConfig,
}

/// The `serve:` section.
#[derive(Debug, Clone, Default)]
pub struct ServeConfig {
    /// `listen`: the address; `None` means 127.0.0.1:9000.
    pub listen: Option<SocketAddr>,
    /// `expose`: bucket names and their stores, as indices into
    /// [`Config::stores`]. Empty means the main store, in a bucket named
    /// `main`.
    pub expose: Vec<(String, usize)>,
    /// `credentials`: the signing users and their rights.
    pub users: Vec<User>,
    /// `anonymous`: what unsigned requests may do; `None` means nothing.
    pub anonymous: Option<Scope>,
    /// `buckets: dynamic`: clients create buckets, kept as prefixes of the main
    /// store.
    pub dynamic: bool,
    /// `acls`: whether bucket and object owners and ACLs restrict users.
    pub acls: bool,
    /// `cors`: the CORS rules for all buckets.
    pub cors: Vec<crate::serve::Rule>,
    /// `staging`: the directory for parts of multipart uploads; `None` means
    /// one below the system's temporary directory.
    pub staging: Option<PathBuf>,
    /// `tls`: the certificate files; `None` means plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `limits`: the limits on requests and connections.
    pub limits: Limits,
}

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

impl Default for Limits {
    fn default() -> Self {
        Self { object_size: None, requests: 512, connections: 4_096, idle: Duration::from_secs(60) }
    }
}
