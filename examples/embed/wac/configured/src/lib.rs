//! Decorated stores built from a configuration. This component sits between an
//! application that imports `object-store` and the pack of decorators: it has the pack
//! build the configured chains, exports them, and forwards every call.

mod bindings;
mod config;
mod plan;
mod variables;

use bindings::exports::storage::object_store::object_store as wit;
use bindings::storage::object_store::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
};
use bindings::storage::object_store::{decorators, object_store as pack};
use std::cell::OnceCell;

thread_local! {
    /// The name of the main store, once all stores are built.
    static MAIN: OnceCell<Result<String, Error>> = const { OnceCell::new() };
}

/// Builds every store of the configuration and returns the name of the main one.
fn build() -> Result<String, Error> {
    let config = config::read().map_err(Error::InvalidConfig)?;
    let plan = plan::plan(&config, &decorators::kinds()).map_err(Error::InvalidConfig)?;
    decorators::build(&plan.nodes)?;
    Ok(plan.main)
}

struct Component;

bindings::export!(Component with_types_in bindings);

impl wit::Guest for Component {
    type Store = Store;
    type Reader = pack::Reader;
    type Writer = pack::Writer;

    /// Opens a store of the configuration. `main` means the main store, unless another
    /// has that name.
    fn open(name: String) -> Result<wit::Store, Error> {
        let main = MAIN.with(|main| main.get_or_init(build).clone())?;
        let opened = match pack::open(&name) {
            Err(Error::NotFound) if name == "main" => pack::open(&main),
            opened => opened,
        };
        Ok(wit::Store::new(Store(opened?)))
    }
}

struct Store(pack::Store);

impl wit::GuestStore for Store {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn get(&self, key: String, options: ReadOptions) -> Result<(ObjectInfo, Vec<u8>), Error> {
        self.0.get(&key, &options)
    }

    fn put(&self, key: String, data: Vec<u8>, options: PutOptions) -> Result<ObjectInfo, Error> {
        self.0.put(&key, &data, &options)
    }

    fn exists(&self, key: String) -> Result<bool, Error> {
        self.0.exists(&key)
    }

    fn delete(&self, key: String, options: DeleteOptions) -> Result<(), Error> {
        self.0.delete(&key, &options)
    }

    fn stat(&self, key: String) -> Result<ObjectInfo, Error> {
        self.0.stat(&key)
    }

    fn list(&self, options: ListOptions) -> Result<Page, Error> {
        self.0.list(&options)
    }

    fn read(&self, key: String, options: ReadOptions) -> Result<wit::Reader, Error> {
        Ok(wit::Reader::new(self.0.read(&key, &options)?))
    }

    fn write(&self, key: String, options: PutOptions) -> Result<wit::Writer, Error> {
        Ok(wit::Writer::new(self.0.write(&key, &options)?))
    }

    fn locate(&self, key: String, access: Access) -> Result<Option<Location>, Error> {
        self.0.locate(&key, access)
    }
}

impl wit::GuestReader for pack::Reader {
    fn info(&self) -> ObjectInfo {
        self.info()
    }

    fn next(&self, max: u32) -> Result<Vec<u8>, Error> {
        self.next(max)
    }
}

impl wit::GuestWriter for pack::Writer {
    fn push(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.push(&chunk)
    }

    fn finish(&self, trailer: Trailer) -> Result<ObjectInfo, Error> {
        self.finish(&trailer)
    }
}
