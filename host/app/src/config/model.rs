//! A checked configuration.

use super::position::Position;
use serde_json::{Map, Value};
use std::net::SocketAddr;
use std::path::PathBuf;
use storage_s3::Rule;
use storage_s3::credentials::{Scope, User};
use storage_s3::options::{Limits, LogOptions, TlsFiles};
use storage_sandbox::options::PluginDef;

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

/// Where uploads in parts wait until they are completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Staging {
    /// In a directory.
    Directory(PathBuf),
    /// In a store, an index into [`Config::stores`].
    Store(usize),
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
    pub cors: Vec<Rule>,
    /// `staging`: where uploads in parts wait; `None` means a directory beside the
    /// configuration.
    pub staging: Option<Staging>,
    /// `domain`: the domains below which hosts name buckets.
    pub domains: Vec<String>,
    /// `signature_v2: false`: whether signatures of version 2 are refused.
    pub no_v2: bool,
    /// `tls`: the certificate files; `None` means plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `log`: the access log; `None` keeps none.
    pub log: Option<LogOptions>,
    /// `limits`: the limits on requests and connections.
    pub limits: Limits,
}
