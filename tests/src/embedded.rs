//! A chain that is embedded with wasmtime alone, shown as the sync trait.

use anyhow::{Context, Result, ensure};
use embed_rust::bindings::exports::storage::object_store::decorators as wit;
use embed_rust::bindings::exports::storage::object_store::object_store::{
    GuestReader, GuestStore, GuestWriter,
};
use embed_rust::bindings::storage::object_store::types::Error as Refusal;
use embed_rust::bindings::{DecoratorPack, DecoratorPackPre};
use embed_rust::memory::Memory;
use embed_rust::surroundings::Surroundings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use storage_conformance::subject::{Dialect, Subject};
use storage_core::chain::{Base, Node};
use storage_core::types as core;
use storage_core::types::{
    Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, PutOptions, ReadOptions, Trailer,
};
use storage_core::{Reader, SharedStore, Store, Writer};
use wasmtime::component::{Component, HasSelf, Linker, ResourceAny};
use wasmtime::{Config, Engine};

use crate::recorded::Chain;

mod convert {
    storage_core::conversions!(embed_rust::bindings::storage::object_store::types);
}

/// The component, ready to be instantiated.
pub struct Embedding {
    pre: DecoratorPackPre<Surroundings>,
}

impl Embedding {
    /// Compiles a component.
    pub fn new(component: &Path) -> Result<Embedding> {
        let engine = Engine::new(Config::new().concurrency_support(false))?;
        let component = Component::from_file(&engine, component)?;
        let mut linker = Linker::new(&engine);
        DecoratorPack::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
        Ok(Embedding { pre: DecoratorPackPre::new(linker.instantiate_pre(&component)?)? })
    }

    /// Builds a chain in an instance of its own.
    pub fn build(&self, nodes: &[Node], given: &HashMap<String, Memory>) -> Result<Built> {
        let given = given.iter().map(|(name, store)| (name.clone(), store.clone()));
        let mut store = wasmtime::Store::new(self.pre.engine(), Surroundings::new(given));
        let pack = self.pre.instantiate(&mut store)?;
        let nodes: Vec<_> = nodes.iter().map(node).collect();
        let root = pack.storage_object_store_decorators().call_build(&mut store, &nodes)?;
        let root = match root {
            Ok(root) => root,
            Err(error) => return Ok(Err(convert::error_in(error))),
        };
        let instance = Rc::new(RefCell::new(Instance { store, pack }));
        Ok(Ok(Rc::new(Embedded { instance, root })))
    }

    /// A fresh subject, as the data describe it.
    pub fn subject(&self, chain: &Chain) -> Result<Subject> {
        let given: HashMap<_, _> =
            chain.bases.iter().map(|name| (name.clone(), Memory::default())).collect();
        let nodes: Vec<Node> = chain.nodes.iter().map(Node::from).collect();
        let store = self.build(&nodes, &given)??;
        // A base is looked at through a chain that changes nothing.
        let base = |name: &String| -> Result<SharedStore> {
            ensure!(given.contains_key(name), "there is no base {name:?}");
            let node = Node {
                name: "base".to_owned(),
                kind: "IdentityStore".to_owned(),
                config: String::new(),
                bases: vec![Base::Name(name.clone())],
            };
            Ok(self.build(&[node], &given)??)
        };
        let beside = match &chain.beside {
            Some(name) => base(name)?,
            None => store.clone(),
        };
        let bases = chain.lasting.iter().map(base).collect::<Result<_>>()?;
        Ok(Subject { store, beside, bases, dialect: Dialect::PLAIN, keep: None })
    }
}

/// The store, or why it was not built.
pub type Built = core::Result<SharedStore>;

fn node(node: &Node) -> wit::Node {
    let base = |base: &Base| match base {
        Base::Node(index) => wit::Base::Node(*index),
        Base::Name(name) => wit::Base::Name(name.clone()),
    };
    wit::Node {
        name: node.name.clone(),
        type_: node.kind.clone(),
        config: node.config.clone(),
        bases: node.bases.iter().map(base).collect(),
    }
}

struct Instance {
    store: wasmtime::Store<Surroundings>,
    pack: DecoratorPack,
}

impl Instance {
    /// One call; a trap becomes an error that no case expects.
    fn call<T>(
        &mut self,
        call: impl FnOnce(
            &mut wasmtime::Store<Surroundings>,
            &DecoratorPack,
        ) -> wasmtime::Result<Result<T, Refusal>>,
    ) -> core::Result<T> {
        let answer = call(&mut self.store, &self.pack);
        let answer = answer.map_err(|trap| Error::Other(format!("a trap: {trap:?}")))?;
        answer.map_err(convert::error_in)
    }
}

