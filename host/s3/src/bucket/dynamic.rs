//! Buckets that clients create, kept as prefixes of the main store.
//!
//! The objects of bucket `b` are those below `b/`. Its state is JSON in a marker, the
//! object `.buckets/b`; bucket names never begin with a dot, so no bucket's objects can
//! lie there. A prefix without a marker, written by something else, is a bucket, too: the
//! first change through the endpoint writes its marker.

use super::prefixed::Prefixed;
use super::state::BucketState;
use crate::bucket_name;
use crate::protocol::date::now_in_millis;
use crate::protocol::error::{Code, Error, Result, error};
use crate::random;
use crate::store_error::{internal, of_store};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use storage_store::delimited::{self, Item, Query};
use storage_store::objects::Objects;
use storage_store::{
    DeleteOptions, Error as StoreError, ListOptions, Paging, PutOptions, ReadOptions, conditionally,
};

const MARKERS: &str = ".buckets/";

/// Far more than the state of a bucket needs.
const MAX_MARKER: u64 = 1024 * 1024;

/// How often to retry a marker update that races with others.
const TRIES: usize = 8;

/// How many markers to read concurrently.
const READS: usize = 8;

/// The buckets in the main store.
pub struct Dynamic {
    main: Objects,
}

impl Dynamic {
    pub fn new(main: Objects) -> Self {
        Self { main }
    }

    /// The objects of a bucket, whether or not the bucket exists.
    pub fn objects(&self, name: &str) -> Objects {
        let store = Arc::new(Prefixed::new(self.main.store().clone(), format!("{name}/")));
        Objects::new(self.main.name(), store)
    }

    /// The state of a bucket in its marker, or `None` if it has none. This costs one read,
    /// whatever the store holds.
    pub async fn marked(&self, name: &str) -> Result<Option<BucketState>> {
        Ok(self.marker(name).await?.map(|(state, _)| state))
    }

    async fn marker(&self, name: &str) -> Result<Option<(BucketState, Option<String>)>> {
        let key = format!("{MARKERS}{name}");
        let (info, text) = match self.main.get(&key, ReadOptions::default(), MAX_MARKER).await {
            Ok(found) => found,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(of_store(error)),
        };
        let state = serde_json::from_slice(&text).map_err(|error| {
            internal(&format!("what is kept of bucket {name:?} in {key:?} can't be read"), &error)
        })?;
        Ok(Some((state, info.etag)))
    }

    async fn put(
        &self,
        name: &str,
        state: &BucketState,
        mut options: PutOptions,
    ) -> Result<(), StoreError> {
        let json =
            serde_json::to_vec(state).map_err(|error| StoreError::Other(error.to_string()))?;
        options.content_type = Some("application/json".to_owned());
        self.main.put(&format!("{MARKERS}{name}"), json.into(), options).await.map(drop)
    }

    /// Writes a marker only if none exists, as far as the store can check that.
    async fn put_new(&self, name: &str, state: &BucketState) -> Result<(), StoreError> {
        let put =
            |if_absent| self.put(name, state, PutOptions { if_absent, ..PutOptions::default() });
        conditionally(|| self.main.capabilities(), put).await
    }

    /// Whether nothing lies below the bucket's name.
    pub async fn is_empty(&self, name: &str) -> Result<bool> {
        let objects = self.objects(name);
        let limit = objects.capabilities().ordered.then_some(1);
        let mut options = ListOptions { limit, ..ListOptions::default() };
        let mut paging = Paging::default();
        loop {
            let page = objects.list(options.clone()).await.map_err(of_store)?;
            if !page.entries.is_empty() {
                return Ok(false);
            }
            if !paging.advance(&page, &mut options).map_err(of_store)? {
                return Ok(true);
            }
        }
    }

    /// Creates a bucket. Returns its state and whether it is new.
    pub async fn create(&self, name: &str, wanted: BucketState) -> Result<(BucketState, bool)> {
        match self.marked(name).await? {
            Some(state) => return Ok((state, false)),
            None if !self.is_empty(name).await? => return Ok((BucketState::default(), false)),
            None => {}
        }
        let wanted = made_now(wanted)?;
        match self.put_new(name, &wanted).await {
            Ok(()) => Ok((wanted, true)),
            // Another request created it first.
            Err(StoreError::AlreadyExists | StoreError::PreconditionFailed) => {
                Ok((self.marked(name).await?.unwrap_or_default(), false))
            }
            Err(error) => Err(of_store(error)),
        }
    }

