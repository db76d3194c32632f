//! `IdentityStore`: changes nothing.
//!
//! Useful as a second name for a store, and as the smallest example of a
//! decorator.

use crate::kind::{BaseShape, Kind, NO_CONFIG};
use crate::store::{Reader, SharedStore, Store, Writer};
use crate::types::{
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions, Result,
};
use std::rc::Rc;

/// See the module.
pub static KIND: Kind = Kind {
    name: "IdentityStore",
    aliases: &[],
    base: BaseShape::One,
    config_schema: NO_CONFIG,
    doc: "Passes everything through unchanged",
    build: |args| Ok(Rc::new(Identity { base: args.base() })),
};

struct Identity {
    base: SharedStore,
}

#[deny(clippy::missing_trait_methods)]
impl Store for Identity {
    fn capabilities(&self) -> Capabilities {
        self.base.capabilities()
    }
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.base.get(key, options)
    }
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.base.put(key, data, options)
    }
    fn exists(&self, key: &str) -> Result<bool> {
        self.base.exists(key)
    }
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.base.delete(key, options)
    }
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.base.stat(key)
    }
    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.base.list(options)
    }
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.base.read(key, options)
    }
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.base.write(key, options)
    }
}
