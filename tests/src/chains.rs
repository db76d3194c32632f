//! Test subjects made of decorators: natively over [`Memory`], and through the
//! component over the host's memory store.

use crate::kinds::{Beside, Entry, entries};
use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use storage_conformance::subject::{Dialect, Located, Maker, Subject, There};
use storage_contract::chain::{Base, Node};
use storage_contract::env::Env;
use storage_contract::kind::BaseShape;
use storage_contract::memory::Memory;
use storage_contract::types::Error;
use storage_core::decorators::{build, kind};
use storage_host::backends::memory::Memory as HostMemory;
use storage_host::blocking::{Blocking, Driver, runtime};
use storage_host::engine::HostServices;
use storage_host::store::SharedStore as HostStore;

/// A chain: its nodes, its base stores, and which of those hold objects permanently
/// rather than as cached copies.
#[derive(Clone)]
pub struct Plan {
    nodes: Vec<Node>,
    bases: usize,
    lasting: Vec<usize>,
    dialect: Dialect,
    beside: Beside,
}

/// The longest key that every chain accepts, in bytes; each level may lengthen it.
pub const LONGEST: usize = 200;

impl Plan {
    /// A chain of these entries, the first at the bottom.
    pub fn new(stack: &[&Entry]) -> Result<Plan> {
        let mut plan = Plan {
            nodes: Vec::new(),
            bases: 1,
            lasting: vec![0],
            dialect: Dialect::PLAIN.up_to(LONGEST),
            beside: Beside::Itself,
        };
        for (level, entry) in stack.iter().enumerate() {
            let shape = kind(entry.kind).with_context(|| entry.kind.to_owned())?.base;
            let mut bases = vec![match level.checked_sub(1) {
                None => Base::Name(base_name(0)),
                Some(below) => Base::Node(u32::try_from(below)?),
            }];
            let more = match shape {
                BaseShape::One => 0,
                BaseShape::Many => 2,
                BaseShape::MainAndCache => 1,
            };
            for _ in 0..more {
                if shape == BaseShape::Many {
                    plan.lasting.push(plan.bases);
                }
                bases.push(Base::Name(base_name(plan.bases)));
                plan.bases += 1;
            }
            plan.nodes.push(Node {
                name: format!("level-{level}"),
                kind: entry.kind.to_owned(),
                config: entry.config.to_owned(),
                bases,
            });
            plan.dialect = match level {
                0 => entry.dialect,
                _ => entry.dialect.up_to(LONGEST),
            };
            plan.beside = entry.beside;
        }
        Ok(plan)
    }

    /// A chain from its description as data.
    pub fn described(
        nodes: Vec<Node>,
        bases: &[String],
        lasting: &[String],
        beside: Option<&str>,
    ) -> Result<Plan> {
        let known = |name: &String| bases.iter().position(|base| base == name);
        for (index, name) in bases.iter().enumerate() {
            ensure!(*name == base_name(index), "base {index} is called {name:?}");
        }
        let beside = match beside {
            None => Beside::Itself,
            Some(name) => {
                ensure!(nodes.len() == 1 && name == base_name(0), "{name:?} is not its base");
                Beside::Base
            }
        };
        let lasting = lasting.iter().map(known).collect::<Option<Vec<_>>>();
        let lasting = lasting.context("what lasts is no base")?;
        Ok(Plan {
            nodes,
            bases: bases.len(),
            lasting,
            dialect: Dialect::PLAIN.up_to(LONGEST),
            beside,
        })
    }

