//! The snapshots that are kept for the pages that follow.

use super::snapshot::Snapshot;
use crate::bucket::buckets::Bucket;
use crate::keyed::Keyed;
use crate::protocol::error::Result;
use crate::store_error::{internal, of_store};
use crate::uploads::manifest::identity;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, Instant};
use storage_store::delimited::{self, Item, Query};
use storage_store::objects::Objects;
use tokio::sync::{Mutex, Semaphore};

/// The most snapshots that are kept.
const KEPT: usize = 4;

/// For how long a snapshot is kept for the next page of a listing.
const MAX_AGE: Duration = Duration::from_secs(600);

/// For how long a listing may go on at most. A page of a later one may begin where one of
/// its pages ended.
const MOST_AGE: Duration = Duration::from_secs(3600);

/// How many listings may look through a store at a time: each takes memory and files.
const AT_ONCE: usize = 4;

/// For how long other listings use a snapshot while this host changes nothing. What other
/// programs change is seen after that.
const FRESH: Duration = Duration::from_secs(10);

/// The most pages of which the ends are remembered; a page that follows another one is
/// looked for anew.
const PAGES: usize = 100_000;

/// The snapshots of the stores that are served.
pub struct Snapshots {
    kept: Lock<Vec<Kept>>,
    /// What looks through the same objects waits for one another.
    scans: Keyed<Mutex<()>>,
    room: Semaphore,
    /// How often something was changed.
    changes: Arc<AtomicU64>,
}

struct Kept {
    bucket: Identity,
    prefix: String,
    changes: u64,
    taken: Instant,
    used: Instant,
    /// `None` if the objects can't be sorted.
    snapshot: Option<Arc<Snapshot>>,
    /// The hashes of the last names of its pages.
    ends: HashSet<u64>,
}

/// The bucket's name, and what tells it from others of that name.
type Identity = (String, (u64, String));

/// Held by a request that may change objects.
pub struct Changing<'a>(&'a Snapshots);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.changes.fetch_add(1, Ordering::AcqRel);
    }
}

impl Snapshots {
    /// None yet. `changes` outlives a reload: what began before it counts.
    pub fn new(changes: Arc<AtomicU64>) -> Self {
        let room = Semaphore::new(AT_ONCE);
        Self { kept: Lock::default(), scans: Keyed::default(), room, changes }
    }

