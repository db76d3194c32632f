//! Mirrors from the outside: what their children missed, making them equal
//! again, and comparing them.
//!
//! The decorator in the sandbox writes down what a child missed; here the
//! children and the journal are opened one by one. Within one process both
//! take the same locks and have the same memory; across processes, what is
//! written is written only over what was seen, where a store can tell.

mod background;
mod carry;
mod compare;
mod heal;
mod journal;
mod mend;
#[cfg(test)]
mod model_tests;
mod report;
mod truth;
mod union;

pub use background::Background;
pub use compare::{Finding, Seen, compare, compare_keys, read_keys_through, read_through};
pub use heal::{Heal, heal};
pub use report::{ChildCounts, Event, Left, Report, Watcher};

use crate::coordinator::Coordinator;
use crate::objects::Objects;
use crate::store::Error;
use journal::Book;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use storage_core::decorators::mirroring::troubles::{Troubles, shared_name};

/// How many objects are under way at a time.
const CONCURRENCY: usize = 16;

/// A child that failed so often in a row is not asked any more in this pass.
const PATIENCE: u32 = 3;

/// A MirroringStore, its children opened one by one.
pub struct Mirror {
    name: String,
    children: Vec<Objects>,
    coordinator: Coordinator,
    book: Book,
}

impl Mirror {
    /// `journal` is the store that the mirror's config names, if it does.
    pub(crate) fn new(
        name: &str,
        children: Vec<Objects>,
        journal: Option<Objects>,
        coordinator: Coordinator,
    ) -> Self {
        let names = children.iter().map(|child| child.name().to_owned()).collect();
        let book = Book::new(name, names, journal, coordinator.clone());
        Self { name: name.to_owned(), children, coordinator, book }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether what children missed outlives a process.
    pub fn has_journal(&self) -> bool {
        self.book.is_durable()
    }

    fn child(&self, index: usize) -> &str {
        self.children.get(index).map_or("", |child| child.name())
    }

    fn troubles(&self) -> (Troubles, u64) {
        let value = self.coordinator.load(&shared_name(&self.name));
        value.map_or_else(Default::default, |(value, version)| (Troubles::decode(&value), version))
    }

    /// Tells whoever leaves a child out that it answers.
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
                // What can't be shared is found out by each operation itself.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// Which children answer, in one pass over many keys.
struct Alive(Vec<Child>);

/// What is known of one.
#[derive(Default)]
struct Child {
    /// Failures in a row.
    failures: AtomicU32,
    answered: AtomicBool,
}

impl Alive {
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
