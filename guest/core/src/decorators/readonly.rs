//! `ReadonlyStore`: rejects every change, before the base is called.

use crate::forward::forward;
use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind, NO_CONFIG};
use storage_contract::store::{SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, Location, ObjectInfo, PutOptions, Result,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "ReadonlyStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: NO_CONFIG,
    doc: "Refuses puts and deletes",
    build: |args| Ok(Rc::new(Readonly { base: args.base() })),
};

struct Readonly {
    base: SharedStore,
}

fn refused<T>() -> Result<T> {
    Err(Error::Unsupported("the store is read-only".to_owned()))
}

#[deny(clippy::missing_trait_methods)]
impl Store for Readonly {
    forward!(get, exists, stat, list, read);

    fn capabilities(&self) -> Capabilities {
        let base = self.base.capabilities();
        Capabilities { write: false, replace: false, delete: false, conditional: false, ..base }
    }

    fn put(&self, _: &str, _: &[u8], _: &PutOptions) -> Result<ObjectInfo> {
        refused()
    }

    fn delete(&self, _: &str, _: &DeleteOptions) -> Result<()> {
        refused()
    }

    fn write(&self, _: &str, _: &PutOptions) -> Result<Box<dyn Writer>> {
        refused()
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        match access {
            Access::Read => self.base.locate(key, access),
            Access::Write | Access::Delete => refused(),
        }
    }
}