    /// Something may be changed from now on until this is dropped.
    pub fn changing(&self) -> Changing<'_> {
        self.changes.fetch_add(1, Ordering::AcqRel);
        Changing(self)
    }

    /// A page of a bucket's listing.
    pub async fn list(&self, bucket: &Bucket, query: &Query) -> Result<(Vec<Item>, bool)> {
        let objects = &bucket.objects;
        if objects.capabilities().ordered || query.limit == 0 {
            return delimited::list(objects, query).await.map_err(of_store);
        }
        let identity = (bucket.name.clone(), identity(bucket));
        let Some(snapshot) = self.snapshot(&identity, objects, query).await? else {
            return delimited::list(objects, query).await.map_err(of_store);
        };
        let (reads, query) = (snapshot.clone(), query.clone());
        let page = tokio::task::spawn_blocking(move || reads.page(&query)).await;
        let page = page.map_err(|error| internal("a listing could not be read", &error))?;
        let page = page.map_err(|error| internal("a listing could not be read", &error))?;
        if let (items, true) = &page {
            self.ends(&snapshot, items.last());
        }
        Ok(page)
    }

    /// Remembers the last name of a page, after which the next one begins.
    fn ends(&self, snapshot: &Arc<Snapshot>, last: Option<&Item>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_its =
            |kept: &Kept| kept.snapshot.as_ref().is_some_and(|of| Arc::ptr_eq(of, snapshot));
        let kept = kept.iter_mut().find(|kept| is_its(kept));
        if let (Some(kept), Some(last)) = (kept, last)
            && kept.ends.len() < PAGES
        {
            kept.ends.insert(hash(last.name()));
        }
    }

    async fn snapshot(
        &self,
        bucket: &Identity,
        objects: &Objects,
        query: &Query,
    ) -> Result<Option<Arc<Snapshot>>> {
        if let Some(found) = self.find(bucket, query) {
            return Ok(found);
        }
        let prefix = query.prefix.clone();
        let scan = self.scans.get(&format!("{}/{prefix}", bucket.0));
        let _alone = scan.lock().await;
        let _room = self.room.acquire().await;
        // Another request may have looked through the objects meanwhile.
        if let Some(found) = self.find(bucket, query) {
            return Ok(found);
        }
        let (changes, taken) = (self.changes.load(Ordering::Acquire), Instant::now());
        let snapshot = Snapshot::take(objects, &prefix).await.map_err(of_store)?;
        let (snapshot, bucket) = (snapshot.map(Arc::new), bucket.clone());
        let new = Kept {
            bucket,
            prefix,
            changes,
            taken,
            used: Instant::now(),
            snapshot: snapshot.clone(),
            ends: HashSet::new(),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(0, new);
        kept.truncate(KEPT);
        Ok(snapshot)
    }

    /// The snapshot that had the page before this one, or else one that is current.
    fn find(&self, bucket: &Identity, query: &Query) -> Option<Option<Arc<Snapshot>>> {
        let changes = self.changes.load(Ordering::Acquire);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.used.elapsed() < MAX_AGE && kept.taken.elapsed() < MOST_AGE);
        let after = hash(&query.after);
        let is_its = |kept: &&mut Kept| {
            kept.bucket == *bucket
                && query.prefix.starts_with(&kept.prefix)
                && (kept.snapshot.is_none()
                    || kept.ends.contains(&after)
                    || kept.changes == changes && kept.taken.elapsed() < FRESH)
        };
        let found = kept.iter_mut().find(is_its)?;
        if found.snapshot.is_some() {
            found.used = Instant::now();
        }
        Some(found.snapshot.clone())
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use storage_backends::memory::Memory;
    use storage_store::PutOptions;

    #[tokio::test]
    async fn a_snapshot_serves_its_own_listing_and_others_until_something_changes() {
        let objects = Objects::new("s", Arc::new(Memory::new()));
        for key in ["a/1", "b"] {
            objects.put(key, Bytes::new(), PutOptions::default()).await.unwrap();
        }
        let snapshots = Snapshots::new(Arc::default());
        let bucket = |name: &str, created| (name.to_owned(), (created, String::new()));
        let take = async |bucket: &Identity, prefix: &str, after: &str| {
            let (prefix, after) = (prefix.to_owned(), after.to_owned());
            let query = Query { prefix, after, limit: 1, ..Query::default() };
            let taken = snapshots.snapshot(bucket, &objects, &query).await.unwrap().unwrap();
            let (items, more) = taken.page(&query).unwrap();
            snapshots.ends(&taken, items.last().filter(|_| more));
            taken
        };
        let b = bucket("b", 1);
        let first = take(&b, "", "").await;
        assert!(Arc::ptr_eq(&first, &take(&b, "a/", "").await), "another listing");
        let changing = snapshots.changing();
        let second = take(&b, "", "").await;
        assert!(!Arc::ptr_eq(&first, &second), "something may have been changed");
        drop(changing);
        assert!(Arc::ptr_eq(&second, &take(&b, "", "a/1").await), "its own pages go on");
        let other = take(&bucket("b", 2), "", "a/1").await;
        assert!(!Arc::ptr_eq(&second, &other), "another bucket of that name");
        assert!(!Arc::ptr_eq(&second, &take(&b, "", "a/0").await), "no page ended so");
        for prefix in ["1", "2", "3", "4", "5"] {
            take(&bucket("c", 1), prefix, "").await;
        }
        assert_eq!(snapshots.kept.lock().unwrap().len(), KEPT);
    }
}
