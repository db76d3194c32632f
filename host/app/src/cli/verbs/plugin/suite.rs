//! The conformance suite for one store type of a plug-in.

use crate::config::{BaseShape, TypeInfo};
use anyhow::Context;
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use storage_backends::memory::Memory;
use storage_conformance::subject::{Dialect, Located, Maker, Subject};
use storage_conformance::{cases, locating, model};
use storage_contract::chain::{Base, Node};
use storage_sandbox::Plugin;
use storage_sandbox::plugin::inspect::World;
use storage_store::SharedStore;
use storage_store::blocking::{Blocking, Driver, runtime};
use tokio::runtime::Runtime;

/// The seed of the random sequences, fixed so that every run repeats them.
const SEED: u64 = 20_261_123;

/// The number of random sequences.
const SEQUENCES: u32 = 20;

/// The name of the test with random sequences, which is not among the cases.
const MODEL: &str = "test_model_random_operations";

/// The store type to check, and the parameters.
#[derive(Clone)]
pub struct Checked {
    pub plugin: Arc<Plugin>,
    pub kind: TypeInfo,
    /// As JSON text.
    pub config: String,
    pub dialect: Dialect,
    /// The deadline.
    pub until: Instant,
}

/// The result.
#[derive(Default)]
pub struct Report {
    /// The capabilities that the store declares.
    pub capabilities: Vec<&'static str>,
    pub held: usize,
    /// The failed cases with their messages.
    pub failed: Vec<(&'static str, String)>,
    /// The cases that the deadline prevented.
    pub not_run: Vec<&'static str>,
}

impl Report {
    pub fn good(&self) -> bool {
        self.failed.is_empty() && self.not_run.is_empty()
    }
}

/// Runs every applicable case whose name contains `part`. Blocks until
/// `checked.until` at most; must not be called on a runtime's thread.
pub fn run(checked: &Checked, part: &str) -> anyhow::Result<Report> {
    let runtime = runtime().context("no threads to run on")?;
    let mut report = Report::default();
    let first = match open(checked, &runtime) {
        Ok(subject) => subject,
        Err(error) => {
            report.failed.push(("build", format!("{error:#}")));
            return Ok(report);
        }
    };
    let (can, beside) = (first.store.capabilities(), first.beside.capabilities());
    report.capabilities = can.names();
    drop(first);
    let pack = checked.plugin.outline.world == World::DecoratorPack;
    for (name, case) in BUILDING {
        // The host builds the stores of a transformer.
        if pack && name.contains(part) {
            watch(checked, &mut report, name, || case(checked, &runtime));
        }
    }
    let wanted = |case: &&cases::Case| (case.applies)(can, beside) && case.name.contains(part);
    for case in cases::all().filter(wanted) {
        watch(checked, &mut report, case.name, || (case.run)(&open(checked, &runtime)?));
    }
    if locating::NAME.contains(part) {
        let compare = || locating::run(&open(checked, &runtime)?).map(drop);
        watch(checked, &mut report, locating::NAME, compare);
    }
    if model::applies(can) && MODEL.contains(part) {
        let (again, driving) = (checked.clone(), runtime.clone());
        let maker = Maker::new("", SEQUENCES, move || open(&again, &driving));
        watch(checked, &mut report, MODEL, || model::run(&maker, SEED));
    }
    Ok(report)
}

/// Runs one case; also fails it if the sandbox counts a failure meanwhile.
fn watch(
    checked: &Checked,
    report: &mut Report,
    name: &'static str,
    case: impl FnOnce() -> anyhow::Result<()>,
) {
    if Instant::now() >= checked.until {
        report.not_run.push(name);
        return;
    }
    let before = checked.plugin.counts().failures();
    let outcome = catch_unwind(AssertUnwindSafe(case)).unwrap_or_else(|panic| {
        Err(anyhow::anyhow!("the answers upset the suite: {}", said(panic.as_ref())))
    });
    let failures = checked.plugin.counts().failures() - before;
    match outcome {
        Err(error) => report.failed.push((name, format!("{error:#}"))),
        // A case may accept either result, but never a crash.
        Ok(()) if failures > 0 => report.failed.push((
            name,
            format!("the answers were right, but {failures} call(s) crashed or broke a limit"),
        )),
        Ok(()) => report.held += 1,
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

type Building = fn(&Checked, &Arc<Runtime>) -> anyhow::Result<()>;

/// Cases on what a plug-in must build and what it must refuse. All other cases
/// start from a store that is already built.
const BUILDING: [(&str, Building); 2] = [
    ("test_build_of_two_in_one_instance", test_build_of_two_in_one_instance),
    ("test_build_over_a_base_that_is_not_there", test_build_over_a_base_that_is_not_there),
];

/// Adjacent stores of one plug-in share an instance, the lower one as the first
/// base of the other.
fn test_build_of_two_in_one_instance(
    checked: &Checked,
    runtime: &Arc<Runtime>,
) -> anyhow::Result<()> {
    let (names, memories) = memories(checked);
    let bases: Vec<_> = names.iter().cloned().map(Base::Name).collect();
    let above = std::iter::once(Base::Node(0)).chain(bases.iter().skip(1).cloned()).collect();
    let nodes = vec![node(checked, bases), node(checked, above)];
    let driver = Driver::until(runtime, checked.until);
    let chain = checked.plugin.chain(nodes, names.into_iter().zip(memories).collect());
    driver.wait(chain).map(drop).context("build of one over another")
}

fn test_build_over_a_base_that_is_not_there(
    checked: &Checked,
    runtime: &Arc<Runtime>,
) -> anyhow::Result<()> {
    let (names, _) = memories(checked);
    let bases = names.into_iter().map(Base::Name).collect();
    let chain = checked.plugin.chain(vec![node(checked, bases)], HashMap::new());
    match Driver::until(runtime, checked.until).wait(chain) {
        Ok(_) => anyhow::bail!("it was built over a base that `open` does not find"),
        Err(_) => Ok(()),
    }
}

/// A node with a unique name.
fn node(checked: &Checked, bases: Vec<Base>) -> Node {
    // The instances of a store share values by its name.
    static MADE: AtomicU32 = AtomicU32::new(0);
    Node {
        name: format!("checked-{}", MADE.fetch_add(1, Ordering::Relaxed)),
        kind: checked.plugin.kind(&checked.kind.name).to_owned(),
        config: checked.config.clone(),
        bases,
    }
}

/// Fresh memory stores for all bases, and their names.
fn memories(checked: &Checked) -> (Vec<String>, Vec<SharedStore>) {
    let count = match checked.kind.base.unwrap_or(BaseShape::One) {
        BaseShape::One => 1,
        BaseShape::Many => 3,
        BaseShape::MainAndCache => 2,
    };
    (0..count)
        .map(|index| (format!("memory-{index}"), Arc::new(Memory::new()) as SharedStore))
        .unzip()
}

/// A fresh store over fresh memory.
fn open(checked: &Checked, runtime: &Arc<Runtime>) -> anyhow::Result<Subject> {
    let driver = Driver::until(runtime, checked.until);
    let (names, memories) = memories(checked);
    let node = node(checked, names.iter().cloned().map(Base::Name).collect());
    let bases: HashMap<_, _> = names.into_iter().zip(memories.iter().cloned()).collect();
    let chain = |node, bases| checked.plugin.chain(vec![node], bases);
    let here = driver.wait(chain(node.clone(), bases.clone())).context("build")?;
    let root = Arc::new(driver.wait(chain(node, bases)).context("build")?);
    let store = Blocking::driven(&driver, root.clone());
    let located = Located {
        here: Blocking::driven(&driver, Arc::new(here.without_locating())),
        there: Rc::new(Blocking::there(&driver, root)),
    };
    let lasting = match checked.kind.base {
        // A cache may evict at any time.
        Some(BaseShape::MainAndCache) => 1,
        _ => memories.len(),
    };
    let show = |memory: &SharedStore| Blocking::driven(&driver, memory.clone());
    let bases: Vec<_> = memories.iter().take(lasting).map(show).collect();
    let can = store.capabilities();
    // Examine a store that lacks some operations through its base.
    let beside = match bases.first() {
        Some(base) if !(can.read && can.write && can.replace && can.delete) => base.clone(),
        _ => store.clone(),
    };
    let (dialect, located) = (checked.dialect, Some(located));
    Ok(Subject { store, beside, bases, dialect, located, keep: None })
}
