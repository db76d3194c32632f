//! Conversions between the generated types of the contract and those of `storage-contract`.

use super::bindings::exports::storage::object_store::decorators;
use storage_contract::chain::{Base, Node};
use storage_contract::kind::BaseShape;

storage_contract::conversions!(super::bindings::storage::object_store::types);

/// The shape of a kind's base.
pub fn shape(base: decorators::BaseShape) -> BaseShape {
    match base {
        decorators::BaseShape::One => BaseShape::One,
        decorators::BaseShape::Many => BaseShape::Many,
        decorators::BaseShape::MainAndCache => BaseShape::MainAndCache,
    }
}

/// A store of a chain.
pub fn node_out(node: Node) -> decorators::Node {
    let base = |base| match base {
        Base::Node(index) => decorators::Base::Node(index),
        Base::Name(name) => decorators::Base::Name(name),
    };
    decorators::Node {
        name: node.name,
        type_: node.kind,
        config: node.config,
        bases: node.bases.into_iter().map(base).collect(),
    }
}
