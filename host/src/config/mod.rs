//! From a YAML file to a checked description of stores.

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
pub(crate) use problem::suggest;
pub use problem::{ConfigError, Problem};
pub(crate) use serve::bucket_name_problem;
pub use storage_core::kind::BaseShape;

/// A store type that a configuration may name.
#[derive(Debug, Clone)]
pub struct TypeInfo {
    /// The name, as configuration gives it in `type`.
    pub name: String,
    /// Other names for the same type.
    pub aliases: Vec<String>,
    /// What it takes as `base`; `None` for a backend, which takes none.
    pub base: Option<BaseShape>,
    /// JSON Schema of its config.
    pub schema: Value,
    /// One line of documentation.
    pub doc: String,
    /// The plug-in that brings it; `None`: it is built in.
    pub plugin: Option<String>,
}

/// One entry of `plugins:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDef {
    /// Its name: the first part of its store types.
    pub name: String,
    /// `component`: its file. Relative paths start at the configuration's.
    pub component: PathBuf,
    /// `sha256`: the only digest that the file may have, in lower-case hex.
    pub sha256: Option<String>,
    /// `limits`: what it may use.
    pub limits: PluginLimits,
    /// `config_env`: the environment variables that configs of its stores may
    /// refer to.
    pub config_env: Vec<String>,
    /// Where the file defines it.
    pub place: Place,
}

impl PluginDef {
    /// Whether it says the same, wherever the file says it.
    pub fn says_the_same(&self, other: &Self) -> bool {
        *other == Self { place: other.place, ..self.clone() }
    }
}

/// What a plug-in may use: `plugins.NAME.limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginLimits {
    /// `memory`: bytes of linear memory of one instance.
    pub memory: u64,
    /// `call_timeout`: how long one call may take, its calls of bases and the
    /// wait for an instance counted in.
    pub call_timeout: Duration,
    /// `fuel`: how much processor time one call may use.
    pub fuel: Duration,
    /// `instances`: how many calls and streams of one chain may be under way.
    pub instances: usize,
    /// `object_size`: the most bytes that one reader may give.
    pub object_size: u64,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            call_timeout: Duration::from_secs(30),
            fuel: Duration::from_secs(2),
            instances: 64,
            object_size: 5 << 40,
        }
    }
}

/// A place in the YAML file; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
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
    /// Its type: the canonical name, whatever alias the file used.
    pub kind: String,
    /// The plug-in that brings its type, if one does.
    pub plugin: Option<String>,
    /// Its bases, as indices into [`Config::stores`], always smaller than its own.
    pub bases: Vec<usize>,
    /// How many of the bases, at their end, its config names rather than its
    /// `base`, such as the journal of a MirroringStore.
    pub named: usize,
    /// Its config with the environment expanded.
    pub config: Map<String, Value>,
    /// Where the file defines it.
    pub place: Place,
}

impl StoreDef {
    /// The stores that keep its objects: those of `base`.
    pub fn under(&self) -> &[usize] {
        self.bases.get(..self.bases.len().saturating_sub(self.named)).unwrap_or_default()
    }

    /// The stores that it uses beside them, named by its config.
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
    /// The plug-ins that bring further store types.
    pub plugins: Vec<PluginDef>,
    /// How `run` serves them.
    pub serve: ServeConfig,
}

/// The `serve:` section.
#[derive(Debug, Clone, Default)]
pub struct ServeConfig {
    /// `listen`: the address; absent: 127.0.0.1:9000.
    pub listen: Option<SocketAddr>,
    /// `expose`: bucket names and the stores behind them, as indices into
    /// [`Config::stores`]; empty: the main store, in a bucket named `main`.
    pub expose: Vec<(String, usize)>,
    /// `credentials`: who signs requests, and what they may do.
    pub users: Vec<User>,
    /// `anonymous`: what unsigned requests may do; absent: nothing.
    pub anonymous: Option<Scope>,
    /// `buckets: dynamic`: clients make buckets, which are prefixes of the
    /// main store.
    pub dynamic: bool,
    /// `acls`: whether owners of buckets and objects, and their lists of
    /// rights, bound what users may do.
    pub acls: bool,
    /// `cors`: what pages of other origins may do, in every bucket.
    pub cors: Vec<crate::serve::Rule>,
    /// `staging`: where parts of multipart uploads wait; absent: a directory
    /// below the system's for temporary files.
    pub staging: Option<PathBuf>,
    /// `tls`: the files of the certificate; absent: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `limits`: how much is taken in at a time.
    pub limits: Limits,
}

/// `serve.tls`: where the certificate is. Both files are PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// `cert`: the certificate, followed by those that lead to its root.
    pub cert: PathBuf,
    /// `key`: its private key.
    pub key: PathBuf,
}

/// `serve.limits`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `object_size`: bytes of one object; absent: what its store takes.
    pub object_size: Option<u64>,
    /// `requests`: how many are worked on at a time; more are refused.
    pub requests: usize,
    /// `connections`: how many are open at a time; more wait.
    pub connections: usize,
    /// `idle`: how long a client may send, or take, nothing.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { object_size: None, requests: 512, connections: 4_096, idle: Duration::from_secs(60) }
    }
}
