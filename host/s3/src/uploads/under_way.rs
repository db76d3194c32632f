//! The uploads under way.

use super::keys::{self, MANIFEST};
use super::manifest::Manifest;
use super::outcome::{Claim, Completed, Found, claim, no_upload, result};
use super::part::{MAX_PARTS, Part};
use super::removal::clear;
use super::sweep::Sweeper;
use crate::bucket::buckets::Bucket;
use crate::keyed::Keyed;
use crate::object::incoming::Incoming;
use crate::protocol::error::{Error, Result, error};
use crate::random;
use crate::store_error::{internal, of_store};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error as StoreError, PutOptions, ReadOptions};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The most bytes of a manifest.
const MAX_MANIFEST: u64 = 1024 * 1024;

/// How many objects of the store are asked for concurrently.
const AT_ONCE: usize = 16;

/// What is between the requests of this process that would end the same upload. They wait
/// for each other; those of other hosts are told to try again.
#[derive(Default)]
pub struct Ends(Keyed<Mutex<()>>);

/// The uploads under way, in a store.
pub struct Uploads {
    store: Result<Objects, String>,
    ends: Arc<Ends>,
    sweeper: Arc<Sweeper>,
    in_use: Arc<()>,
}

/// Held by a request that ends an upload.
pub type Ending = OwnedMutexGuard<()>;

impl Uploads {
    /// The uploads in `store`, or the reason why there can't be any. `in_use` is held while
    /// the store is used.
    pub fn new(store: Result<Objects, String>, ends: Arc<Ends>, in_use: Arc<()>) -> Self {
        Self { store, ends, sweeper: Arc::default(), in_use }
    }

    /// The store of parts.
    pub fn store(&self) -> Result<&Objects> {
        self.store
            .as_ref()
            .map_err(|why| error!(NotImplemented, "uploads in parts are not possible here: {why}"))
    }

    /// Starts an upload and returns its id.
    pub async fn start(&self, bucket: &str, upload: &Manifest) -> Result<String> {
        let store = self.store()?;
        self.sweeper.sweep_in_background(store, &self.in_use);
        let id = random::id::<16>()?;
        let json = serde_json::to_vec(upload);
        let json = json.map_err(|error| internal("an upload can't be kept", &error))?;
        let options = PutOptions {
            content_type: Some("application/json".to_owned()),
            ..PutOptions::default()
        };
        let key = keys::named(bucket, &id, MANIFEST);
        store.put(&key, json.into(), options).await.map_err(of_store)?;
        Ok(id)
    }

    /// The upload with this id, if it is for this object.
    pub async fn find(&self, id: &str, bucket: &Bucket, key: &str) -> Result<Manifest> {
        let found = match keys::is_id(id) {
            true => self.read(&bucket.name, id).await?,
            false => None,
        };
        found.filter(|upload| upload.is_for(bucket, key)).ok_or_else(|| no_upload(id))
    }

    async fn read(&self, bucket: &str, id: &str) -> Result<Option<Manifest>> {
        let key = keys::named(bucket, id, MANIFEST);
        match self.store()?.get(&key, ReadOptions::default(), MAX_MANIFEST).await {
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(internal("an upload can't be read", &error)),
            Ok((_, text)) => {
                let upload = serde_json::from_slice(&text);
                upload.map(Some).map_err(|error| internal("an upload can't be read", &error))
            }
        }
    }

    /// All uploads in a bucket as (id, upload), sorted by key and id.
    pub async fn list(&self, bucket: &Bucket) -> Result<Vec<(String, Manifest)>> {
        let Ok(store) = &self.store else { return Ok(Vec::new()) };
        let mut ids = Vec::new();
        let mut entries = Box::pin(store.entries(&keys::of_bucket(&bucket.name)));
        while let Some(entry) = entries.try_next().await.map_err(of_store)? {
            if let Some((_, id, MANIFEST)) = keys::parse(&entry.key) {
                ids.push(id.to_owned());
            }
        }
        let uploads = futures::stream::iter(ids).map(|id| async move {
            let upload = self.read(&bucket.name, &id).await?;
            let upload = upload.filter(|upload| upload.is_for(bucket, &upload.key));
            Ok::<_, Error>(upload.map(|upload| (id, upload)))
        });
        let uploads: Vec<_> = uploads.buffered(AT_ONCE).try_collect().await?;
        let mut uploads: Vec<_> = uploads.into_iter().flatten().collect();
        uploads.sort_by(|(a_id, a), (b_id, b)| (&a.key, a_id).cmp(&(&b.key, b_id)));
        Ok(uploads)
    }

