//! Which child missed which write, shared by all instances of a chain.
//!
//! A fixed number of shared values, so that the set can be walked and its
//! size stays bounded: a bucket that grows too large forgets its keys and
//! counts the child as behind for every key that belongs to it.

use crate::env::{Coordinator, Env, Level};
use crate::types::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many shared values the set is spread over.
const BUCKETS: u32 = 256;

/// A bucket larger than this forgets its keys; well below the 64 KiB that a
/// shared value may have.
const MAX_BUCKET: usize = 32 * 1024;

/// The state of one key, or of what a bucket no longer tells apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Children that missed a write, counted from 0.
    pub children: BTreeSet<usize>,
    /// A write was begun and its end has not been recorded: under way, or
    /// whoever wrote vanished, and the children may differ.
    pub pending: bool,
}

#[derive(Default, Serialize, Deserialize)]
struct Bucket {
    keys: BTreeMap<String, Missed>,
    /// What is true of every key in the bucket.
    every: Missed,
}

/// The dirty set of one mirroring store.
pub(super) struct Dirty {
    store: String,
    env: Env,
}

/// Remembers buckets for the length of one operation over many keys.
pub(super) type Memo = HashMap<u32, BTreeMap<String, BTreeSet<usize>>>;

impl Dirty {
    pub(super) fn new(store: &str, env: &Env) -> Self {
        Self { store: store.to_owned(), env: env.clone() }
    }

    fn name(&self, bucket: u32) -> String {
        format!("{}/dirty/{bucket:02x}", self.store)
    }

    fn load(&self, bucket: u32) -> (Bucket, u64) {
        match self.env.coordinator.load(&self.name(bucket)) {
            Some(held) => (serde_json::from_slice(&held.value).unwrap_or_default(), held.version),
            None => (Bucket::default(), 0),
        }
    }

    /// The children that are known to be behind for this key.
    pub(super) fn of(&self, key: &str) -> BTreeSet<usize> {
        let (mut bucket, _) = self.load(bucket_of(key));
        let mut children = bucket.keys.remove(key).unwrap_or_default().children;
        children.extend(bucket.every.children);
        children
    }

    /// As [`of`](Self::of), for many keys in a row.
    pub(super) fn is_behind(&self, memo: &mut Memo, key: &str, child: usize) -> bool {
        let bucket = bucket_of(key);
        let known = memo.entry(bucket).or_insert_with(|| {
            let (bucket, _) = self.load(bucket);
            let mut known: BTreeMap<String, BTreeSet<usize>> =
                bucket.keys.into_iter().map(|(key, missed)| (key, missed.children)).collect();
            // No key is empty, so this name is free for "every key".
            known.insert(String::new(), bucket.every.children);
            known
        });
        ["", key].iter().any(|name| known.get(*name).is_some_and(|c| c.contains(&child)))
    }

    /// Notes that a write of the key begins. If whoever writes vanishes, this
    /// is what tells that the children may differ.
    pub(super) fn begin(&self, key: &str) {
        self.update(key, |missed| missed.pending = true);
    }

    /// Notes how it ended: `clean` children have the newest state, `behind`
    /// ones may not.
    pub(super) fn end(&self, key: &str, clean: &[usize], behind: &[usize]) {
        self.update(key, |missed| {
            missed.pending = false;
            missed.children.retain(|child| !clean.contains(child));
            missed.children.extend(behind);
        });
    }

    /// Everything recorded; `None` stands for keys no longer told apart.
    pub(super) fn all(&self) -> Vec<(Option<String>, Missed)> {
        let mut all = Vec::new();
        for number in 0..BUCKETS {
            let (bucket, _) = self.load(number);
            if bucket.every != Missed::default() {
                all.push((None, bucket.every));
            }
            all.extend(bucket.keys.into_iter().map(|(key, missed)| (Some(key), missed)));
        }
        all
    }

    fn update(&self, key: &str, change: impl Fn(&mut Missed)) {
        let number = bucket_of(key);
        let name = self.name(number);
        loop {
            let (mut bucket, version) = self.load(number);
            let missed = bucket.keys.entry(key.to_owned()).or_default();
            change(missed);
            if *missed == Missed::default() {
                bucket.keys.remove(key);
            }
            let empty = bucket.keys.is_empty() && bucket.every == Missed::default();
            if empty && version == 0 {
                return;
            }
            let value = (!empty).then(|| encode(&mut bucket));
            match self.env.coordinator.compare_and_set(&name, version, value.as_deref()) {
                Ok(_) => return,
                Err(Error::PreconditionFailed) => {}
                Err(error) => {
                    let text =
                        format!("key {key:?}: what its children missed is not noted: {error}");
                    return self.env.observer.log(Level::Error, &self.store, &text);
                }
            }
        }
    }
}

fn encode(bucket: &mut Bucket) -> Vec<u8> {
    let value = serde_json::to_vec(bucket).unwrap_or_default();
    if value.len() <= MAX_BUCKET {
        return value;
    }
    for missed in std::mem::take(&mut bucket.keys).into_values() {
        bucket.every.children.extend(missed.children);
        bucket.every.pending |= missed.pending;
    }
    serde_json::to_vec(bucket).unwrap_or_default()
}

/// FNV-1a: spreads keys well enough, and is the same in every instance.
fn bucket_of(key: &str) -> u32 {
    let hash =
        key.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) % BUCKETS
}

/// An etag for an object whose writer gave none, the same for every child.
/// Two writes never share one; it is not shaped like a digest.
pub(super) fn fresh_etag(store: &str, coordinator: &dyn Coordinator) -> String {
    let name = format!("{store}/etags");
    let now = coordinator.now();
    loop {
        let expected = coordinator.load(&name).map_or(0, |held| held.version);
        match coordinator.compare_and_set(&name, expected, Some(b"1")) {
            Ok(version) => return format!("{now:x}-{version:x}"),
            Err(Error::PreconditionFailed) => {}
            // Without a shared counter the time has to do.
            Err(_) => return format!("{now:x}-0"),
        }
    }
}
