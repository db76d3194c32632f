//! Keeps the deletion of a bucket apart from what is being written into it.
//!
//! A write takes a [`Pass`] before it looks for the bucket. It publishes only if the bucket
//! was not deleted since, and no bucket is deleted in the middle of that. Otherwise the
//! object of a slow upload would bring a deleted bucket back, without its owner.

use crate::keyed::Keyed;
use crate::protocol::error::{Code, Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The gates of all buckets that requests use at the moment.
#[derive(Default)]
pub struct Gates(Keyed<Gate>);

#[derive(Default)]
struct Gate {
    lock: Arc<RwLock<()>>,
    deletions: AtomicU64,
}

/// Remembers how often the bucket had been deleted.
#[derive(Clone)]
pub struct Pass {
    gate: Arc<Gate>,
    deletions: u64,
}

/// Held while an object is published.
pub struct Publishing {
    _held: OwnedRwLockReadGuard<()>,
}

/// Held while a bucket is deleted.
pub struct Deleting {
    gate: Arc<Gate>,
    _alone: OwnedRwLockWriteGuard<()>,
}

impl Gates {
    /// A pass for a bucket, whether or not it exists.
    pub fn pass(&self, bucket: &str) -> Pass {
        let gate = self.0.get(bucket);
        let deletions = gate.deletions.load(Ordering::Acquire);
        Pass { gate, deletions }
    }
}

impl Pass {
    /// Keeps the bucket from being deleted. Fails if that has happened already.
    pub async fn publishing(&self) -> Result<Publishing> {
        let held = self.gate.lock.clone().read_owned().await;
        match self.gate.deletions.load(Ordering::Acquire) == self.deletions {
            true => Ok(Publishing { _held: held }),
            false => Err(Error::from(Code::NoSuchBucket)),
        }
    }

    /// Keeps others from publishing in the bucket.
    pub async fn deleting(&self) -> Deleting {
        let alone = self.gate.lock.clone().write_owned().await;
        Deleting { gate: self.gate.clone(), _alone: alone }
    }
}

impl Deleting {
    /// The bucket is gone.
    pub fn done(self) {
        self.gate.deletions.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn what_was_begun_before_a_deletion_is_not_published_after_it() {
        let gates = Gates::default();
        let (before, other) = (gates.pass("b"), gates.pass("c"));
        let publishing = before.publishing().await.unwrap();
        assert!(gates.pass("b").deleting().now_or_never().is_none(), "an object is published");
        drop(publishing);
        let deleting = gates.pass("b").deleting().await;
        assert!(before.publishing().now_or_never().is_none(), "the bucket is deleted");
        deleting.done();
        assert_eq!(before.publishing().await.err().unwrap().code(), Code::NoSuchBucket);
        assert!(gates.pass("b").publishing().await.is_ok() && other.publishing().await.is_ok());
    }

    #[tokio::test]
    async fn a_deletion_that_fails_changes_nothing() {
        let gates = Gates::default();
        let before = gates.pass("b");
        drop(gates.pass("b").deleting().await);
        assert!(before.publishing().await.is_ok());
    }
}
