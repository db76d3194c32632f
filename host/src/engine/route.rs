//! Where the objects of a chain are that only renames them.

use crate::store::{Error, Result, SharedStore};
use std::collections::HashMap;
use std::rc::Rc;
use storage_core::chain::{Node, build};
use storage_core::env::Env;
use storage_core::memory::Memory;
use storage_core::types::{ListOptions, PutOptions};
use storage_core::{SharedStore as Local, Store};

/// Decorators that give every object another key and nothing else, and tell
/// nobody.
const RENAMING: &[&str] =
    &["HashPrefixStore", "IdentityStore", "PrefixStore", "RegexRoutingStore", "UrlEncodingStore"];

/// The way down a chain of such decorators.
pub(super) struct Route {
    nodes: Vec<Node>,
    base: SharedStore,
}

impl Route {
    /// `None`: the chain does more than rename.
    pub(super) fn new(nodes: &[Node], bases: &HashMap<String, SharedStore>) -> Option<Self> {
        let renames = nodes.iter().all(|node| RENAMING.contains(&node.kind.as_str()));
        let mut bases = bases.values();
        match (renames, bases.next(), bases.next()) {
            (true, Some(base), None) => Some(Self { nodes: nodes.to_vec(), base: base.clone() }),
            _ => None,
        }
    }

    /// The base, and what the decorators make of a key: the same code as in the
    /// sandbox tells, by an empty object that is put through it.
    pub(super) fn follow(&self, key: &str) -> Result<(SharedStore, String)> {
        let memory = Memory::default();
        let open = |_: &str| Ok(Rc::new(memory.clone()) as Local);
        let built = build(&self.nodes, &Env::local(), open)?;
        let root = built.last().ok_or_else(|| Error::Other("a chain of nothing".to_owned()))?;
        root.put(key, &[], &PutOptions::default())?;
        let page = memory.list(&ListOptions::default())?;
        let found = page.entries.into_iter().next();
        let key = found.map(|entry| entry.key).ok_or(Error::NotFound)?;
        Ok((self.base.clone(), key))
    }
}
