//! Builds chains of stores from descriptions.

use crate::env::Env;
use crate::kind::{Args, BaseShape, Kind};
use crate::store::SharedStore;
use crate::types::{Error, Result};

/// One base of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// An earlier node of the same chain, by index.
    Node(u32),
    /// The name of a store outside the chain.
    Name(String),
}

/// One store of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name in the configuration.
    pub name: String,
    /// The name of its kind.
    pub kind: String,
    /// Its config as JSON text; empty for none.
    pub config: String,
    /// Its bases, in order.
    pub bases: Vec<Base>,
}

/// The kind with this name or alias.
pub fn find<'a>(kinds: &[&'a Kind], name: &str) -> Option<&'a Kind> {
    kinds.iter().copied().find(|k| k.name == name || k.aliases.contains(&name))
}

/// Builds the nodes in order, from these kinds, and returns their stores; the last
/// one is the root. `open` opens the stores outside the chain.
pub fn build(
    kinds: &[&Kind],
    nodes: &[Node],
    env: &Env,
    mut open: impl FnMut(&str) -> Result<SharedStore>,
) -> Result<Vec<SharedStore>> {
    if nodes.is_empty() {
        return Err(Error::InvalidConfig("a chain needs at least one store".to_owned()));
    }
    let mut built: Vec<SharedStore> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let bases = node
            .bases
            .iter()
            .map(|base| match base {
                Base::Name(name) => open(name),
                Base::Node(index) => built.get(*index as usize).cloned().ok_or_else(|| {
                    invalid(node, &format!("base {index} is not an earlier store of the chain"))
                }),
            })
            .collect::<Result<Vec<_>>>()?;
        let name = |base: &Base| match base {
            Base::Name(name) => name.clone(),
            Base::Node(index) => {
                nodes.get(*index as usize).map(|node| node.name.clone()).unwrap_or_default()
            }
        };
        let names = node.bases.iter().map(name).collect();
        built.push(build_node(kinds, node, bases, names, env)?);
    }
    Ok(built)
}

fn build_node(
    kinds: &[&Kind],
    node: &Node,
    bases: Vec<SharedStore>,
    names: Vec<String>,
    env: &Env,
) -> Result<SharedStore> {
    let kind = find(kinds, &node.kind)
        .ok_or_else(|| invalid(node, &format!("there is no store type {:?}", node.kind)))?;
    let (fits, wanted) = match kind.base {
        BaseShape::One => (bases.len() == 1, "exactly one base"),
        BaseShape::Many => (!bases.is_empty(), "one or more bases"),
        BaseShape::MainAndCache => (bases.len() == 2, "a main_store and a cache_store"),
    };
    if !fits {
        return Err(invalid(node, &format!("{} takes {wanted}, not {}", kind.name, bases.len())));
    }
    let config = match node.config.as_str() {
        "" => serde_json::Value::Object(serde_json::Map::new()),
        text => serde_json::from_str(text)
            .map_err(|e| invalid(node, &format!("its config is not JSON: {e}")))?,
    };
    (kind.build)(Args { name: node.name.clone(), config, bases, names, env: env.clone() })
}

fn invalid(node: &Node, problem: &str) -> Error {
    Error::InvalidConfig(format!("store {:?}: {problem}", node.name))
}