    /// Writes the marker of a bucket that exists only by its objects, so that the bucket
    /// outlives them.
    pub async fn adopt(&self, name: &str) -> Result<()> {
        if self.marker(name).await?.is_some() {
            return Ok(());
        }
        if self.is_empty(name).await? {
            return Err(Error::from(Code::NoSuchBucket));
        }
        match self.put_new(name, &made_now(BucketState::default())?).await {
            Ok(()) | Err(StoreError::AlreadyExists | StoreError::PreconditionFailed) => Ok(()),
            Err(error) => Err(of_store(error)),
        }
    }

    /// Updates the state of a bucket; retries if others update it concurrently. `change`
    /// may refuse.
    pub async fn change(
        &self,
        name: &str,
        change: impl Fn(&mut BucketState) -> Result<()>,
    ) -> Result<()> {
        self.adopt(name).await?;
        for _ in 0..TRIES {
            let Some((mut state, etag)) = self.marker(name).await? else {
                return Err(Error::from(Code::NoSuchBucket));
            };
            let before = state.clone();
            change(&mut state)?;
            if state == before {
                return Ok(());
            }
            let changed = conditionally(
                || self.main.capabilities(),
                |conditional| {
                    let if_match = etag.clone().filter(|_| conditional);
                    self.put(name, &state, PutOptions { if_match, ..PutOptions::default() })
                },
            );
            match changed.await {
                Ok(()) => return Ok(()),
                Err(StoreError::PreconditionFailed) => {}
                Err(error) => return Err(of_store(error)),
            }
        }
        Err(error!(OperationAborted, "the bucket is being changed by others; try again"))
    }

    /// Removes an empty bucket, if its state is the one that `is_it` knows.
    pub async fn remove(&self, name: &str, is_it: impl Fn(&BucketState) -> bool) -> Result<()> {
        let marker = self.marker(name).await?;
        if !self.is_empty(name).await? {
            return Err(Error::from(Code::BucketNotEmpty));
        }
        let Some((state, etag)) = marker.filter(|(state, _)| is_it(state)) else {
            return Err(Error::from(Code::NoSuchBucket));
        };
        let key = format!("{MARKERS}{name}");
        let deleted = conditionally(
            || self.main.capabilities(),
            |conditional| {
                let if_match = etag.clone().filter(|_| conditional);
                self.main.delete(&key, DeleteOptions { if_match })
            },
        );
        match deleted.await {
            Ok(()) => {}
            Err(StoreError::NotFound | StoreError::PreconditionFailed) => {
                return Err(error!(OperationAborted, "the bucket is being changed by others"));
            }
            Err(error) => return Err(of_store(error)),
        }
        // Another host may have published an object meanwhile.
        if self.is_empty(name).await? {
            return Ok(());
        }
        self.put_new(name, &state).await.map_err(of_store)?;
        Err(Error::from(Code::BucketNotEmpty))
    }

    /// The names of all buckets that begin with `prefix`, in order.
    pub async fn names(&self, prefix: &str) -> Result<BTreeSet<String>> {
        let marked = Query { prefix: format!("{MARKERS}{prefix}"), ..Query::default() };
        let unmarked =
            Query { prefix: prefix.to_owned(), delimiter: "/".to_owned(), ..Query::default() };
        let mut names = BTreeSet::new();
        for mut query in [marked, unmarked] {
            query.limit = 1000;
            loop {
                let (items, more) = delimited::list(&self.main, &query).await.map_err(of_store)?;
                let last = items.last().map(|item| item.name().to_owned());
                names.extend(items.iter().filter_map(|item| match item {
                    Item::Object(entry) => entry.key.strip_prefix(MARKERS).map(str::to_owned),
                    Item::Prefix(prefix) => prefix.strip_suffix('/').map(str::to_owned),
                }));
                match last.filter(|_| more) {
                    Some(last) => query.after = last,
                    None => break,
                }
            }
        }
        names.retain(|name| bucket_name::problem(name).is_none());
        Ok(names)
    }

    /// The states of buckets with these names; those that vanished meanwhile are left out.
    pub async fn states(&self, names: Vec<String>) -> Result<Vec<(String, BucketState)>> {
        let states = futures::stream::iter(names).map(|name| async move {
            let state = match self.marked(&name).await? {
                None if self.is_empty(&name).await? => None,
                found => Some(found.unwrap_or_default()),
            };
            Ok::<_, Error>(state.map(|state| (name, state)))
        });
        let states: Vec<_> = states.buffered(READS).try_collect().await?;
        Ok(states.into_iter().flatten().collect())
    }
}

fn made_now(state: BucketState) -> Result<BucketState> {
    Ok(BucketState { created: now_in_millis(), id: random::id::<8>()?, ..state })
}