    /// A chain that changes nothing but keys, and refuses some.
    pub fn of_keys() -> Result<Plan> {
        let entry = |kind, config| Entry {
            kind,
            variant: "",
            config,
            dialect: Dialect::PLAIN,
            composes: true,
            beside: Beside::Itself,
        };
        Plan::new(&[
            &entry("UrlEncodingStore", "{}"),
            &entry("PrefixStore", r#"{"prefix":"é/"}"#),
            &entry("IdentityStore", "{}"),
            &entry("KeyValidatingStore", r#"{"validators":[{"no_control":true}]}"#),
        ])
    }

    /// The chain's nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The names of its base stores.
    pub fn base_names(&self) -> Vec<String> {
        (0..self.bases).map(base_name).collect()
    }

    /// The names of the bases that hold objects permanently.
    pub fn lasting_names(&self) -> Vec<String> {
        self.lasting.iter().map(|index| base_name(*index)).collect()
    }

    /// The chain that gives direct access to the objects; `None` means the chain
    /// itself.
    pub(crate) fn beside_nodes(&self) -> Option<&[Node]> {
        match self.beside {
            Beside::Itself => None,
            Beside::Base => self.nodes.split_last().map(|(_, rest)| rest),
        }
    }

    /// Builds it over `storage_core`'s memory store, without wasm.
    pub fn native(&self) -> Result<Subject> {
        let bases: HashMap<String, Memory> =
            (0..self.bases).map(|i| (base_name(i), Memory::default())).collect();
        let open = |name: &str| -> Result<storage_contract::SharedStore, Error> {
            let base = bases.get(name).ok_or(Error::NotFound)?;
            Ok(Rc::new(base.named(name)))
        };
        let stores = build(&self.nodes, &Env::local(), open)?;
        let store = stores.last().cloned().context("no store")?;
        let beside = match self.beside_nodes() {
            None => store.clone(),
            Some([]) => open(&base_name(0))?,
            Some(rest) => stores[rest.len() - 1].clone(),
        };
        let lasting = self.lasting.iter().map(|i| open(&base_name(*i)));
        let lasting = lasting.collect::<Result<_, _>>()?;
        let located = Located { here: store.clone(), there: named(store.clone(), bases) };
        let dialect = self.dialect;
        Ok(Subject { store, beside, bases: lasting, dialect, located: Some(located), keep: None })
    }

    /// Builds it over the host's memory store, through the component.
    pub fn sandboxed(&self) -> Result<Subject> {
        let bases = (0..self.bases)
            .map(|i| (base_name(i), Arc::new(HostMemory::new()) as HostStore))
            .collect();
        self.sandboxed_over(bases)
    }

    /// Builds it over stores of the host, through the component.
    pub fn sandboxed_over(&self, bases: HashMap<String, HostStore>) -> Result<Subject> {
        let runtime = runtime()?;
        let engine = storage_host::engine::shared()?;
        let shared = HostServices::silent();
        let chain = |nodes: &[Node]| {
            let chain = engine.chain(nodes.to_vec(), bases.clone(), shared.clone());
            runtime.block_on(chain)
        };
        let open = |nodes: &[Node]| -> Result<HostStore> { Ok(Arc::new(chain(nodes)?)) };
        let base = |index| -> Result<HostStore> {
            bases.get(&base_name(index)).cloned().context("a base is missing")
        };
        let root = open(&self.nodes)?;
        let store = Blocking::shared(&runtime, root.clone());
        let located = Located {
            here: Blocking::shared(&runtime, Arc::new(chain(&self.nodes)?.without_locating())),
            there: Rc::new(Blocking::there(&Driver::new(&runtime), root)),
        };
        let beside = match self.beside_nodes() {
            None => store.clone(),
            Some([]) => Blocking::shared(&runtime, base(0)?),
            Some(rest) => Blocking::shared(&runtime, open(rest)?),
        };
        let lasting = self.lasting.iter().map(|i| Ok(Blocking::shared(&runtime, base(*i)?)));
        let bases = lasting.collect::<Result<_>>()?;
        let (dialect, located) = (self.dialect, Some(located));
        Ok(Subject { store, beside, bases, dialect, located, keep: None })
    }
}

/// Finds locations in named stores in memory.
fn named(store: storage_contract::SharedStore, bases: HashMap<String, Memory>) -> There {
    Rc::new(move |key, access| {
        let Some(location) = store.locate(key, access)? else { return Ok(None) };
        let base = bases.get(&location.base).cloned();
        let base = base.ok_or_else(|| Error::Other(format!("no base {:?}", location.base)))?;
        Ok(Some((Rc::new(base), location.key)))
    })
}

fn base_name(index: usize) -> String {
    format!("memory-{index}")
}

fn label(entry: &Entry) -> String {
    let name = entry.kind.trim_end_matches("Store");
    match entry.variant {
        "" => name.to_owned(),
        variant => format!("{name}({variant})"),
    }
}

/// Random sequences per native and sandboxed subject. Sandboxed ones run fewer, since
/// the logic is the same.
const SEQUENCES: (u32, u32) = (40, 6);

/// Every decorator alone, natively and sandboxed.
pub fn decorators() -> Result<Vec<Maker>> {
    Ok(alone()?.into_iter().flat_map(|(name, plan)| both(&name, plan)).collect())
}

/// Random chains of two to five decorators, natively and sandboxed.
pub fn random(seed: u64, count: usize) -> Result<Vec<Maker>> {
    Ok(stacked(seed, count)?.into_iter().flat_map(|(name, plan)| both(&name, plan)).collect())
}

/// Every decorator alone, and random chains of them.
pub fn plans(seed: u64, count: usize) -> Result<Vec<(String, Plan)>> {
    Ok(alone()?.into_iter().chain(stacked(seed, count)?).collect())
}

fn alone() -> Result<Vec<(String, Plan)>> {
    entries()?.into_iter().map(|entry| Ok((label(entry), Plan::new(&[entry])?))).collect()
}

fn stacked(seed: u64, count: usize) -> Result<Vec<(String, Plan)>> {
    let composable: Vec<_> = entries()?.into_iter().filter(|e| e.composes).collect();
    let mut state = seed | 1;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
    };
    let mut plans = Vec::new();
    for number in 0..count {
        let depth = 2 + random(4);
        let stack: Vec<_> = (0..depth).map(|_| composable[random(composable.len())]).collect();
        let labels: Vec<String> = stack.iter().rev().map(|entry| label(entry)).collect();
        plans.push((format!("chain{number}:{}", labels.join(">")), Plan::new(&stack)?));
    }
    Ok(plans)
}

fn both(name: &str, plan: Plan) -> [Maker; 2] {
    let sandboxed = plan.clone();
    [
        Maker::new(format!("native/{name}"), SEQUENCES.0, move || plan.native()),
        Maker::new(format!("wasm/{name}"), SEQUENCES.1, move || sandboxed.sandboxed()),
    ]
}