    /// Writes the body of a request as a part of an upload, replacing one with the same
    /// number.
    pub async fn keep(
        &self,
        (bucket, id): (&str, &str),
        number: u32,
        body: Incoming,
    ) -> Result<Part> {
        check_number(number)?;
        let store = self.store()?;
        let key = keys::part(bucket, id, number);
        let part = Part::write(store, &key, number, body).await?;
        // The upload may have ended meanwhile, and its parts been removed.
        match store.exists(&keys::named(bucket, id, MANIFEST)).await {
            Ok(true) => Ok(part),
            Ok(false) => {
                let _ = store.delete(&key, DeleteOptions::default()).await;
                Err(no_upload(id))
            }
            Err(error) => Err(of_store(error)),
        }
    }

    /// The parts of an upload that arrived.
    pub async fn parts(&self, bucket: &str, id: &str) -> Result<BTreeMap<u32, Part>> {
        let store = self.store()?;
        let mut numbers = Vec::new();
        let mut entries = Box::pin(store.entries(&keys::of_upload(bucket, id)));
        while let Some(entry) = entries.try_next().await.map_err(of_store)? {
            let name = keys::parse(&entry.key).map(|(.., name)| name);
            numbers.extend(name.and_then(keys::number));
        }
        let parts = futures::stream::iter(numbers).map(|number| async move {
            match store.stat_with_size(&keys::part(bucket, id, number)).await {
                Ok(info) => Ok(Part::of(number, &info).map(|part| (number, part))),
                Err(StoreError::NotFound) => Ok(None),
                Err(error) => Err(of_store(error)),
            }
        });
        let parts: Vec<_> = parts.buffered(AT_ONCE).try_collect().await?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Waits until no other request of this process ends the upload, and claims its end.
    pub async fn end(&self, bucket: &str, id: &str) -> Result<(Ending, Found)> {
        if !keys::is_id(id) {
            return Err(no_upload(id));
        }
        let ending = self.ends.0.get(&keys::of_upload(bucket, id)).lock_owned().await;
        Ok((ending, claim(self.store()?, bucket, id).await?))
    }

    /// Removes an upload that ended, but for its outcome.
    pub async fn clear(&self, bucket: &str, id: &str) -> Result<()> {
        clear(self.store()?, bucket, id).await.map_err(of_store)
    }

    /// Aborts an upload that was claimed.
    pub async fn abort(&self, bucket: &str, id: &str, claim: Claim) -> Result<()> {
        let cleared = self.clear(bucket, id).await;
        claim.release().await;
        cleared
    }

    /// Removes all uploads in a bucket that was deleted. What fails is left to expire.
    pub async fn forget(&self, bucket: &Bucket) {
        let Ok(uploads) = self.list(bucket).await else { return };
        for (id, _) in uploads {
            if let Err(error) = self.clear(&bucket.name, &id).await {
                tracing::warn!(target: "storage", %error, "an upload is left to expire");
            }
        }
    }

    /// The result of an upload that was completed.
    pub async fn result(&self, bucket: &str, id: &str) -> Result<Option<Completed>> {
        match keys::is_id(id) {
            true => result(self.store()?, bucket, id).await,
            false => Ok(None),
        }
    }
}

/// The S3 rule for numbers of parts.
pub fn check_number(number: u32) -> Result<()> {
    match (1..=MAX_PARTS).contains(&number) {
        true => Ok(()),
        false => Err(error!(InvalidArgument, "part numbers are 1 to {MAX_PARTS}")),
    }
}
