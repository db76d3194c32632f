//! Named locks and small values shared by the instances of a chain. Nothing
//! here survives a restart.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use storage_core::decorators::caching;
use storage_store::{Error, Result};
use tokio::sync::OwnedMutexGuard;

/// The most bytes of one value.
pub const MAX_VALUE: usize = 64 * 1024;

/// The most bytes of all names and values of one [`Namespace`] together: what a store
/// remembers must not grow with the number of its objects, and one that remembers much
/// must not take the room of another. Twice what a CachingStore needs, which needs most.
pub const MAX_NAMESPACE: usize = 32 * 1024 * 1024;

/// How long to wait for a lock. Longer than any sane single fetch: the waiter
/// is about to make the same fetch.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The owner of a store's values: its definition, not just its name. A store
/// that replaces another of the same name must not see the other's values.
pub type Namespace = u128;

/// Named locks, and values with compare-and-set. Clones share state.
///
/// Names begin with a store's name and a slash. Locks are identified by name
/// alone, so an old chain and its replacement take turns; values also by the
/// [`Namespace`] of the store, if [`scoped`](Self::scoped) assigns one.
#[derive(Clone, Default)]
pub struct Coordinator {
    locks: Arc<Locks>,
    values: Arc<Mutex<Values>>,
    namespaces: Arc<HashMap<String, Namespace>>,
}

/// The locks, and in tests whether they are lost.
#[derive(Default)]
struct Locks(
    Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    #[cfg(any(test, feature = "testing"))] std::sync::atomic::AtomicBool,
);

#[derive(Default)]
struct Values {
    namespaces: HashMap<Namespace, Scoped>,
    /// Scopes of caches whose index holds nothing good.
    doubtful: HashSet<Namespace>,
    version: u64,
}

/// The values of one namespace, with their versions.
#[derive(Default)]
struct Scoped {
    values: HashMap<String, (Vec<u8>, u64)>,
    /// The length of all names and values.
    bytes: usize,
}

impl Values {
    fn distrust(&mut self, namespace: Namespace) {
        let Self { namespaces, version, .. } = self;
        let Some(Scoped { values, .. }) = namespaces.get_mut(&namespace) else { return };
        for (name, (value, number)) in values {
            if caching::is_index(name) {
                caching::doubt(value);
                *version += 1;
                *number = *version;
            }
        }
    }
}

/// A held lock; dropping it releases the lock.
pub struct Guard {
    name: String,
    locks: Arc<Locks>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Guard {
    /// Fails if the lock is lost; one in this process never is.
    pub fn check(&self) -> Result<()> {
        #[cfg(any(test, feature = "testing"))]
        if self.locks.1.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Error::Unavailable(format!("the lock {:?} is lost", self.name)));
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.held = None;
        let mut locks = self.locks.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Waiters hold their own reference; the last one removes the name.
        if locks.get(&self.name).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.name);
        }
    }
}

impl Coordinator {
    /// The same coordinator, with these stores' values in their own namespaces.
    #[must_use]
    pub fn scoped(&self, namespaces: HashMap<String, Namespace>) -> Self {
        Self { namespaces: Arc::new(namespaces), ..self.clone() }
    }

    /// A coordinator with the same locks and no values.
    #[must_use]
    pub fn same_locks(&self) -> Self {
        Self { locks: self.locks.clone(), ..Self::default() }
    }

    /// Removes every value of a namespace.
    pub fn forget(&self, namespace: Namespace) {
        let mut values = self.values();
        values.doubtful.remove(&namespace);
        values.namespaces.remove(&namespace);
    }

    /// Waits for the named lock and takes it; `Unavailable` after 60 seconds.
    pub async fn lock(&self, name: &str) -> Result<Guard> {
        let lock = {
            let mut locks = self.locks.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.entry(name.to_owned()).or_default().clone()
        };
        // Created first, so that a cancelled wait also cleans up.
        let mut guard = Guard { name: name.to_owned(), locks: self.locks.clone(), held: None };
        let held = tokio::time::timeout(LOCK_TIMEOUT, lock.lock_owned()).await.map_err(|_| {
            Error::Unavailable(format!("the lock {name:?} was not free in {LOCK_TIMEOUT:?}"))
        })?;
        guard.held = Some(held);
        Ok(guard)
    }

