//! How an upload ends: one request at a time completes it, and it is completed or aborted,
//! never both.

use super::keys::{OUTCOME, named};
use crate::memory::slow_down;
use crate::object::checksum::Sum;
use crate::protocol::date::now_in_millis;
use crate::protocol::error::{Code, Error, Result};
use crate::random;
use crate::store_error::{internal, of_store};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::time::Duration;
use storage_store::objects::Objects;
use storage_store::{DeleteOptions, Error as StoreError, PutOptions, ReadOptions, conditionally};
use tokio::time::{Instant, sleep, timeout};

/// For how long a claim holds without being renewed, by the clocks of the hosts that share
/// the store. A holder gives up one [`RENEWAL`] earlier: that much may the clocks differ.
const LEASE: Duration = Duration::from_secs(60);

/// How often a claim is renewed.
const RENEWAL: Duration = Duration::from_secs(15);

/// The most bytes of an outcome.
const MAX_OUTCOME: u64 = 1024 * 1024;

/// What has become of an upload, or is becoming of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// A request is ending the upload. It must renew this, or another may take over.
    Claimed {
        /// Random, so that no two claims have the same bytes, and with them the same etag.
        by: String,
        /// In milliseconds since 1970.
        until: u64,
    },
    Completed(Completed),
}

/// The result of a completed upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completed {
    /// What tells the request from others: a repetition of it has the same result.
    pub request: String,
    /// The access key that completed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The object's key.
    pub key: String,
    /// The object's etag.
    pub etag: String,
    /// The object's checksum.
    pub sum: Option<Sum>,
}

/// The right to end an upload. Call [`release`](Self::release) if it does not end.
pub struct Claim {
    store: Objects,
    key: String,
    by: String,
    /// `None` before the first write. Stores that act on preconditions give etags.
    etag: Option<String>,
}

/// What a request that would end an upload finds.
pub enum Found {
    /// Nobody else ends it.
    Open(Claim),
    /// It was completed.
    Completed(Completed),
}

/// Claims the end of an upload. `SlowDown` while another host has it.
pub async fn claim(store: &Objects, bucket: &str, id: &str) -> Result<Found> {
    let key = named(bucket, id, OUTCOME);
    let mut claim = Claim { store: store.clone(), key, by: random::id::<8>()?, etag: None };
    claim.etag = match read(store, &claim.key).await? {
        None => None,
        Some((Outcome::Completed(completed), _)) => return Ok(Found::Completed(completed)),
        Some((Outcome::Claimed { until, .. }, _)) if until > now_in_millis() => {
            return Err(slow_down());
        }
        Some((Outcome::Claimed { .. }, etag)) => etag,
    };
    match claim.write().await {
        Ok(()) => Ok(Found::Open(claim)),
        Err(error) if is_lost(&error) => Err(slow_down()),
        Err(error) => Err(of_store(error)),
    }
}

/// The result of an upload that was completed.
pub async fn result(store: &Objects, bucket: &str, id: &str) -> Result<Option<Completed>> {
    match read(store, &named(bucket, id, OUTCOME)).await? {
        Some((Outcome::Completed(completed), _)) => Ok(Some(completed)),
        _ => Ok(None),
    }
}

async fn read(store: &Objects, key: &str) -> Result<Option<(Outcome, Option<String>)>> {
    match store.get(key, ReadOptions::default(), MAX_OUTCOME).await {
        Err(StoreError::NotFound) => Ok(None),
        Err(error) => Err(internal("the outcome of an upload can't be read", &error)),
        Ok((info, text)) => {
            let outcome = serde_json::from_slice(&text);
            let outcome = outcome.map_err(|e| internal("an outcome can't be read", &e))?;
            Ok(Some((outcome, info.etag)))
        }
    }
}

/// Whether someone else has a claim by now.
fn is_lost(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::AlreadyExists | StoreError::PreconditionFailed | StoreError::NotFound
    )
}

impl Claim {
    async fn write(&mut self) -> Result<(), StoreError> {
        let lease = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        let until = now_in_millis().saturating_add(lease);
        self.put(&Outcome::Claimed { by: self.by.clone(), until }).await
    }

    async fn put(&mut self, outcome: &Outcome) -> Result<(), StoreError> {
        let json = serde_json::to_vec(outcome).map_err(|e| StoreError::Other(e.to_string()))?;
        let json = Bytes::from(json);
        let put = |conditional: bool| {
            let if_match = self.etag.clone().filter(|_| conditional);
            let if_absent = conditional && self.etag.is_none();
            let options = PutOptions { if_match, if_absent, ..PutOptions::default() };
            self.store.put(&self.key, json.clone(), options)
        };
        let info = conditionally(|| self.store.capabilities(), put).await?;
        self.etag = info.etag;
        Ok(())
    }

