//! An `object-store` component that keeps objects in memory. It opens only the names in
//! `$STORAGE_MEMORY`, separated by commas (`memory` by default).

mod bindings;
#[path = "../../../rust/src/clock.rs"]
mod clock;
/// The same file as in the Rust example, since the contract is the same.
#[path = "../../../rust/src/memory.rs"]
mod memory;
mod types;

use bindings::exports::storage::object_store::object_store as wit;
use bindings::storage::object_store::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
};
use memory::{Memory, Reader, Writer};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static GIVEN: HashMap<String, Memory> = given();
}

fn given() -> HashMap<String, Memory> {
    let names = std::env::var("STORAGE_MEMORY").unwrap_or_else(|_| "memory".to_owned());
    names.split(',').map(|name| (name.trim().to_owned(), Memory::default())).collect()
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl wit::Guest for Component {
    type Store = Memory;
    type Reader = RefCell<Reader>;
    type Writer = RefCell<Writer>;

    fn open(name: String) -> Result<wit::Store, Error> {
        let store = GIVEN.with(|given| given.get(&name).cloned());
        store.map(wit::Store::new).ok_or(Error::NotFound)
    }
}

impl wit::GuestStore for Memory {
    fn capabilities(&self) -> Capabilities {
        self.capabilities()
    }

    fn get(&self, key: String, options: ReadOptions) -> Result<(ObjectInfo, Vec<u8>), Error> {
        self.get(&key, &options)
    }

    fn put(&self, key: String, data: Vec<u8>, options: PutOptions) -> Result<ObjectInfo, Error> {
        self.put(&key, &data, &options)
    }

    fn exists(&self, key: String) -> Result<bool, Error> {
        self.exists(&key)
    }

    fn delete(&self, key: String, options: DeleteOptions) -> Result<(), Error> {
        self.delete(&key, &options)
    }

    fn stat(&self, key: String) -> Result<ObjectInfo, Error> {
        self.stat(&key)
    }

    fn list(&self, options: ListOptions) -> Result<Page, Error> {
        Ok(self.list(&options))
    }

    fn read(&self, key: String, options: ReadOptions) -> Result<wit::Reader, Error> {
        Ok(wit::Reader::new(RefCell::new(self.read(&key, &options)?)))
    }

    fn write(&self, key: String, options: PutOptions) -> Result<wit::Writer, Error> {
        Ok(wit::Writer::new(RefCell::new(self.write(&key, options)?)))
    }

    /// The objects are in here, where nobody else can reach them.
    fn locate(&self, _: String, _: Access) -> Result<Option<Location>, Error> {
        Ok(None)
    }
}

impl wit::GuestReader for RefCell<Reader> {
    fn info(&self) -> ObjectInfo {
        self.borrow().info()
    }

    fn next(&self, max: u32) -> Result<Vec<u8>, Error> {
        Ok(self.borrow_mut().next(max.max(1) as usize))
    }
}

impl wit::GuestWriter for RefCell<Writer> {
    fn push(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.borrow_mut().push(&chunk)
    }

    fn finish(&self, trailer: Trailer) -> Result<ObjectInfo, Error> {
        self.borrow_mut().finish(trailer)
    }
}