    /// The named value and its version. Fails if that can't be told, which the memory of
    /// this process always can; callers treat a failure as `Unavailable`.
    pub fn load(&self, name: &str) -> Result<Option<(Vec<u8>, u64)>> {
        let (namespace, values) = (self.namespace(name), self.values());
        if caching::is_doubt(name) {
            return Ok(values.doubtful.contains(&namespace).then(|| (Vec::new(), 1)));
        }
        Ok(values.namespaces.get(&namespace).and_then(|scoped| scoped.values.get(name)).cloned())
    }

    /// Loses every lock, also those taken later, or no longer does.
    #[cfg(any(test, feature = "testing"))]
    pub fn lose_locks(&self, lost: bool) {
        self.locks.1.store(lost, std::sync::atomic::Ordering::Relaxed);
    }

    /// Whether others may now change, past it, the objects that the cache of this namespace
    /// holds copies of. From the first change of this on, the cache compares each copy
    /// with its main store before it uses it.
    pub fn doubt(&self, namespace: Namespace, doubtful: bool) {
        let mut values = self.values();
        let changed = match doubtful {
            true => values.doubtful.insert(namespace),
            false => values.doubtful.remove(&namespace),
        };
        if changed {
            values.distrust(namespace);
        }
    }

    /// Others have changed objects of this cache past it: it compares each copy with its
    /// main store before it uses it.
    pub fn distrust(&self, namespace: Namespace) {
        self.values().distrust(namespace);
    }

    /// Sets or removes the value if its version is `expected` (0: absent).
    /// Returns the new version; `PreconditionFailed` for another version,
    /// `LimitExceeded` for a value over [`MAX_VALUE`] or a namespace over [`MAX_NAMESPACE`].
    pub fn compare_and_set(
        &self,
        name: &str,
        expected: u64,
        mut value: Option<Vec<u8>>,
    ) -> Result<u64> {
        let namespace = self.namespace(name);
        let mut values = self.values();
        let doubtful = values.doubtful.contains(&namespace) && caching::is_index(name);
        if let Some(value) = value.as_mut().filter(|_| doubtful) {
            caching::doubt(value);
        }
        let Values { namespaces, version, .. } = &mut *values;
        let scoped = namespaces.entry(namespace).or_default();
        let current = scoped.values.get(name);
        if current.map_or(0, |(_, version)| *version) != expected {
            return Err(Error::PreconditionFailed);
        }
        let length = |value: &Vec<u8>| name.len() + value.len();
        let before = current.map_or(0, |(value, _)| length(value));
        let after = value.as_ref().map_or(0, length);
        if value.as_ref().is_some_and(|value| value.len() > MAX_VALUE) {
            return Err(Error::LimitExceeded(format!(
                "a shared value has at most {MAX_VALUE} bytes"
            )));
        }
        let bytes = scoped.bytes - before + after;
        if bytes > MAX_NAMESPACE && after > before {
            return Err(Error::LimitExceeded(format!(
                "a store's shared values have at most {MAX_NAMESPACE} bytes"
            )));
        }
        scoped.bytes = bytes;
        *version += 1;
        match value {
            Some(value) => scoped.values.insert(name.to_owned(), (value, *version)),
            None => scoped.values.remove(name),
        };
        Ok(*version)
    }

