//! A chain embedded with plain wasmtime, as a synchronous store.

use crate::chains::LONGEST;
use crate::exported::{Exported, Instance, convert};
use crate::recorded::Chain;
use anyhow::{Result, ensure};
use embed_rust::bindings::exports::storage::object_store::decorators as wit;
use embed_rust::bindings::{DecoratorPack, DecoratorPackPre};
use embed_rust::memory::Memory;
use embed_rust::surroundings::Surroundings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use storage_conformance::subject::{Dialect, Subject};
use storage_contract::SharedStore;
use storage_contract::chain::{Base, Node};
use storage_contract::types as core;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine};

/// A compiled component.
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

    /// Builds a chain in a new instance.
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
        let exports = pack.storage_object_store_object_store().clone();
        let instance = Rc::new(RefCell::new(Instance { store, exports }));
        Ok(Ok(Rc::new(Exported { instance, root })))
    }

    /// Builds a fresh subject from its description.
    pub fn subject(&self, chain: &Chain) -> Result<Subject> {
        let given: HashMap<_, _> =
            chain.bases.iter().map(|name| (name.clone(), Memory::default())).collect();
        let nodes: Vec<Node> = chain.nodes.iter().map(Node::from).collect();
        let store = self.build(&nodes, &given)??;
        // Access a base through a chain that changes nothing.
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
        Ok(Subject {
            store,
            beside,
            bases,
            dialect: Dialect::PLAIN.up_to(LONGEST),
            located: None,
            keep: None,
        })
    }
}

/// The store, or why it could not be built.
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
