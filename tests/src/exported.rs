//! The `object-store` interface that an instance exports, as a synchronous store.

use embed_rust::bindings::exports::storage::object_store::object_store::Guest;
use embed_rust::types::Error as Refusal;
use std::cell::RefCell;
use std::rc::Rc;
use storage_contract::types as core;
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, PutOptions,
    ReadOptions, Trailer,
};
use storage_contract::{Reader, SharedStore, Store, Writer};
use wasmtime::component::ResourceAny;

pub(crate) mod convert {
    storage_contract::conversions!(embed_rust::types);
}

/// An instance and its `object-store` exports.
pub struct Instance<T: 'static> {
    /// The wasmtime store that it lives in.
    pub store: wasmtime::Store<T>,
    /// The interface.
    pub exports: Guest,
}

/// The instance shared by all stores and streams from it.
pub type Shared<T> = Rc<RefCell<Instance<T>>>;

impl<T: 'static> Instance<T> {
    /// Opens a store by name.
    pub fn open(instance: &Shared<T>, name: &str) -> core::Result<SharedStore> {
        let root = instance.borrow_mut().call(|s, e| e.call_open(s, name))?;
        Ok(Rc::new(Exported { instance: instance.clone(), root }))
    }

    /// Makes one call; a trap becomes an error that no case expects.
    fn call<R>(
        &mut self,
        call: impl FnOnce(&mut wasmtime::Store<T>, &Guest) -> wasmtime::Result<Result<R, Refusal>>,
    ) -> core::Result<R> {
        let answer = call(&mut self.store, &self.exports);
        let answer = answer.map_err(|trap| Error::Other(format!("a trap: {trap:?}")))?;
        answer.map_err(convert::error_in)
    }
}

/// A store of the instance.
pub struct Exported<T: 'static> {
    /// The instance.
    pub instance: Shared<T>,
    /// The store in it.
    pub root: ResourceAny,
}

#[deny(clippy::missing_trait_methods)]
impl<T: 'static> Store for Exported<T> {
    fn capabilities(&self) -> Capabilities {
        let root = self.root;
        let call =
            |i: &mut Instance<T>| i.call(|s, e| e.store().call_capabilities(s, root).map(Ok));
        call(&mut self.instance.borrow_mut()).map(convert::capabilities_in).unwrap_or_default()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> core::Result<(ObjectInfo, Vec<u8>)> {
        let (options, root) = (convert::read_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        let (info, data) = instance.call(|s, e| e.store().call_get(s, root, key, &options))?;
        Ok((convert::info_in(info), data))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> core::Result<ObjectInfo> {
        let (options, root) = (convert::put_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, e| e.store().call_put(s, root, key, data, &options)).map(convert::info_in)
    }

    fn exists(&self, key: &str) -> core::Result<bool> {
        self.instance.borrow_mut().call(|s, e| e.store().call_exists(s, self.root, key))
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> core::Result<()> {
        let options = convert::delete_options_out(options);
        self.instance.borrow_mut().call(|s, e| e.store().call_delete(s, self.root, key, &options))
    }

    fn stat(&self, key: &str) -> core::Result<ObjectInfo> {
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, e| e.store().call_stat(s, self.root, key)).map(convert::info_in)
    }

    fn list(&self, options: &ListOptions) -> core::Result<core::Page> {
        let options = convert::list_options_out(options);
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, e| e.store().call_list(s, self.root, &options)).map(convert::page_in)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> core::Result<Box<dyn Reader>> {
        let (options, root) = (convert::read_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        let handle = instance.call(|s, e| e.store().call_read(s, root, key, &options))?;
        let info = instance.call(|s, e| e.reader().call_info(s, handle).map(Ok))?;
        let info = convert::info_in(info);
        Ok(Box::new(Reading { stream: Stream { instance: self.instance.clone(), handle }, info }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> core::Result<Box<dyn Writer>> {
        let (options, root) = (convert::put_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        let handle = instance.call(|s, e| e.store().call_write(s, root, key, &options))?;
        Ok(Box::new(Stream { instance: self.instance.clone(), handle }))
    }

    fn locate(&self, key: &str, access: Access) -> core::Result<Option<Location>> {
        let (access, root) = (convert::access_out(access), self.root);
        let mut instance = self.instance.borrow_mut();
        let located = instance.call(|s, e| e.store().call_locate(s, root, key, access))?;
        Ok(located.map(convert::location_in))
    }
}

/// A reader or writer in the instance.
struct Stream<T: 'static> {
    instance: Shared<T>,
    handle: ResourceAny,
}

impl<T: 'static> Drop for Stream<T> {
    fn drop(&mut self) {
        let handle = self.handle;
        let dropped = handle.resource_drop(&mut self.instance.borrow_mut().store);
        if let Err(trap) = dropped {
            eprintln!("a stream that was dropped trapped: {trap:?}");
        }
    }
}

struct Reading<T: 'static> {
    stream: Stream<T>,
    info: ObjectInfo,
}

impl<T: 'static> Reader for Reading<T> {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> core::Result<Vec<u8>> {
        let (handle, max) = (self.stream.handle, u32::try_from(max).unwrap_or(u32::MAX));
        self.stream.instance.borrow_mut().call(|s, e| e.reader().call_next(s, handle, max))
    }
}

impl<T: 'static> Writer for Stream<T> {
    fn push(&mut self, chunk: &[u8]) -> core::Result<()> {
        let handle = self.handle;
        self.instance.borrow_mut().call(|s, e| e.writer().call_push(s, handle, chunk))
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> core::Result<ObjectInfo> {
        let (handle, trailer) = (self.handle, convert::trailer_out(trailer));
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, e| e.writer().call_finish(s, handle, &trailer)).map(convert::info_in)
    }
}
