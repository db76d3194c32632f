//! Validates the store types that a plug-in declares. Configuration, messages and
//! `kinds` show their texts, so nothing passes unchecked.

use super::output::clean;
use crate::bindings::exports::storage::object_store::decorators as wit;
use crate::convert::shape;
use crate::options::is_name;
use crate::type_info::TypeInfo;
use std::collections::HashSet;

/// The most store types per plug-in, and the most aliases per type.
const MOST: usize = 64;

/// The most bytes of one schema.
const MAX_SCHEMA: usize = 64 * 1024;

/// Every type, named `PLUGIN/Kind`, or what is wrong with one of them.
pub fn types(plugin: &str, kinds: Vec<wit::Kind>) -> Result<Vec<TypeInfo>, String> {
    if kinds.is_empty() || kinds.len() > MOST {
        return Err(format!("it offers {} store types; there are 1 to {MOST}", kinds.len()));
    }
    let mut seen = HashSet::new();
    kinds.into_iter().map(|kind| one(plugin, kind, &mut seen)).collect()
}

fn one(plugin: &str, kind: wit::Kind, seen: &mut HashSet<String>) -> Result<TypeInfo, String> {
    if kind.aliases.len() > MOST {
        return Err(format!("a store type of it has more than {MOST} names"));
    }
    for name in std::iter::once(&kind.name).chain(&kind.aliases) {
        if !is_name(name) {
            return Err(format!("{:?} can't name a store type", clean(name, 80)));
        }
        if !seen.insert(name.clone()) {
            return Err(format!("two of its store types are named {name:?}"));
        }
    }
    let problem = |what: &str| format!("the config schema of its {} {what}", kind.name);
    if kind.config_schema.len() > MAX_SCHEMA {
        return Err(problem(&format!("has more than {MAX_SCHEMA} bytes")));
    }
    let schema: serde_json::Value = serde_json::from_str(&kind.config_schema)
        .map_err(|error| problem(&format!("is not JSON: {error}")))?;
    if !schema.is_object() {
        return Err(problem("is not a JSON object"));
    }
    let full = |name: &str| format!("{plugin}/{name}");
    Ok(TypeInfo {
        name: full(&kind.name),
        aliases: kind.aliases.iter().map(|alias| full(alias)).collect(),
        base: Some(shape(kind.base)),
        schema,
        doc: clean(&kind.doc, 1_024),
        plugin: Some(plugin.to_owned()),
    })
}
