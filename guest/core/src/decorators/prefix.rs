//! `PrefixStore`: adds a prefix to every key.

use crate::keymap::{KeyMapping, Mapping};
use std::borrow::Cow;
use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::types::{Error, Result, check_key};

/// The store type.
pub static KIND: Kind = Kind {
    name: "PrefixStore",
    aliases: &["AsyncPrefixStore"],
    base: BaseShape::One,
    keys: Keys::Prefix,
    config_schema: Prefix::JSON_SCHEMA,
    doc: "Puts a prefix before every key",
    build: |args| {
        let prefix: Prefix = args.config()?;
        check_key(&prefix.prefix)
            .map_err(|e| Error::InvalidConfig(format!("store {:?}: prefix: {e}", args.name)))?;
        Ok(Rc::new(KeyMapping::new(args.base(), prefix)))
    },
};

options! {
    struct Prefix {
        /// What every key of the base begins with, such as "photos/"
        #[schema(minLength: 1)]
        prefix: String,
    }
}

impl Mapping for Prefix {
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        Ok(format!("{}{key}", self.prefix).into())
    }

    fn unmap(&self, base_key: &str) -> Result<Option<String>> {
        Ok(base_key.strip_prefix(&self.prefix).map(str::to_owned))
    }

    fn base_prefix(&self, prefix: &str) -> Result<String> {
        Ok(format!("{}{prefix}", self.prefix))
    }

    fn ordered(&self) -> bool {
        true
    }

    fn territory(&self) -> Option<&str> {
        Some(&self.prefix)
    }
}
