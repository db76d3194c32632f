//! The resources that the component exports.

use super::bindings::exports::storage::object_store::object_store;
use super::bindings::storage::object_store::types as wit;
use super::convert;
use std::cell::RefCell;
use storage_contract::{Error, Reader, SharedStore, Writer};

/// An exported store.
pub struct Stored(pub SharedStore);

impl object_store::GuestStore for Stored {
    fn capabilities(&self) -> wit::Capabilities {
        convert::capabilities_out(self.0.capabilities())
    }

    fn get(
        &self,
        key: String,
        options: wit::ReadOptions,
    ) -> Result<(wit::ObjectInfo, Vec<u8>), wit::Error> {
        let (info, data) =
            self.0.get(&key, &convert::read_options_in(options)).map_err(convert::error_out)?;
        Ok((convert::info_out(info), data))
    }

    fn put(
        &self,
        key: String,
        data: Vec<u8>,
        options: wit::PutOptions,
    ) -> Result<wit::ObjectInfo, wit::Error> {
        let options = convert::put_options_in(options);
        self.0.put(&key, &data, &options).map(convert::info_out).map_err(convert::error_out)
    }

    fn exists(&self, key: String) -> Result<bool, wit::Error> {
        self.0.exists(&key).map_err(convert::error_out)
    }

    fn delete(&self, key: String, options: wit::DeleteOptions) -> Result<(), wit::Error> {
        self.0.delete(&key, &convert::delete_options_in(options)).map_err(convert::error_out)
    }

    fn stat(&self, key: String) -> Result<wit::ObjectInfo, wit::Error> {
        self.0.stat(&key).map(convert::info_out).map_err(convert::error_out)
    }

    fn list(&self, options: wit::ListOptions) -> Result<wit::Page, wit::Error> {
        let options = convert::list_options_in(options);
        self.0.list(&options).map(convert::page_out).map_err(convert::error_out)
    }

    fn read(
        &self,
        key: String,
        options: wit::ReadOptions,
    ) -> Result<object_store::Reader, wit::Error> {
        let reader =
            self.0.read(&key, &convert::read_options_in(options)).map_err(convert::error_out)?;
        Ok(object_store::Reader::new(Reading(RefCell::new(reader))))
    }

    fn write(
        &self,
        key: String,
        options: wit::PutOptions,
    ) -> Result<object_store::Writer, wit::Error> {
        let writer =
            self.0.write(&key, &convert::put_options_in(options)).map_err(convert::error_out)?;
        Ok(object_store::Writer::new(Writing(RefCell::new(Some(writer)))))
    }

    fn locate(
        &self,
        key: String,
        access: wit::Access,
    ) -> Result<Option<wit::Location>, wit::Error> {
        let located = self.0.locate(&key, convert::access_in(access));
        Ok(located.map_err(convert::error_out)?.map(convert::location_out))
    }
}

/// An exported reader.
pub struct Reading(RefCell<Box<dyn Reader>>);

impl object_store::GuestReader for Reading {
    fn info(&self) -> wit::ObjectInfo {
        convert::info_out(self.0.borrow().info().clone())
    }

    fn next(&self, max: u32) -> Result<Vec<u8>, wit::Error> {
        let max = usize::try_from(max.max(1)).unwrap_or(usize::MAX);
        self.0.borrow_mut().next(max).map_err(convert::error_out)
    }
}

/// An exported writer; `None` once finished.
pub struct Writing(RefCell<Option<Box<dyn Writer>>>);

impl object_store::GuestWriter for Writing {
    fn push(&self, chunk: Vec<u8>) -> Result<(), wit::Error> {
        match self.0.borrow_mut().as_mut() {
            Some(writer) => writer.push(&chunk).map_err(convert::error_out),
            None => Err(convert::error_out(finished())),
        }
    }

    fn finish(&self, trailer: wit::Trailer) -> Result<wit::ObjectInfo, wit::Error> {
        let writer = self.0.borrow_mut().take().ok_or_else(finished).map_err(convert::error_out)?;
        writer
            .finish(convert::trailer_in(trailer))
            .map(convert::info_out)
            .map_err(convert::error_out)
    }
}

fn finished() -> Error {
    Error::Other("this writer was finished already".to_owned())
}
