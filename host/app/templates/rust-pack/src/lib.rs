//! {{kind}}: a store that takes no new key with one of its `words` in it, and
//! hands everything else on to the store under it.
//!
//! The comments in `wit/` say what each function must do.

mod bindings;
mod forward;
mod rule;

use bindings::exports::storage::object_store::decorators::{self, Base, BaseShape, Kind, Node};
use bindings::exports::storage::object_store::object_store as own;
use bindings::storage::object_store::object_store as outside;
use bindings::storage::object_store::types::Error;
use rule::Rule;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::HashMap;

const NAME: &str = "{{kind}}";

/// The host checks configurations against it, and shows it to people.
const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "words": {
            "type": "array",
            "items": {"type": "string"},
            "description": "No new key may have one of these in it.",
            "default": []
        }
    },
    "additionalProperties": false
}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    words: Vec<String>,
}

thread_local! {
    /// What was built in this instance, by name.
    static BUILT: RefCell<HashMap<String, Rule>> = RefCell::default();
}

fn open(rule: Rule) -> Result<own::Store, Error> {
    let base = outside::open(&rule.base)?;
    Ok(own::Store::new(forward::Store { base, rule }))
}

struct Pack;

bindings::export!(Pack with_types_in bindings);

impl decorators::Guest for Pack {
    fn kinds() -> Vec<Kind> {
        vec![Kind {
            name: NAME.to_owned(),
            aliases: Vec::new(),
            base: BaseShape::One,
            config_schema: SCHEMA.to_owned(),
            doc: "Refuses new keys that have certain words in them.".to_owned(),
        }]
    }

    fn build(nodes: Vec<Node>) -> Result<own::Store, Error> {
        let mut rules: Vec<Rule> = Vec::new();
        for node in nodes {
            let wrong = |why: String| Error::InvalidConfig(format!("{:?}: {why}", node.name));
            if node.type_ != NAME {
                return Err(wrong(format!("there is no type {:?} here", node.type_)));
            }
            let config: Config =
                serde_json::from_str(&node.config).map_err(|error| wrong(error.to_string()))?;
            let mut rule = match node.bases.as_slice() {
                [Base::Name(name)] => Rule { base: name.clone(), words: Vec::new() },
                // Neighbours share an instance: both rules hold over one base.
                [Base::Node(index)] => rules
                    .get(*index as usize)
                    .cloned()
                    .ok_or_else(|| wrong(format!("there is no store {index} under it")))?,
                _ => return Err(wrong("it takes one base".to_owned())),
            };
            rule.words.extend(config.words);
            BUILT.with_borrow_mut(|built| built.insert(node.name, rule.clone()));
            rules.push(rule);
        }
        let root = rules.pop();
        open(root.ok_or_else(|| Error::InvalidConfig("there is no store to build".to_owned()))?)
    }
}

impl own::Guest for Pack {
    type Store = forward::Store;
    type Reader = forward::Reader;
    type Writer = forward::Writer;

    fn open(name: String) -> Result<own::Store, Error> {
        let rule = BUILT.with_borrow(|built| built.get(&name).cloned());
        open(rule.ok_or(Error::NotFound)?)
    }
}