    /// The namespace of the store that a name begins with.
    fn namespace(&self, name: &str) -> Namespace {
        let owns = |store: &str| name.strip_prefix(store).is_some_and(|rest| rest.starts_with('/'));
        let owners = self.namespaces.iter().filter(|(store, _)| owns(store));
        owners
            .max_by_key(|(store, _)| store.len())
            .map(|(_, namespace)| *namespace)
            .unwrap_or_default()
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_is_held_by_one_and_forgotten_after_the_last() {
        let coordinator = Coordinator::default();
        let first = coordinator.lock("a").await.unwrap();
        let second = tokio::spawn({
            let coordinator = coordinator.clone();
            async move { coordinator.lock("a").await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
        assert!(coordinator.locks.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_value_changes_only_for_who_knows_its_version() {
        let c = Coordinator::default();
        let version = c.compare_and_set("n", 0, Some(b"one".to_vec())).unwrap();
        assert_eq!(c.compare_and_set("n", 0, Some(vec![])), Err(Error::PreconditionFailed));
        assert_eq!(c.load("n"), Ok(Some((b"one".to_vec(), version))));
        c.compare_and_set("n", version, None).unwrap();
        assert_eq!(c.load("n"), Ok(None));
        assert_eq!(c.values().namespaces[&0].bytes, 0);
    }

    #[test]
    fn values_are_bounded() {
        let c = Coordinator::default();
        let large = c.compare_and_set("n", 0, Some(vec![0; MAX_VALUE + 1]));
        assert!(matches!(large, Err(Error::LimitExceeded(_))));
    }

    #[test]
    fn a_store_that_remembers_much_leaves_the_others_their_room() {
        let all = Coordinator::default();
        let c = all.scoped(HashMap::from([("cache".to_owned(), 1), ("mirror".to_owned(), 2)]));
        let fill = |store: &str| {
            let set = |n| c.compare_and_set(&format!("{store}/{n}"), 0, Some(vec![0; MAX_VALUE]));
            (0_usize..).find_map(|n| set(n).err().map(|error| (n, error))).unwrap()
        };
        let (values, error) = fill("cache");
        assert!(values * MAX_VALUE > MAX_NAMESPACE / 10 * 9, "{values}");
        assert!(matches!(error, Error::LimitExceeded(_)), "{error}");
        c.compare_and_set("mirror/dirty", 0, Some(b"k".to_vec())).unwrap();
        assert_eq!(fill("mirror").0, values);
        assert!(values * MAX_VALUE <= MAX_NAMESPACE);
    }

    #[test]
    fn doubt_is_told_and_changes_every_part_of_the_index_when_it_begins_and_ends() {
        let c = Coordinator::default().scoped(HashMap::from([("a".to_owned(), 1)]));
        // One record of a good copy, with an empty key.
        let before = c.compare_and_set("a/cache/0f", 0, Some(vec![0; 43])).unwrap();
        c.compare_and_set("a/cache/bytes", 0, Some(b"7".to_vec())).unwrap();
        assert!(c.load("a/cache/doubt").unwrap().is_none());
        c.doubt(1, true);
        assert!(c.load("a/cache/doubt").unwrap().is_some());
        let (value, during) = c.load("a/cache/0f").unwrap().unwrap();
        assert!(value[2] == 3 && value.len() == 43 && during > before);
        let stale = c.compare_and_set("a/cache/0f", before, Some(vec![]));
        assert_eq!(stale, Err(Error::PreconditionFailed));
        c.doubt(1, true);
        assert_eq!(c.load("a/cache/0f").unwrap().unwrap().1, during);
        c.doubt(1, false);
        assert!(c.load("a/cache/doubt").unwrap().is_none());
        assert!(c.load("a/cache/0f").unwrap().unwrap().1 > during);
        assert_eq!(c.load("a/cache/bytes").unwrap().unwrap().0, b"7");
        c.doubt(1, true);
        c.forget(1);
        assert!(c.load("a/cache/doubt").unwrap().is_none());
        assert!(c.values().namespaces.is_empty());
    }

    #[tokio::test]
    async fn a_store_that_replaces_another_shares_its_locks_and_not_its_values() {
        let all = Coordinator::default();
        let scoped = |namespace| all.scoped(HashMap::from([("a/b".to_owned(), namespace)]));
        let (old, new) = (scoped(1), scoped(2));
        let version = old.compare_and_set("a/b/n", 0, Some(b"old".to_vec())).unwrap();
        assert_eq!(new.load("a/b/n"), Ok(None));
        assert_eq!(scoped(1).load("a/b/n"), Ok(Some((b"old".to_vec(), version))));
        new.compare_and_set("a/b/n", 0, Some(b"new".to_vec())).unwrap();
        all.forget(1);
        assert_eq!(old.load("a/b/n"), Ok(None));
        assert!(new.load("a/b/n").unwrap().is_some());
        all.forget(2);
        assert!(all.values().namespaces.is_empty());
        let held = old.lock("a/b/n").await.unwrap();
        let mut waits = std::pin::pin!(new.lock("a/b/n"));
        assert!(futures::poll!(&mut waits).is_pending());
        drop(held);
        assert!(waits.await.is_ok());
    }
}
