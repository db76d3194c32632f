//! A checked configuration.

use super::position::Position;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use storage_contract::options;
use storage_contract::options::{Json, OneOrMany, Property};
use storage_contract::schema::Schema;
use storage_s3::Rule;
use storage_s3::credentials::{Anonymous, Scope, User, UserOptions};
use storage_s3::options::{Etags, Limits, LogOptions, TlsFiles};
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

options! {
    /// The `serve:` section, as it is given.
    #[derive(Debug, Clone)]
    pub struct ServeOptions {
        /// The address and port; without it, 127.0.0.1:9000.
        pub listen: Option<String>,
        /// The stores that are served, by the names of their buckets; without it, the main
        /// store in a bucket named `main`.
        pub expose: Option<Expose>,
        /// Whether clients create buckets, kept as prefixes of the main store.
        pub buckets: Buckets = "fixed",
        /// The users, who sign their requests.
        #[schema(minItems: 1)]
        pub credentials: OneOrMany<UserOptions> = [],
        /// What unsigned requests may do.
        pub anonymous: Anonymous = false,
        /// Whether owners and ACLs of buckets and objects restrict users.
        pub acls: bool = false,
        /// The CORS rules for all buckets.
        pub cors: Vec<Rule> = [],
        /// Where uploads in parts wait until they are completed; without it, in a directory
        /// beside the configuration.
        pub staging: Option<StagingOptions>,
        /// The domains below which hosts name buckets.
        pub domain: OneOrMany<String> = [],
        /// Whether signatures of version 2 are accepted.
        pub signature_v2: bool = true,
        /// The etags of objects that clients write.
        pub etag: Etags = "md5",
        /// The certificate files; without them, plain HTTP.
        pub tls: Option<TlsFiles>,
        /// The access log; without it, none is kept.
        pub log: Option<LogOptions>,
        /// The limits on requests and connections.
        pub limits: Limits = {},
    }
}

options! {
    /// Who makes the buckets.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Buckets {
        /// The configuration.
        Fixed = "fixed",
        /// Clients.
        Dynamic = "dynamic",
    }
}

/// The stores that are served: a list of names, or a mapping of buckets to names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expose;

/// Any scalar: a store may have a name that YAML reads as something else, such as `on`.
const STORE_NAME: Schema = Schema::Keywords(r#""type":["string","number","boolean","null"]"#);

impl Property for Expose {
    const SCHEMA: Schema = Schema::AnyOf(&[Schema::List(&STORE_NAME), Schema::Map(&STORE_NAME)]);

    fn read(_: &Json) -> Result<Self, String> {
        // The loader reads it, since it reports the place of each name.
        Ok(Self)
    }
}

/// Where uploads in parts wait, as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StagingOptions {
    /// In a directory.
    Directory(PathBuf),
    /// In a store.
    Store(StagingStore),
}

options! {
    /// A store in which uploads wait.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StagingStore {
        /// Its name.
        pub store: String,
    }
}

impl Property for StagingOptions {
    const SCHEMA: Schema = Schema::AnyOf(&[PathBuf::SCHEMA, StagingStore::SCHEMA]);

    fn read(value: &Json) -> Result<Self, String> {
        match value {
            Json::Object(_) => StagingStore::read(value).map(Self::Store),
            path => PathBuf::read(path).map(Self::Directory),
        }
    }
}

/// The `serve:` section.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// The address.
    pub listen: Option<SocketAddr>,
    /// Bucket names and their stores, as indices into [`Config::stores`].
    pub expose: Vec<(String, usize)>,
    /// The signing users and their rights.
    pub users: Vec<User>,
    /// Where uploads in parts wait.
    pub staging: Option<Staging>,
    /// The options as they are given, without secrets. The paths of `tls` and `log` are
    /// absolute.
    pub options: ServeOptions,
}

impl Default for ServeConfig {
    fn default() -> Self {
        let options = ServeOptions::read(&json!({}));
        Self {
            listen: None,
            expose: Vec::new(),
            users: Vec::new(),
            staging: None,
            options: options.expect("every option has a default that fits"),
        }
    }
}

impl ServeConfig {
    /// Whether clients create buckets.
    pub fn is_dynamic(&self) -> bool {
        self.options.buckets == Buckets::Dynamic
    }

    /// What unsigned requests may do; `None` means nothing.
    pub fn anonymous(&self) -> Option<Scope> {
        self.options.anonymous.scope()
    }
}
