//! Which instances serve the open streams of a chain, and how many each.
//!
//! While few streams are open, each has its own instance. Beyond [`ALONE`] they share:
//! an instance costs some hundred kilobytes, which adds up when many slow clients hold
//! streams open.

use super::instance::Instance;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Mutex as AsyncMutex;

/// Instances with one stream each before any gets two.
const ALONE: usize = 32;

/// The most streams per instance.
const TOGETHER: usize = 16;

/// An instance; `None` if a call in it failed or was abandoned.
pub(super) type InstanceCell = Arc<AsyncMutex<Option<Box<Instance>>>>;

/// The instances of a chain that serve streams.
#[derive(Default)]
pub(super) struct StreamInstances(Mutex<Vec<Taken>>);

struct Taken {
    cell: InstanceCell,
    streams: usize,
}

impl StreamInstances {
    fn list(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance to share with other streams, once it is time to share.
    pub fn join(&self) -> Option<InstanceCell> {
        let mut list = self.list();
        let emptiest = match list.len() {
            0..ALONE => None,
            _ => list.iter_mut().min_by_key(|taken| taken.streams),
        };
        let taken = emptiest.filter(|taken| taken.streams < TOGETHER)?;
        taken.streams += 1;
        Some(taken.cell.clone())
    }

    pub fn found(&self, instance: Box<Instance>) -> InstanceCell {
        let cell = Arc::new(AsyncMutex::new(Some(instance)));
        self.list().push(Taken { cell: cell.clone(), streams: 1 });
        cell
    }

    /// Admits no further stream to this instance.
    pub fn forget(&self, cell: &InstanceCell) {
        self.list().retain(|taken| !Arc::ptr_eq(&taken.cell, cell));
    }

    pub fn is_alone(&self, cell: &InstanceCell) -> bool {
        self.list().iter().any(|taken| Arc::ptr_eq(&taken.cell, cell) && taken.streams == 1)
    }

    /// Leaves and retires the instance, if no other stream is in it.
    pub fn leave_alone(&self, cell: &InstanceCell) -> bool {
        let mut list = self.list();
        let alone = |taken: &Taken| Arc::ptr_eq(&taken.cell, cell) && taken.streams == 1;
        let found = list.iter().position(alone);
        found.map(|at| list.swap_remove(at)).is_some()
    }

    /// Leaves an instance that others use.
    pub fn leave(&self, cell: &InstanceCell) {
        let mut list = self.list();
        if let Some(taken) = list.iter_mut().find(|taken| Arc::ptr_eq(&taken.cell, cell)) {
            taken.streams -= 1;
        }
    }
}
