//! Which children of a mirror answer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Failures in a row after which a pass no longer asks a child.
const PATIENCE: u32 = 3;

/// Which children answer, over one pass.
pub struct Liveness(Vec<Child>);

/// One child's state.
#[derive(Default)]
struct Child {
    /// Failures in a row.
    failures: AtomicU32,
    answered: AtomicBool,
}

impl Liveness {
    /// `children` is their number.
    pub fn new(children: usize) -> Self {
        Self((0..children).map(|_| Child::default()).collect())
    }

    pub fn is_alive(&self, child: usize) -> bool {
        self.0.get(child).is_none_or(|child| child.failures.load(Ordering::Relaxed) < PATIENCE)
    }

    pub fn has_answered(&self, child: usize) -> bool {
        self.0.get(child).is_some_and(|child| child.answered.load(Ordering::Relaxed))
    }

    pub fn answered(&self, child: usize, well: bool) {
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
