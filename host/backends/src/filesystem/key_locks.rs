//! Locks that all stores of one root in this process share, so that conditional
//! writes are atomic across them: two configured stores with one directory, or a
//! store and its replacement at a reload.

use super::group_sync::GroupSync;
use rustix::fs::Stat;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The locks of one directory, whatever path led to it.
pub(super) struct KeyLocks {
    hasher: RandomState,
    locks: [Mutex<()>; 64],
    /// Folders created by unfinished puts, whose entries may not be on disk yet.
    fresh: Mutex<HashSet<String>>,
    pub(super) group_sync: GroupSync,
}

impl KeyLocks {
    /// The locks of an open directory.
    pub(super) fn of(root: &Stat) -> Arc<Self> {
        type Roots = HashMap<(u64, u64), Weak<KeyLocks>>;
        static ROOTS: Mutex<Option<Roots>> = Mutex::new(None);
        let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
        let roots = roots.get_or_insert_default();
        let id = (root.st_dev, root.st_ino);
        if let Some(shared) = roots.get(&id).and_then(Weak::upgrade) {
            return shared;
        }
        roots.retain(|_, locks| locks.strong_count() > 0);
        let shared = Arc::new(Self {
            hasher: RandomState::new(),
            locks: [const { Mutex::new(()) }; 64],
            fresh: Mutex::default(),
            group_sync: GroupSync::default(),
        });
        roots.insert(id, Arc::downgrade(&shared));
        shared
    }

    pub(super) fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        let at = self.hasher.hash_one(key) as usize % self.locks.len();
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        self.locks[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fresh(&self) -> MutexGuard<'_, HashSet<String>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
