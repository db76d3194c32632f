//! Maintenance of mirrors: tracks what children missed, heals them, and compares them.
//!
//! The decorator in the sandbox records what a child missed; this module opens the
//! children and the journal directly. Within a process both share locks and memory.
//! Across processes, conditional writes keep one from overwriting another's changes,
//! where the store has them.

mod background;
mod compare;
mod conflict;
mod copy;
mod heal;
mod journal;
mod merge_listing;
#[cfg(test)]
mod model_tests;
mod repair;
mod report;

pub use background::Background;
pub use compare::{Finding, Seen, compare, compare_keys, read_keys_through, read_through};
pub use heal::{Heal, heal};
pub use report::{ChildCounts, Event, Left, Report, Watcher};

use journal::Journal;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use storage_core::decorators::mirroring::troubles::{Troubles, shared_name};
use storage_sandbox::coordinator::Coordinator;
use storage_store::Error;
use storage_store::objects::Objects;

/// Objects copied or compared at a time.
const CONCURRENCY: usize = 16;

/// Failures in a row after which a pass no longer asks a child.
const PATIENCE: u32 = 3;

/// A MirroringStore whose children are opened directly.
pub struct Mirror {
    name: String,
    children: Vec<Objects>,
    coordinator: Coordinator,
    journal: Journal,
}

impl Mirror {
    /// `journal` is the store named in the mirror's config, if any.
    pub(crate) fn new(
        name: &str,
        children: Vec<Objects>,
        journal: Option<Objects>,
        coordinator: Coordinator,
    ) -> Self {
        let names = children.iter().map(|child| child.name().to_owned()).collect();
        let journal = Journal::new(name, names, journal, coordinator.clone());
        Self { name: name.to_owned(), children, coordinator, journal }
    }

    /// The store's name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the record of what children missed survives a restart.
    pub fn has_journal(&self) -> bool {
        self.journal.is_durable()
    }

    fn child(&self, index: usize) -> &str {
        self.children.get(index).map_or("", |child| child.name())
    }

    /// The failures of the children. If they can't be shared, none is known.
    fn troubles(&self) -> (Troubles, u64) {
        let value = self.coordinator.load(&shared_name(&self.name)).ok().flatten();
        value.map_or_else(Default::default, |(value, version)| (Troubles::decode(&value), version))
    }

    /// Marks a child as answering, so that operations no longer skip it.
    fn answers(&self, child: &str) {
        loop {
            let (mut troubles, version) = self.troubles();
            let Some(was_down) = troubles.answers(child) else { return };
            let name = shared_name(&self.name);
            match self.coordinator.compare_and_set(&name, version, troubles.encode()) {
                Err(Error::PreconditionFailed) => {}
                Ok(_) if was_down => {
                    let store = self.name();
                    tracing::info!(target: "storage", store, "child {child:?} answers again");
                    return;
                }
                // If this can't be shared, each operation finds it out for itself.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// Which children answer, over one pass.
struct Liveness(Vec<Child>);

/// One child's state.
#[derive(Default)]
struct Child {
    /// Failures in a row.
    failures: AtomicU32,
    answered: AtomicBool,
}

impl Liveness {
    fn new(mirror: &Mirror) -> Self {
        Self(mirror.children.iter().map(|_| Child::default()).collect())
    }

    fn is_alive(&self, child: usize) -> bool {
        self.0.get(child).is_none_or(|child| child.failures.load(Ordering::Relaxed) < PATIENCE)
    }

    fn has_answered(&self, child: usize) -> bool {
        self.0.get(child).is_some_and(|child| child.answered.load(Ordering::Relaxed))
    }

    fn answered(&self, child: usize, well: bool) {
        let Some(Child { failures, answered }) = self.0.get(child) else { return };
        match well {
            true => {
                failures.store(0, Ordering::Relaxed);
                answered.store(true, Ordering::Relaxed);
            }
            false => _ = failures.fetch_add(1, Ordering::Relaxed),
        }
    }
}
