//! The set of buckets that is served.

use super::dynamic::Dynamic;
use super::gate::{Gates, Pass, Publishing};
use super::state::BucketState;
use crate::protocol::error::{Code, Error, Result, error};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage_store::objects::Objects;

/// The source of buckets.
#[derive(Clone)]
pub enum Exposed {
    /// Stores as buckets, by bucket name.
    Fixed(Vec<(String, Objects)>),
    /// Buckets that clients create in this store.
    Dynamic(Objects),
}

enum Kind {
    Fixed(BTreeMap<String, Objects>),
    Dynamic(Dynamic),
}

/// The buckets being served.
pub struct Buckets {
    kind: Kind,
    gates: Arc<Gates>,
}

/// An existing bucket.
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its objects.
    pub objects: Objects,
    /// What is kept of it; the default for a store of the configuration.
    pub state: BucketState,
    /// Whether its state is kept in a marker.
    is_marked: bool,
    /// For buckets that can be deleted.
    pass: Option<Pass>,
}

impl Bucket {
    /// Whether this is what is kept of the same bucket. One of which nothing was kept may
    /// have got its marker since.
    pub fn is_still(&self, now: &BucketState) -> bool {
        !self.is_marked || now.is_of_same_bucket(&self.state)
    }
}

impl Buckets {
    /// `gates` outlive this set, for the requests that still use another one.
    pub fn new(exposed: Exposed, gates: Arc<Gates>) -> Self {
        let kind = match exposed {
            Exposed::Fixed(stores) => Kind::Fixed(stores.into_iter().collect()),
            Exposed::Dynamic(main) => Kind::Dynamic(Dynamic::new(main)),
        };
        Self { kind, gates }
    }

    /// Finds a bucket; `NoSuchBucket` if there is none.
    pub async fn find(&self, name: &str) -> Result<Bucket> {
        let missing = || Error::from(Code::NoSuchBucket).detail("BucketName", name);
        let name = name.to_owned();
        match &self.kind {
            Kind::Fixed(stores) => {
                let objects = stores.get(&name).cloned().ok_or_else(missing)?;
                let state = BucketState::default();
                Ok(Bucket { name, objects, state, is_marked: false, pass: None })
            }
            Kind::Dynamic(buckets) => {
                // Before the bucket is looked for, so that no deletion is missed.
                let pass = Some(self.gates.pass(&name));
                let marked = buckets.marked(&name).await?;
                let is_marked = marked.is_some();
                let state = match marked {
                    None if buckets.is_empty(&name).await? => return Err(missing()),
                    state => state.unwrap_or_default(),
                };
                Ok(Bucket { objects: buckets.objects(&name), name, state, is_marked, pass })
            }
        }
    }

    /// What is kept of a bucket, at the cost of one read; the default for one of which
    /// nothing is kept or which does not exist.
    pub async fn kept(&self, name: &str) -> Result<BucketState> {
        match &self.kind {
            Kind::Fixed(_) => Ok(BucketState::default()),
            Kind::Dynamic(buckets) => Ok(buckets.marked(name).await?.unwrap_or_default()),
        }
    }

    /// Whether a bucket is known to exist, at the cost of one read.
    pub async fn has(&self, name: &str) -> Result<bool> {
        match &self.kind {
            Kind::Fixed(stores) => Ok(stores.contains_key(name)),
            Kind::Dynamic(buckets) => Ok(buckets.marked(name).await?.is_some()),
        }
    }

    /// Keeps the bucket from being deleted while an object is published in it, and returns
    /// what is kept of it now. Fails if the bucket is not the one any more that the request
    /// found.
    pub async fn publishing(&self, bucket: &Bucket) -> Result<(Option<Publishing>, BucketState)> {
        let (Kind::Dynamic(buckets), Some(pass)) = (&self.kind, &bucket.pass) else {
            return Ok((None, BucketState::default()));
        };
        let held = pass.publishing().await?;
        let now = buckets.marked(&bucket.name).await?;
        match now {
            Some(now) if bucket.is_still(&now) => Ok((Some(held), now)),
            None if !bucket.is_marked => Ok((Some(held), BucketState::default())),
            _ => Err(Error::from(Code::NoSuchBucket)),
        }
    }

    /// Writes a missing marker, so that the bucket outlives the objects that are deleted.
    pub async fn outlive(&self, bucket: &Bucket) -> Result<()> {
        match &self.kind {
            Kind::Dynamic(buckets) if !bucket.is_marked => buckets.adopt(&bucket.name).await,
            Kind::Dynamic(_) | Kind::Fixed(_) => Ok(()),
        }
    }

    /// Updates what is kept of a bucket. `change` may refuse, and sees the state that it
    /// changes, which may be newer than the one that the request found.
    pub async fn change(
        &self,
        bucket: &Bucket,
        change: impl Fn(&mut BucketState) -> Result<()>,
    ) -> Result<()> {
        match &self.kind {
            Kind::Dynamic(buckets) => {
                let change = |state: &mut BucketState| {
                    if !bucket.is_still(state) {
                        return Err(Error::from(Code::NoSuchBucket));
                    }
                    change(state)
                };
                buckets.change(&bucket.name, change).await
            }
            Kind::Fixed(_) => Err(error!(
                NotImplemented,
                "this bucket is a store of the configuration, which keeps no settings of \
                 buckets; those of serve.buckets: dynamic do"
            )),
        }
    }

    /// Creates a bucket. Returns its state and whether it is new.
    pub async fn create(&self, name: &str, wanted: BucketState) -> Result<(BucketState, bool)> {
        match &self.kind {
            Kind::Dynamic(buckets) => buckets.create(name, wanted).await,
            Kind::Fixed(stores) if stores.contains_key(name) => {
                Err(Error::from(Code::BucketAlreadyOwnedByYou))
            }
            Kind::Fixed(_) => Err(error!(
                NotImplemented,
                "the buckets here are those of the configuration; serve.buckets: dynamic lets \
                 clients make some"
            )),
        }
    }

    /// Removes an empty bucket.
    pub async fn remove(&self, bucket: &Bucket) -> Result<()> {
        let (Kind::Dynamic(buckets), Some(pass)) = (&self.kind, &bucket.pass) else {
            return Err(error!(NotImplemented, "this bucket is a store of the configuration"));
        };
        let deleting = pass.deleting().await;
        buckets.remove(&bucket.name, |now| bucket.is_still(now)).await?;
        deleting.done();
        Ok(())
    }

    /// The names of all buckets that begin with `prefix`, in order.
    pub async fn names(&self, prefix: &str) -> Result<Vec<String>> {
        match &self.kind {
            Kind::Fixed(stores) => {
                Ok(stores.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
            }
            Kind::Dynamic(buckets) => Ok(buckets.names(prefix).await?.into_iter().collect()),
        }
    }

    /// What is kept of these buckets; those that vanished meanwhile are left out.
    pub async fn states(&self, names: Vec<String>) -> Result<Vec<(String, BucketState)>> {
        match &self.kind {
            Kind::Fixed(_) => {
                Ok(names.into_iter().map(|name| (name, BucketState::default())).collect())
            }
            Kind::Dynamic(buckets) => buckets.states(names).await,
        }
    }
}
