//! The stores that are open for a configuration, and for those that replace it
//! while the process runs. A store that several of them have is open once, and
//! is closed when the last of them lets go of it.

use crate::coordinator::{Coordinator, Scope};
use crate::identity::{Identity, Target};
use crate::notify::Notifier;
use crate::store::SharedStore;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct OpenStores {
    pub coordinator: Coordinator,
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
struct All {
    stores: HashMap<u64, Entry>,
    notifiers: HashMap<Identity, (Arc<Notifier>, usize)>,
    /// The scopes that each configuration uses.
    scopes: HashMap<u64, HashMap<Scope, Use>>,
    opened: u64,
}

struct Entry {
    identity: Identity,
    target: Target,
    store: SharedStore,
    users: usize,
}

/// A use of a scope.
struct Use {
    coordinator: Coordinator,
    /// Whether its values tell what another store holds.
    cache: bool,
}

/// An open store, and the number by which it is let go of.
pub(crate) struct Lease {
    pub number: u64,
    pub store: SharedStore,
}

impl OpenStores {
    /// The store that is this one and still where it was opened.
    pub fn find(&self, identity: Identity, target: Target) -> Option<Lease> {
        let mut all = self.all();
        let mut found = all.stores.iter_mut();
        let (number, entry) =
            found.find(|(_, entry)| entry.identity == identity && entry.target == target)?;
        entry.users += 1;
        Some(Lease { number: *number, store: entry.store.clone() })
    }

    /// Takes in a store that was opened just now.
    pub fn add(&self, identity: Identity, target: Target, store: SharedStore) -> Lease {
        let mut all = self.all();
        all.opened += 1;
        let number = all.opened;
        let entry = Entry { identity, target, store: store.clone(), users: 1 };
        all.stores.insert(number, entry);
        Lease { number, store }
    }

    /// Lets go of stores. Gives those that nobody else has, to be closed.
    pub fn release(&self, numbers: &[u64]) -> Vec<(u64, SharedStore)> {
        let mut all = self.all();
        let mut last = Vec::new();
        for number in numbers {
            let Some(entry) = all.stores.get_mut(number) else { continue };
            entry.users -= 1;
            if entry.users == 0 {
                last.extend(all.stores.remove(number).map(|entry| (*number, entry.store)));
            }
        }
        last
    }

    /// The notifier of these handlers, made by `make` unless it is there.
    pub fn notifier<E>(
        &self,
        identity: Identity,
        make: impl FnOnce() -> Result<Notifier, E>,
    ) -> Result<Arc<Notifier>, E> {
        let mut all = self.all();
        if let Some((notifier, users)) = all.notifiers.get_mut(&identity) {
            *users += 1;
            return Ok(notifier.clone());
        }
        let notifier = Arc::new(make()?);
        all.notifiers.insert(identity, (notifier.clone(), 1));
        Ok(notifier)
    }

    /// Lets go of notifiers. Gives those that nobody else has.
    pub fn release_notifiers(&self, identities: &[Identity]) -> Vec<Arc<Notifier>> {
        let mut all = self.all();
        let mut last = Vec::new();
        for identity in identities {
            let Some((_, users)) = all.notifiers.get_mut(identity) else { continue };
            *users -= 1;
            if *users == 0 {
                last.extend(all.notifiers.remove(identity).map(|(notifier, _)| notifier));
            }
        }
        last
    }

    /// Notes that a configuration uses a scope of shared values.
    pub fn uses(&self, config: u64, scope: Scope, coordinator: &Coordinator, cache: bool) {
        let coordinator = coordinator.clone();
        self.all().scopes.entry(config).or_default().insert(scope, Use { coordinator, cache });
    }

    /// A configuration is not used any more: its values go. What a cache knows
    /// that this configuration did not know of goes, too: this one may have
    /// changed what is cached, past it. Its copies are compared anew.
    pub fn forget(&self, config: u64) {
        let mut all = self.all();
        let gone = all.scopes.remove(&config).unwrap_or_default();
        for (scope, own) in &gone {
            if !all.scopes.values().any(|scopes| scopes.contains_key(scope)) {
                own.coordinator.forget(*scope);
            }
        }
        for (scope, other) in all.scopes.values().flatten() {
            if other.cache && !gone.contains_key(scope) {
                other.coordinator.forget(*scope);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