    /// Does what ends the upload, and keeps the claim meanwhile. The work is given up if the
    /// claim is lost, or could not be renewed for so long that another host may take it over;
    /// an object that is just being published then may still appear.
    pub async fn during<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.keep(work, RENEWAL, LEASE).await
    }

    async fn keep<T>(
        &mut self,
        work: impl Future<Output = Result<T>>,
        renewal: Duration,
        lease: Duration,
    ) -> Result<T> {
        let mut work = std::pin::pin!(work);
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = sleep(renewal) => {}
            }
            let begun = Instant::now();
            let left = lease.saturating_sub(renewal + renewed.elapsed());
            let mut renewing = std::pin::pin!(timeout(left, self.write()));
            let mut done = None;
            // The work goes on while a slow store is waited for, and what that has stored is
            // known when the work is done.
            let written = loop {
                tokio::select! {
                    written = &mut renewing => break written,
                    ended = &mut work, if done.is_none() => done = Some(ended),
                }
            };
            if let Some(done) = done {
                return done;
            }
            match written {
                Ok(Ok(())) => renewed = begun,
                Ok(Err(error)) if is_lost(&error) => return Err(slow_down()),
                Ok(Err(error)) => {
                    tracing::warn!(target: "storage", %error, "a claim could not be renewed");
                }
                Err(_) => tracing::warn!(target: "storage", "a claim was not renewed in time"),
            }
            if renewed.elapsed() + renewal >= lease {
                return Err(slow_down());
            }
        }
    }

    /// Records the result. The object exists already, so that a failure only costs the
    /// answer to a repetition. Returns whether it is recorded.
    pub async fn record(mut self, completed: Completed) -> bool {
        let recorded = self.put(&Outcome::Completed(completed)).await;
        if let Err(error) = &recorded {
            tracing::warn!(target: "storage", %error, "the outcome of an upload is not recorded");
        }
        recorded.is_ok()
    }

    /// Lets others end the upload; also the last step of an abort.
    pub async fn release(mut self) {
        let options = DeleteOptions { if_match: self.etag.clone() };
        let released = match self.store.delete(&self.key, options).await {
            // This store can't delete under a condition, so the claim is left to be taken over.
            Err(StoreError::Unsupported(_)) => {
                self.put(&Outcome::Claimed { by: self.by.clone(), until: 0 }).await
            }
            done => done,
        };
        if let Err(error) = released {
            tracing::debug!(target: "storage", %error, "a claim is left to expire");
        }
    }
}

/// The error for an upload that does not exist, or not any more.
pub fn no_upload(id: &str) -> Error {
    Error::from(Code::NoSuchUpload).detail("UploadId", id.chars().take(100).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use storage_backends::memory::Memory;

    fn completed() -> Completed {
        Completed {
            request: "r".to_owned(),
            by: None,
            key: "k".to_owned(),
            etag: "e".to_owned(),
            sum: None,
        }
    }

    async fn open(store: &Objects) -> Option<Claim> {
        match claim(store, "b", "1").await {
            Ok(Found::Open(claim)) => Some(claim),
            _ => None,
        }
    }

    #[tokio::test]
    async fn one_request_at_a_time_ends_an_upload() {
        let store = Objects::new("staging", Arc::new(Memory::new()));
        let first = open(&store).await.unwrap();
        assert!(open(&store).await.is_none());
        first.release().await;
        let second = open(&store).await.unwrap();
        second.record(completed()).await;
        let found = claim(&store, "b", "1").await.ok().unwrap();
        assert!(matches!(found, Found::Completed(found) if found == completed()));
    }

    #[tokio::test]
    async fn work_is_given_up_before_a_claim_that_can_not_be_renewed_is_over() {
        let store = Objects::new("staging", Arc::new(Memory::new()));
        let mut claim = open(&store).await.unwrap();
        // No key, so that every write fails.
        claim.key = String::new();
        let work = std::future::pending::<Result<()>>();
        let given_up = claim.keep(work, Duration::from_millis(2), Duration::from_millis(20)).await;
        assert_eq!(given_up.unwrap_err().code(), Code::SlowDown);
    }

    #[tokio::test]
    async fn a_claim_that_is_not_renewed_is_taken_over_and_its_holder_changes_nothing() {
        let store = Objects::new("staging", Arc::new(Memory::new()));
        let mut dead = open(&store).await.unwrap();
        dead.put(&Outcome::Claimed { by: dead.by.clone(), until: now_in_millis() - 1 })
            .await
            .unwrap();
        let stale = Claim {
            store: store.clone(),
            by: String::new(),
            key: dead.key.clone(),
            etag: dead.etag.clone(),
        };
        let heir = open(&store).await.unwrap();
        stale.record(completed()).await;
        dead.release().await;
        assert!(open(&store).await.is_none(), "the heir has lost its claim");
        heir.release().await;
        assert!(open(&store).await.is_some());
    }
}
