//! `WriteonlyStore`: accepts objects and returns none. Deleting is allowed.
//!
//! Preconditions are rejected, because whether `if-match` holds reveals something
//! about an object.

use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind, NO_CONFIG};
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "WriteonlyStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: NO_CONFIG,
    doc: "Takes puts and deletes, and refuses to show anything",
    build: |args| Ok(Rc::new(Writeonly { base: args.base() })),
};

struct Writeonly {
    base: SharedStore,
}

fn refused<T>() -> Result<T> {
    Err(Error::Unsupported("the store is write-only".to_owned()))
}

fn check(conditional: bool) -> Result<()> {
    if conditional {
        return Err(Error::Unsupported("the store is write-only: no conditions".to_owned()));
    }
    Ok(())
}

#[deny(clippy::missing_trait_methods)]
impl Store for Writeonly {
    fn capabilities(&self) -> Capabilities {
        let base = self.base.capabilities();
        Capabilities {
            write: base.write,
            replace: base.replace,
            delete: base.delete,
            ..Capabilities::default()
        }
    }

    fn get(&self, _: &str, _: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        refused()
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        check(options.if_absent || options.if_match.is_some())?;
        self.base.put(key, data, options)
    }

    fn exists(&self, _: &str) -> Result<bool> {
        refused()
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        check(options.if_match.is_some())?;
        self.base.delete(key, options)
    }

    fn stat(&self, _: &str) -> Result<ObjectInfo> {
        refused()
    }

    fn list(&self, _: &ListOptions) -> Result<Page> {
        refused()
    }

    fn read(&self, _: &str, _: &ReadOptions) -> Result<Box<dyn Reader>> {
        refused()
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        check(options.if_absent || options.if_match.is_some())?;
        self.base.write(key, options)
    }

    /// Changes with preconditions come here, since the store does not offer them.
    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        match access {
            Access::Read => refused(),
            Access::Write | Access::Delete => self.base.locate(key, access),
        }
    }
}
