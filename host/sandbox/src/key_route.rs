//! Finds the base store and key behind a chain that only maps keys.

use std::collections::HashMap;
use std::rc::Rc;
use storage_core::chain::{Node, build};
use storage_core::env::Env;
use storage_core::memory::Memory;
use storage_core::types::{ListOptions, PutOptions};
use storage_core::{SharedStore as Local, Store};
use storage_store::{Error, Result, SharedStore};

/// Decorators that do nothing but map keys, and report no events.
const RENAMING: &[&str] =
    &["HashPrefixStore", "IdentityStore", "PrefixStore", "RegexRoutingStore", "UrlEncodingStore"];

/// A chain of such decorators over one base.
pub(super) struct KeyRoute {
    nodes: Vec<Node>,
    base: SharedStore,
}

impl KeyRoute {
    /// Returns `None` if the chain does more than map keys.
    pub(super) fn new(nodes: &[Node], bases: &HashMap<String, SharedStore>) -> Option<Self> {
        let renames = nodes.iter().all(|node| RENAMING.contains(&node.kind.as_str()));
        let mut bases = bases.values();
        match (renames, bases.next(), bases.next()) {
            (true, Some(base), None) => Some(Self { nodes: nodes.to_vec(), base: base.clone() }),
            _ => None,
        }
    }

    /// Returns the base and the key in it. Writes an empty object through the same
    /// decorators, over a store in memory, and reads back its key.
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
