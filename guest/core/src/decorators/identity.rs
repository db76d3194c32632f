//! `IdentityStore`: changes nothing.
//!
//! Useful as a second name for a store, and as the smallest example of a
//! decorator.

use crate::forward::forward;
use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind, NO_CONFIG};
use storage_contract::store::{SharedStore, Store};

/// The store type.
pub static KIND: Kind = Kind {
    name: "IdentityStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: NO_CONFIG,
    doc: "Passes everything through unchanged",
    build: |args| Ok(Rc::new(Identity { base: args.base() })),
};

struct Identity {
    base: SharedStore,
}

#[deny(clippy::missing_trait_methods)]
impl Store for Identity {
    forward!(capabilities, get, put, exists, delete, stat, list, read, write, locate);
}
