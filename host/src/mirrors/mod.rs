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
use journal::Book;
use std::sync::atomic::{AtomicU32, Ordering};

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
}

/// Which children answer, in one pass over many keys.
struct Alive(Vec<AtomicU32>);

impl Alive {
    fn new(mirror: &Mirror) -> Self {
        Self(mirror.children.iter().map(|_| AtomicU32::new(0)).collect())
    }

    fn is_alive(&self, child: usize) -> bool {
        self.0.get(child).is_none_or(|failures| failures.load(Ordering::Relaxed) < PATIENCE)
    }

    fn answered(&self, child: usize, well: bool) {
        if let Some(failures) = self.0.get(child) {
            match well {
                true => failures.store(0, Ordering::Relaxed),
                false => drop(failures.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }
}
