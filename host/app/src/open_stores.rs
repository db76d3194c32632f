//! The open stores of a configuration and of its replacements.
//!
//! A store that several configurations share is opened once, and closed when
//! the last of them releases it.

use crate::identity::{Identity, Target};
use crate::notify::Notifier;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use storage_sandbox::coordinator::{Coordinator, Namespace};
use storage_store::SharedStore;

/// Reference-counted open stores. Clones share state.
#[derive(Clone, Default)]
pub(crate) struct OpenStores {
    pub coordinator: Coordinator,
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
struct All {
    stores: HashMap<u64, Entry>,
    notifiers: HashMap<Identity, (Arc<Notifier>, usize)>,
    /// The scopes that each configuration uses, by configuration id: a replacement has
    /// a larger one.
    scopes: BTreeMap<u64, HashMap<Namespace, Use>>,
    opened: u64,
}

impl All {
    /// A cache is in doubt while requests of a replaced configuration, which does not
    /// share it, may change objects past it. A later configuration says nothing: it
    /// opens its stores one by one.
    fn review(&self) {
        for (config, scopes) in &self.scopes {
            for (scope, own) in scopes.iter().filter(|(_, own)| own.cache) {
                if self.newer(*config).any(|scopes| scopes.contains_key(scope)) {
                    continue;
                }
                let mut older = self.scopes.range(..config).map(|(_, scopes)| scopes);
                own.coordinator.doubt(*scope, older.any(|scopes| !scopes.contains_key(scope)));
            }
        }
    }

    fn newer(&self, config: u64) -> impl Iterator<Item = &HashMap<Namespace, Use>> {
        self.scopes.range(config..).skip(1).map(|(_, scopes)| scopes)
    }
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
    /// Whether its values describe another store's content.
    cache: bool,
}

/// An open store, and the number to release it by.
pub(crate) struct StoreLease {
    pub number: u64,
    pub store: SharedStore,
}

impl OpenStores {
    /// The open store with this identity, if its path still leads to the same
    /// target.
    pub fn find(&self, identity: Identity, target: Target) -> Option<StoreLease> {
        let mut all = self.all();
        let mut found = all.stores.iter_mut();
        let (number, entry) =
            found.find(|(_, entry)| entry.identity == identity && entry.target == target)?;
        entry.users += 1;
        Some(StoreLease { number: *number, store: entry.store.clone() })
    }

    /// Adds a store that was just opened.
    pub fn add(&self, identity: Identity, target: Target, store: SharedStore) -> StoreLease {
        let mut all = self.all();
        all.opened += 1;
        let number = all.opened;
        let entry = Entry { identity, target, store: store.clone(), users: 1 };
        all.stores.insert(number, entry);
        StoreLease { number, store }
    }

    /// Releases stores. Returns those without other users; the caller closes
    /// them.
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

    /// The notifier of these handlers, created by `make` if there is none yet.
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

    /// Releases notifiers. Returns those without other users.
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

    /// Records that a configuration uses a scope of shared values.
    pub fn uses(&self, config: u64, scope: Namespace, coordinator: &Coordinator, cache: bool) {
        let coordinator = coordinator.clone();
        self.all().scopes.entry(config).or_default().insert(scope, Use { coordinator, cache });
    }

    /// Reviews which caches are in doubt, after a configuration has opened a store.
    pub fn review(&self, config: u64) {
        let mut all = self.all();
        all.scopes.entry(config).or_default();
        all.review();
    }

    /// Drops the values of a configuration that is no longer used. Caches that it
    /// did not share compare their copies with the main store before they use
    /// them: it may have changed objects without them noticing.
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
                other.coordinator.distrust(*scope);
            }
        }
        all.review();
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
