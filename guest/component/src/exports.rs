//! What the component exports: the built chain as `object-store`, and the pack
//! itself as `decorators`.

use crate::bindings::exports::storage::object_store::{decorators, object_store};
use crate::bindings::storage::object_store::types as wit;
use crate::convert;
use crate::{base, surroundings};
use std::cell::RefCell;
use std::collections::HashMap;
use storage_core::chain::{self, Base, Node};
use storage_core::decorators::KINDS;
use storage_core::kind::BaseShape;
use storage_core::{Error, Reader, SharedStore, Writer};

thread_local! {
    static BUILT: RefCell<HashMap<String, SharedStore>> = RefCell::default();
}

/// The component.
pub struct Pack;

impl decorators::Guest for Pack {
    fn kinds() -> Vec<decorators::Kind> {
        let kind = |k: &&storage_core::kind::Kind| decorators::Kind {
            name: k.name.to_owned(),
            aliases: k.aliases.iter().map(|a| (*a).to_owned()).collect(),
            base: match k.base {
                BaseShape::One => decorators::BaseShape::One,
                BaseShape::Many => decorators::BaseShape::Many,
                BaseShape::MainAndCache => decorators::BaseShape::MainAndCache,
            },
            config_schema: k.config_schema.to_owned(),
            doc: k.doc.to_owned(),
        };
        KINDS.iter().map(kind).collect()
    }

    fn build(nodes: Vec<decorators::Node>) -> Result<object_store::Store, wit::Error> {
        let nodes: Vec<Node> = nodes.into_iter().map(node).collect();
        let env = surroundings::env();
        let built = chain::build(&nodes, &env, base::open).map_err(convert::error_out)?;
        let root = built.last().cloned();
        BUILT.with_borrow_mut(|all| {
            all.extend(nodes.into_iter().map(|n| n.name).zip(built));
        });
        root.map(|store| object_store::Store::new(Stored(store)))
            .ok_or_else(|| wit::Error::InvalidConfig("there is nothing to build".to_owned()))
    }
}

fn node(node: decorators::Node) -> Node {
    let base = |b: decorators::Base| match b {
        decorators::Base::Node(index) => Base::Node(index),
        decorators::Base::Name(name) => Base::Name(name),
    };
    Node {
        name: node.name,
        kind: node.type_,
        config: node.config,
        bases: node.bases.into_iter().map(base).collect(),
    }
}

impl object_store::Guest for Pack {
    type Store = Stored;
    type Reader = Reading;
    type Writer = Writing;

    fn open(name: String) -> Result<object_store::Store, wit::Error> {
        BUILT
            .with_borrow(|all| all.get(&name).cloned())
            .map(|store| object_store::Store::new(Stored(store)))
            .ok_or(wit::Error::NotFound)
    }
}

/// An exported store.
pub struct Stored(SharedStore);

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

/// An exported writer; empty once finished.
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
