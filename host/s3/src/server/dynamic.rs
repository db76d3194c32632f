//! Buckets that clients create, kept as prefixes of the main store.
//!
//! The objects of bucket `b` are those below `b/`. Its state is JSON in a
//! marker, the object `.buckets/b`; bucket names never begin with a dot, so no
//! bucket's objects can lie there. A prefix without a marker, written by
//! something else, is a bucket, too: the first change through the endpoint
//! writes its marker.

use super::error::{internal, s3};
use super::prefixed::Prefixed;
use crate::bucket_name;
use futures::{StreamExt, TryStreamExt};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use storage_store::delimited::{self, Item, Query};
use storage_store::objects::Objects;
use storage_store::{
    DeleteOptions, Error, ListOptions, Paging, PutOptions, ReadOptions, conditionally,
};

const MARKERS: &str = ".buckets/";

/// Far more than the state of a bucket needs.
const MAX_MARKER: u64 = 1024 * 1024;

/// How often to retry a marker update that races with others.
const TRIES: usize = 8;

/// How many markers to read concurrently.
const READS: usize = 8;

/// The stored state of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// When the bucket was created, in milliseconds since 1970.
    pub created: u64,
    /// The access key that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The location constraint given at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<crate::cors_rule::Rule>,
    /// The ACL's grants; `None`: only the owner has access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<super::acl::Grant>>,
    /// The S3 object ownership setting (`BucketOwnerEnforced`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_block: Option<PublicBlock>,
}

/// The public access that a bucket's owner blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicBlock {
    pub block_public_acls: bool,
    pub ignore_public_acls: bool,
    pub block_public_policy: bool,
    pub restrict_public_buckets: bool,
}

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

    /// The state of a bucket, or `None` if there is no such bucket.
    pub async fn state(&self, name: &str) -> S3Result<Option<State>> {
        match self.marker(name).await? {
            Some((state, _)) => Ok(Some(state)),
            None if self.is_empty(name).await? => Ok(None),
            None => Ok(Some(State::default())),
        }
    }

    async fn marker(&self, name: &str) -> S3Result<Option<(State, Option<String>)>> {
        let key = format!("{MARKERS}{name}");
        let (info, text) = match self.main.get(&key, ReadOptions::default(), MAX_MARKER).await {
            Ok(found) => found,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(s3(error, &key)),
        };
        let state = serde_json::from_slice(&text).map_err(|error| {
            internal(&format!("what is kept of bucket {name:?} in {key:?} can't be read"), &error)
        })?;
        Ok(Some((state, info.etag)))
    }

    async fn put(&self, name: &str, state: &State, mut options: PutOptions) -> Result<(), Error> {
        let json = serde_json::to_vec(state).map_err(|error| Error::Other(error.to_string()))?;
        options.content_type = Some("application/json".to_owned());
        self.main.put(&format!("{MARKERS}{name}"), json.into(), options).await.map(drop)
    }

    /// Writes a marker only if none exists, as far as the store can check that.
    async fn put_new(&self, name: &str, state: &State) -> Result<(), Error> {
        let put =
            |if_absent| self.put(name, state, PutOptions { if_absent, ..PutOptions::default() });
        conditionally(|| self.main.capabilities(), put).await
    }

    async fn is_empty(&self, name: &str) -> S3Result<bool> {
        let objects = self.objects(name);
        let mut options = ListOptions { limit: Some(1), ..ListOptions::default() };
        let mut paging = Paging::default();
        loop {
            let page = objects.list(options.clone()).await.map_err(|e| s3(e, ""))?;
            if !page.entries.is_empty() {
                return Ok(false);
            }
            if !paging.advance(&page, &mut options).map_err(|e| s3(e, ""))? {
                return Ok(true);
            }
        }
    }

    /// Creates a bucket. Returns its state and whether it is new.
    pub async fn create(&self, name: &str, wanted: State) -> S3Result<(State, bool)> {
        if let Some(state) = self.state(name).await? {
            return Ok((state, false));
        }
        let wanted = State { created: now(), ..wanted };
        match self.put_new(name, &wanted).await {
            Ok(()) => Ok((wanted, true)),
            // Another request created it first.
            Err(Error::AlreadyExists | Error::PreconditionFailed) => {
                Ok((self.state(name).await?.unwrap_or_default(), false))
            }
            Err(error) => Err(s3(error, name)),
        }
    }

    /// Writes the marker of a bucket that exists only by its objects, so that
    /// the bucket outlives them.
    pub async fn adopt(&self, name: &str) -> S3Result<()> {
        match self.marker(name).await? {
            Some(_) => Ok(()),
            None => self.create_marker(name).await,
        }
    }

    async fn create_marker(&self, name: &str) -> S3Result<()> {
        if self.is_empty(name).await? {
            return Err(s3_error!(NoSuchBucket));
        }
        match self.put_new(name, &State { created: now(), ..State::default() }).await {
            Ok(()) | Err(Error::AlreadyExists | Error::PreconditionFailed) => Ok(()),
            Err(error) => Err(s3(error, name)),
        }
    }

    /// Updates the state of a bucket; retries if others update it concurrently.
    pub async fn change(&self, name: &str, change: impl Fn(&mut State)) -> S3Result<()> {
        self.adopt(name).await?;
        for _ in 0..TRIES {
            let Some((mut state, etag)) = self.marker(name).await? else {
                return Err(s3_error!(NoSuchBucket));
            };
            let before = state.clone();
            change(&mut state);
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
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(s3(error, name)),
            }
        }
        Err(s3_error!(OperationAborted, "the bucket is being changed by others; try again"))
    }

    /// Removes an empty bucket. An object put at the same moment is not lost:
    /// it makes the prefix a bucket again.
    pub async fn remove(&self, name: &str) -> S3Result<()> {
        let marked = self.marker(name).await?.is_some();
        if !self.is_empty(name).await? {
            return Err(s3_error!(BucketNotEmpty));
        }
        if !marked {
            return Err(s3_error!(NoSuchBucket));
        }
        match self.main.delete(&format!("{MARKERS}{name}"), DeleteOptions::default()).await {
            Ok(()) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(s3(error, name)),
        }
    }

    /// The names of all buckets that begin with `prefix`, in order.
    pub async fn names(&self, prefix: &str) -> S3Result<BTreeSet<String>> {
        let marked = Query { prefix: format!("{MARKERS}{prefix}"), ..Query::default() };
        let unmarked =
            Query { prefix: prefix.to_owned(), delimiter: "/".to_owned(), ..Query::default() };
        let mut names = BTreeSet::new();
        for mut query in [marked, unmarked] {
            query.limit = 1000;
            loop {
                let (items, more) =
                    delimited::list(&self.main, &query).await.map_err(|e| s3(e, &query.prefix))?;
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

    /// The states of these buckets; those that vanished meanwhile are left out.
    pub async fn states(&self, names: Vec<String>) -> S3Result<Vec<(String, State)>> {
        let states = futures::stream::iter(names).map(|name| async move {
            let state = self.state(&name).await?;
            Ok::<_, s3s::S3Error>(state.map(|state| (name, state)))
        });
        let states: Vec<_> = states.buffered(READS).try_collect().await?;
        Ok(states.into_iter().flatten().collect())
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
