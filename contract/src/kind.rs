//! A store type: its name, base shape, config schema and constructor.

use crate::env::Env;
use crate::options::Property;
use crate::store::SharedStore;
use crate::types::{Error, Result};

/// The shape of `base` that a store type takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseShape {
    /// Exactly one base.
    One,
    /// A list of one or more bases.
    Many,
    /// `main_store`, then `cache_store`.
    MainAndCache,
}

/// What a store type does to keys on their way to its bases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Passes them on unchanged.
    Same,
    /// Prepends the text of its config `prefix`.
    Prefix,
    /// Maps each key to one other key.
    Mapped,
    /// May do anything.
    Opaque,
}

/// A store type.
pub struct Kind {
    /// The name used for `type` in the configuration.
    pub name: &'static str,
    /// Other names for the same type.
    pub aliases: &'static [&'static str],
    /// The shape of its `base`.
    pub base: BaseShape,
    /// What it does to keys.
    pub keys: Keys,
    /// JSON Schema of its config, as JSON text: [`Options::JSON_SCHEMA`](crate::options::Options)
    /// of the struct that [`Args::config`] reads.
    pub config_schema: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Builds a store of this type.
    pub build: fn(Args) -> Result<SharedStore>,
}

/// The schema of a store type without config.
pub const NO_CONFIG: &str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;

/// The arguments of [`Kind::build`].
pub struct Args {
    /// Its name in the configuration.
    pub name: String,
    /// Its config, a JSON object.
    pub config: serde_json::Value,
    /// Its bases, in the number that [`Kind::base`] requires.
    pub bases: Vec<SharedStore>,
    /// The names of the bases, in the same order.
    pub names: Vec<String>,
    /// Its environment besides the bases.
    pub env: Env,
}

impl Args {
    /// Reads the config into a struct of [`options!`](crate::options!).
    pub fn config<T: Property>(&self) -> Result<T> {
        T::read(&self.config)
            .map_err(|problem| Error::InvalidConfig(format!("store {:?}: {problem}", self.name)))
    }

    /// The only base.
    pub fn base(&self) -> SharedStore {
        self.bases[0].clone()
    }
}
