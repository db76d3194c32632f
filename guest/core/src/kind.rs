//! A store type: its name, its bases, its config, and how to make one.

use crate::env::Env;
use crate::store::SharedStore;
use crate::types::{Error, Result};
use serde::de::DeserializeOwned;

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

/// A store type.
pub struct Kind {
    /// The name, as configuration gives it in `type`.
    pub name: &'static str,
    /// Other names for the same type.
    pub aliases: &'static [&'static str],
    /// What it takes as `base`.
    pub base: BaseShape,
    /// JSON Schema of its config, as JSON text. Describes every property with
    /// `type`, `description` and, where there is one, `default`; closes with
    /// `"additionalProperties": false`.
    pub config_schema: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Makes a store of this type.
    pub build: fn(Args) -> Result<SharedStore>,
}

/// The schema of a store type without config.
pub const NO_CONFIG: &str = r#"{"type":"object","properties":{},"additionalProperties":false}"#;

/// What a store is made of.
pub struct Args {
    /// Its name in the configuration.
    pub name: String,
    /// Its config, a JSON object.
    pub config: serde_json::Value,
    /// Its bases; as many as the kind's shape asks for.
    pub bases: Vec<SharedStore>,
    /// What the bases are called, in the same order.
    pub names: Vec<String>,
    /// What it may reach besides them.
    pub env: Env,
}

impl Args {
    /// The config as a struct (with `#[serde(deny_unknown_fields)]`).
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.config)
            .map_err(|e| Error::InvalidConfig(format!("store {:?}: {e}", self.name)))
    }

    /// The only base.
    pub fn base(&self) -> SharedStore {
        self.bases[0].clone()
    }
}
