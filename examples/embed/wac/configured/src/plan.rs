//! Turns a configuration into the nodes for `decorators.build`.

use crate::bindings::storage::object_store::decorators::{Base, BaseShape, Kind, Node};
use crate::config::{Config, Store};
use serde_json::Value;
use std::collections::HashMap;

/// The nodes to build, and the main store.
pub struct Plan {
    /// The nodes in dependency order.
    pub nodes: Vec<Node>,
    /// The name of the main store.
    pub main: String,
}

/// Sorts the stores by dependency. A base that is not in the configuration is left to
/// the component below. Errors are messages for the user.
pub fn plan(config: &Config, kinds: &[Kind]) -> Result<Plan, String> {
    let mut planner =
        Planner { config, kinds, done: HashMap::new(), path: Vec::new(), nodes: Vec::new() };
    for name in config.stores.keys() {
        planner.place(name)?;
    }
    let main = match (&config.main, config.stores.keys().next()) {
        (Some(main), _) if config.stores.contains_key(main) => main.clone(),
        (Some(main), _) => return Err(format!("main: there is no store {main:?}")),
        (None, Some(only)) if config.stores.len() == 1 => only.clone(),
        (None, Some(_)) => {
            return Err("\"main\" is missing: the name of the default store".to_owned());
        }
        (None, None) => return Err("there are no stores".to_owned()),
    };
    Ok(Plan { nodes: planner.nodes, main })
}

struct Planner<'a> {
    config: &'a Config,
    kinds: &'a [Kind],
    done: HashMap<&'a str, u32>,
    path: Vec<&'a str>,
    nodes: Vec<Node>,
}

impl<'a> Planner<'a> {
    fn place(&mut self, name: &'a str) -> Result<Base, String> {
        if let Some(index) = self.done.get(name) {
            return Ok(Base::Node(*index));
        }
        let Some(described) = self.config.stores.get(name) else {
            return Ok(Base::Name(name.to_owned()));
        };
        if self.path.contains(&name) {
            return Err(format!(
                "these stores stand on each other: {} → {name}",
                self.path.join(" → ")
            ));
        }
        let store = Store::new(described).map_err(|error| format!("store {name:?}: {error}"))?;
        let Store { kind, base, config } = store;
        let known = self
            .kinds
            .iter()
            .find(|k| k.name == kind || k.aliases.iter().any(|alias| alias == kind));
        let known = known.ok_or_else(|| {
            let names: Vec<_> = self.kinds.iter().map(|kind| kind.name.as_str()).collect();
            format!(
                "store {name:?}: there is no store type {kind:?} here, only {}; what keeps the \
                 objects is composed, and named as a base",
                names.join(", ")
            )
        })?;
        let mut bases = bases(known, base)
            .map_err(|wanted| format!("store {name:?}: the base of {} is {wanted}", known.name))?;
        bases.extend(further(known, described.get("config"))?);
        self.path.push(name);
        let bases = bases.into_iter().map(|base| self.place(base)).collect::<Result<_, _>>()?;
        self.path.pop();
        let index = u32::try_from(self.nodes.len()).map_err(|_| "too many stores".to_owned())?;
        self.done.insert(name, index);
        self.nodes.push(Node { name: name.to_owned(), type_: known.name.clone(), config, bases });
        Ok(Base::Node(index))
    }
}

/// The names in a `base`, or a description of what is expected.
fn bases<'a>(kind: &Kind, base: Option<&'a Value>) -> Result<Vec<&'a str>, &'static str> {
    let (names, wanted) = match kind.base {
        BaseShape::One => (base.map(|base| vec![base.as_str()]), "the name of a store"),
        BaseShape::Many => (
            base.and_then(Value::as_array).map(|all| all.iter().map(Value::as_str).collect()),
            "a list of names of stores",
        ),
        BaseShape::MainAndCache => (
            base.and_then(Value::as_object).filter(|roles| roles.len() == 2).map(|roles| {
                let role = |role: &str| roles.get(role).and_then(Value::as_str);
                vec![role("main_store"), role("cache_store")]
            }),
            "a mapping with \"main_store\" and \"cache_store\"",
        ),
    };
    names.and_then(|names| names.into_iter().collect()).ok_or(wanted)
}

/// Stores named in a config, such as a mirror's journal; they come after those in
/// `base`.
fn further<'a>(kind: &Kind, config: Option<&'a Value>) -> Result<Vec<&'a str>, String> {
    let schema: Value = serde_json::from_str(&kind.config_schema)
        .map_err(|error| format!("the schema of {}: {error}", kind.name))?;
    let properties = schema.get("properties").and_then(Value::as_object);
    let is_store = |schema: &Value| schema.get("format").and_then(Value::as_str) == Some("store");
    let named = properties.into_iter().flatten().filter(|(_, schema)| is_store(schema));
    Ok(named.filter_map(|(name, _)| config?.get(name)?.as_str()).collect())
}
