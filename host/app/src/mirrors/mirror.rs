//! A mirror with its children and its journal.

use super::journal::Journal;
use storage_core::decorators::mirroring::troubles::{Troubles, shared_name};
use storage_sandbox::coordinator::Coordinator;
use storage_store::Error;
use storage_store::objects::Objects;

/// Objects copied or compared at a time.
pub(super) const CONCURRENCY: usize = 16;

/// A MirroringStore whose children are opened directly.
pub struct Mirror {
    pub(super) name: String,
    pub(super) children: Vec<Objects>,
    pub(super) coordinator: Coordinator,
    pub(super) journal: Journal,
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

    pub(super) fn child(&self, index: usize) -> &str {
        self.children.get(index).map_or("", |child| child.name())
    }

    /// The failures of the children. If they can't be shared, none is known.
    pub(super) fn troubles(&self) -> (Troubles, u64) {
        let value = self.coordinator.load(&shared_name(&self.name)).ok().flatten();
        value.map_or_else(Default::default, |(value, version)| (Troubles::decode(&value), version))
    }

    /// Marks a child as answering, so that operations no longer skip it.
    pub(super) fn answers(&self, child: &str) {
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
