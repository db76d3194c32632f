//! Records all cases over all chains.
use super::data::Table;
use super::record::record;
use super::{Base, Cases, Chain, FORMAT, Node, Refused};
use crate::chains::{Plan, plans};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use storage_conformance::cases;
use storage_conformance::subject::Subject;
use storage_contract::chain;

/// The seed and number of random chains.
const RANDOM: (u64, usize) = (20_261_123, 10);

/// Runs the suite natively over every chain and records it.
pub fn make() -> Result<Cases> {
    let mut table = Table::default();
    let mut all = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut chains = Vec::new();
    for (name, plan) in plans(RANDOM.0, RANDOM.1)? {
        let subject = plan.native()?;
        let (caps, beside) = (subject.store.capabilities(), subject.beside.capabilities());
        let mut passes = Vec::new();
        for case in cases::all().filter(|case| (case.applies)(caps, beside)) {
            let recorded = record(case, plan.native()?, &mut table)
                .with_context(|| format!("{name}: {}", case.name))?;
            // Most chains give the same answers.
            let text = serde_json::to_string(&recorded)?;
            passes.push(*known.entry(text).or_insert_with(|| {
                all.push(recorded);
                all.len() - 1
            }));
        }
        chains.push(described(name, &plan, passes)?);
    }
    Ok(Cases {
        format: FORMAT,
        contract: "storage:object-store@0.1.0".to_owned(),
        data: table.into_list(),
        cases: all,
        chains,
        refused: refused()?,
    })
}

fn described(name: String, plan: &Plan, cases: Vec<usize>) -> Result<Chain> {
    let beside = match plan.beside_nodes() {
        None => None,
        Some([]) => Some(plan.base_names()[0].clone()),
        Some(_) => anyhow::bail!("{name}: no chain here is observed from its middle"),
    };
    Ok(Chain {
        name,
        nodes: plan.nodes().iter().map(Node::from).collect(),
        bases: plan.base_names(),
        lasting: plan.lasting_names(),
        beside,
        cases,
    })
}

impl From<&chain::Node> for Node {
    fn from(node: &chain::Node) -> Node {
        let base = |base: &chain::Base| match base {
            chain::Base::Node(index) => Base::Node(*index),
            chain::Base::Name(name) => Base::Name(name.clone()),
        };
        Node {
            name: node.name.clone(),
            kind: node.kind.clone(),
            config: node.config.clone(),
            bases: node.bases.iter().map(base).collect(),
        }
    }
}

impl From<&Node> for chain::Node {
    fn from(node: &Node) -> chain::Node {
        let base = |base: &Base| match base {
            Base::Node(index) => chain::Base::Node(*index),
            Base::Name(name) => chain::Base::Name(name.clone()),
        };
        chain::Node {
            name: node.name.clone(),
            kind: node.kind.clone(),
            config: node.config.clone(),
            bases: node.bases.iter().map(base).collect(),
        }
    }
}

impl Chain {
    /// Builds a fresh subject through the component, over the host's memory store.
    pub fn sandboxed(&self) -> Result<Subject> {
        let nodes = self.nodes.iter().map(chain::Node::from).collect();
        Plan::described(nodes, &self.bases, &self.lasting, self.beside.as_deref())?.sandboxed()
    }
}

/// Chains that must not be built.
fn refused() -> Result<Vec<Refused>> {
    let node = |kind: &str, config: &str, bases: &[Base]| Node {
        name: "level-0".to_owned(),
        kind: kind.to_owned(),
        config: config.to_owned(),
        bases: bases.to_vec(),
    };
    let memory = || Base::Name("memory-0".to_owned());
    let one = |kind: &str, config: &str| vec![node(kind, config, &[memory()])];
    let wrong = [
        ("no store at all", vec![]),
        ("an unknown type", one("NoSuchStore", "{}")),
        ("config that is no JSON", one("GzipStore", "{level}")),
        ("config that is no object", one("GzipStore", "[]")),
        ("an unknown property", one("GzipStore", r#"{"lvl":1}"#)),
        ("a value out of range", one("GzipStore", r#"{"level":99}"#)),
        ("a missing property", one("PrefixStore", "{}")),
        ("an invalid pattern", one("RegexValidatingStore", r#"{"pattern":"("}"#)),
        ("no base", vec![node("GzipStore", "{}", &[])]),
        ("too many bases", vec![node("GzipStore", "{}", &[memory(), memory()])]),
        ("a cache without a store", vec![node("CachingStore", "{}", &[memory()])]),
        ("itself as its base", vec![node("GzipStore", "{}", &[Base::Node(0)])]),
        ("a base that was not given", {
            vec![node("GzipStore", "{}", &[Base::Name("elsewhere".to_owned())])]
        }),
    ];
    let mut refused = Vec::new();
    for (name, nodes) in wrong {
        let built: Vec<chain::Node> = nodes.iter().map(chain::Node::from).collect();
        let memory = storage_contract::memory::Memory::default();
        let open = |name: &str| -> Result<storage_contract::SharedStore, _> {
            match name {
                "memory-0" => Ok(std::rc::Rc::new(memory.clone())),
                _ => Err(storage_contract::Error::NotFound),
            }
        };
        let result =
            storage_core::decorators::build(&built, &storage_contract::env::Env::local(), open);
        let error = result.err().with_context(|| format!("{name}: it was built"))?.code();
        refused.push(Refused { name: name.to_owned(), nodes, error: error.to_owned() });
    }
    ensure!(!refused.is_empty(), "nothing is refused");
    Ok(refused)
}
