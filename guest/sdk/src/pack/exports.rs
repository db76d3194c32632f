//! The component's exports: the built chain as `object-store`, and the pack itself
//! as `decorators`.

use super::bindings::exports::storage::object_store::{decorators, object_store};
use super::bindings::storage::object_store::types as wit;
use super::store::{Reading, Stored, Writing};
use super::{base, convert, surroundings};
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use storage_contract::SharedStore;
use storage_contract::chain::{self, Base, Node};
use storage_contract::kind::{BaseShape, Kind};

thread_local! {
    static BUILT: RefCell<HashMap<String, SharedStore>> = RefCell::default();
}

/// The store types of a pack.
pub trait Kinds: 'static {
    /// All store types.
    fn kinds() -> &'static [&'static Kind];
}

/// A pack of these kinds as a component.
pub struct Pack<K>(PhantomData<K>);

impl<K: Kinds> decorators::Guest for Pack<K> {
    fn kinds() -> Vec<decorators::Kind> {
        let kind = |k: &&Kind| decorators::Kind {
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
        K::kinds().iter().map(kind).collect()
    }

    fn build(nodes: Vec<decorators::Node>) -> Result<object_store::Store, wit::Error> {
        let nodes: Vec<Node> = nodes.into_iter().map(node).collect();
        let env = surroundings::env();
        let built =
            chain::build(K::kinds(), &nodes, &env, base::open).map_err(convert::error_out)?;
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

impl<K: Kinds> object_store::Guest for Pack<K> {
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
