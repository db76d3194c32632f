//! An imported store as a [`Store`].

use super::bindings::storage::object_store::object_store as wit;
use super::convert;
use std::cell::Cell;
use std::rc::Rc;
use storage_contract::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Store, Trailer, Writer,
};

/// Opens an imported store by name.
pub fn open(name: &str) -> Result<SharedStore> {
    let store = wit::open(name).map_err(convert::error_in)?;
    let capabilities = Cell::new(convert::capabilities_in(store.capabilities()));
    Ok(Rc::new(Base(Rc::new(Opened { capabilities, store }))))
}

struct Base(Rc<Opened>);

struct Opened {
    store: wit::Store,
    capabilities: Cell<Capabilities>,
}

impl Opened {
    /// Converts the result of a change. When a store refuses one, it may withdraw
    /// its support for preconditions.
    fn changed<T>(&self, answer: Result<T, wit::Error>) -> Result<T> {
        answer.map_err(convert::error_in).inspect_err(|error| {
            if matches!(error, Error::Unsupported(_)) {
                self.capabilities.set(convert::capabilities_in(self.store.capabilities()));
            }
        })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Base {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities.get()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let (info, data) = self
            .0
            .store
            .get(key, &convert::read_options_out(options))
            .map_err(convert::error_in)?;
        Ok((convert::info_in(info), data))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let options = convert::put_options_out(options);
        self.0.changed(self.0.store.put(key, data, &options).map(convert::info_in))
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.0.store.exists(key).map_err(convert::error_in)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.0.changed(self.0.store.delete(key, &convert::delete_options_out(options)))
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.0.store.stat(key).map(convert::info_in).map_err(convert::error_in)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        let options = convert::list_options_out(options);
        self.0.store.list(&options).map(convert::page_in).map_err(convert::error_in)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let options = convert::read_options_out(options);
        let reader = self.0.store.read(key, &options).map_err(convert::error_in)?;
        let info = convert::info_in(reader.info());
        Ok(Box::new(BaseReader { reader, info }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let options = convert::put_options_out(options);
        let writer = self.0.changed(self.0.store.write(key, &options))?;
        Ok(Box::new(BaseWriter { writer, base: self.0.clone() }))
    }

    /// Whoever gave the store says whether it has a name that others understand.
    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        let located = self.0.store.locate(key, convert::access_out(access));
        Ok(located.map_err(convert::error_in)?.map(convert::location_in))
    }
}

struct BaseReader {
    reader: wit::Reader,
    info: ObjectInfo,
}

impl Reader for BaseReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        self.reader.next(max).map_err(convert::error_in)
    }
}

struct BaseWriter {
    writer: wit::Writer,
    base: Rc<Opened>,
}

impl Writer for BaseWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.writer.push(chunk).map_err(convert::error_in)
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let trailer = convert::trailer_out(trailer);
        self.base.changed(self.writer.finish(&trailer).map(convert::info_in))
    }
}