fn stores(pack: &DecoratorPack) -> GuestStore<'_> {
    pack.storage_object_store_object_store().store()
}

fn readers(pack: &DecoratorPack) -> GuestReader<'_> {
    pack.storage_object_store_object_store().reader()
}

fn writers(pack: &DecoratorPack) -> GuestWriter<'_> {
    pack.storage_object_store_object_store().writer()
}

type Shared = Rc<RefCell<Instance>>;

struct Embedded {
    instance: Shared,
    root: ResourceAny,
}

#[deny(clippy::missing_trait_methods)]
impl Store for Embedded {
    fn capabilities(&self) -> Capabilities {
        let root = self.root;
        let call = |i: &mut Instance| i.call(|s, p| stores(p).call_capabilities(s, root).map(Ok));
        call(&mut self.instance.borrow_mut()).map(convert::capabilities_in).unwrap_or_default()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> core::Result<(ObjectInfo, Vec<u8>)> {
        let (options, root) = (convert::read_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        let (info, data) = instance.call(|s, p| stores(p).call_get(s, root, key, &options))?;
        Ok((convert::info_in(info), data))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> core::Result<ObjectInfo> {
        let (options, root) = (convert::put_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, p| stores(p).call_put(s, root, key, data, &options)).map(convert::info_in)
    }

    fn exists(&self, key: &str) -> core::Result<bool> {
        self.instance.borrow_mut().call(|s, p| stores(p).call_exists(s, self.root, key))
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> core::Result<()> {
        let options = convert::delete_options_out(options);
        self.instance.borrow_mut().call(|s, p| stores(p).call_delete(s, self.root, key, &options))
    }

    fn stat(&self, key: &str) -> core::Result<ObjectInfo> {
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, p| stores(p).call_stat(s, self.root, key)).map(convert::info_in)
    }

    fn list(&self, options: &ListOptions) -> core::Result<core::Page> {
        let options = convert::list_options_out(options);
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, p| stores(p).call_list(s, self.root, &options)).map(convert::page_in)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> core::Result<Box<dyn Reader>> {
        let (options, root) = (convert::read_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        let handle = instance.call(|s, p| stores(p).call_read(s, root, key, &options))?;
        let info = instance.call(|s, p| readers(p).call_info(s, handle).map(Ok))?;
        let info = convert::info_in(info);
        Ok(Box::new(Reading { stream: Stream { instance: self.instance.clone(), handle }, info }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> core::Result<Box<dyn Writer>> {
        let (options, root) = (convert::put_options_out(options), self.root);
        let mut instance = self.instance.borrow_mut();
        let handle = instance.call(|s, p| stores(p).call_write(s, root, key, &options))?;
        Ok(Box::new(Stream { instance: self.instance.clone(), handle }))
    }
}

/// A reader or writer in the instance.
struct Stream {
    instance: Shared,
    handle: ResourceAny,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let handle = self.handle;
        let dropped = handle.resource_drop(&mut self.instance.borrow_mut().store);
        if let Err(trap) = dropped {
            eprintln!("a stream that was dropped trapped: {trap:?}");
        }
    }
}

struct Reading {
    stream: Stream,
    info: ObjectInfo,
}

impl Reader for Reading {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> core::Result<Vec<u8>> {
        let (handle, max) = (self.stream.handle, u32::try_from(max).unwrap_or(u32::MAX));
        self.stream.instance.borrow_mut().call(|s, p| readers(p).call_next(s, handle, max))
    }
}

impl Writer for Stream {
    fn push(&mut self, chunk: &[u8]) -> core::Result<()> {
        let handle = self.handle;
        self.instance.borrow_mut().call(|s, p| writers(p).call_push(s, handle, chunk))
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> core::Result<ObjectInfo> {
        let (handle, trailer) = (self.handle, convert::trailer_out(trailer));
        let mut instance = self.instance.borrow_mut();
        instance.call(|s, p| writers(p).call_finish(s, handle, &trailer)).map(convert::info_in)
    }
}

/// Every case over every chain; gives how many there were.
pub fn all_cases(embedding: &Embedding, cases: &crate::recorded::Cases) -> Result<usize> {
    let data = crate::recorded::data::all(&cases.data)?;
    let mut passed = 0;
    for chain in &cases.chains {
        for case in &chain.cases {
            let case = cases.cases.get(*case).context("a case is missing")?;
            let subject = embedding.subject(chain)?;
            crate::recorded::replay::replay(case, &data, &subject).context(chain.name.clone())?;
            passed += 1;
        }
    }
    Ok(passed)
}
