//! The store itself: a place for every operation.

use crate::bindings::exports::storage::object_store::object_store as own;
use crate::bindings::storage::object_store::object_store as outside;
use crate::bindings::storage::object_store::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
};
use crate::rule::Rule;

pub struct Store {
    pub base: outside::Store,
    pub rule: Rule,
}

impl own::GuestStore for Store {
    fn capabilities(&self) -> Capabilities {
        self.base.capabilities()
    }

    fn get(&self, key: String, options: ReadOptions) -> Result<(ObjectInfo, Vec<u8>), Error> {
        self.base.get(&key, &options)
    }

    fn put(&self, key: String, data: Vec<u8>, options: PutOptions) -> Result<ObjectInfo, Error> {
        self.rule.check(&key)?;
        self.base.put(&key, &data, &options)
    }

    fn exists(&self, key: String) -> Result<bool, Error> {
        self.base.exists(&key)
    }

    fn delete(&self, key: String, options: DeleteOptions) -> Result<(), Error> {
        self.base.delete(&key, &options)
    }

    fn stat(&self, key: String) -> Result<ObjectInfo, Error> {
        self.base.stat(&key)
    }

    fn list(&self, options: ListOptions) -> Result<Page, Error> {
        self.base.list(&options)
    }

    fn read(&self, key: String, options: ReadOptions) -> Result<own::Reader, Error> {
        let reader = self.base.read(&key, &options)?;
        Ok(own::Reader::new(Reader(reader)))
    }

    fn write(&self, key: String, options: PutOptions) -> Result<own::Writer, Error> {
        self.rule.check(&key)?;
        let writer = self.base.write(&key, &options)?;
        Ok(own::Writer::new(Writer(writer)))
    }

    fn locate(&self, key: String, access: Access) -> Result<Option<Location>, Error> {
        // The rule is about keys alone, so the host may do the rest without this store.
        if let Access::Write = access {
            self.rule.check(&key)?;
        }
        self.base.locate(&key, access)
    }
}

/// An object being read.
pub struct Reader(outside::Reader);

impl own::GuestReader for Reader {
    fn info(&self) -> ObjectInfo {
        self.0.info()
    }

    fn next(&self, max: u32) -> Result<Vec<u8>, Error> {
        self.0.next(max)
    }
}

/// An object being written; dropped without `finish`, it leaves nothing.
pub struct Writer(outside::Writer);

impl own::GuestWriter for Writer {
    fn push(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.0.push(&chunk)
    }

    fn finish(&self, trailer: Trailer) -> Result<ObjectInfo, Error> {
        self.0.finish(&trailer)
    }
}
