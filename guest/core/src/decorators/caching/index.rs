//! The index of usable copies, shared by all instances of a chain.
//!
//! A copy that is not in the index is never served unchecked: it is compared with
//! the main store first. So removing a key from the index invalidates its copy,
//! whatever happens in the cache, and a restart invalidates all copies.

use std::rc::Rc;
use storage_contract::env::{Coordinator, Env};
use storage_contract::types::{Error, Result};

/// The number of shared values that the index is spread over.
pub(super) const SHARDS: u32 = 256;

/// A shard larger than this, in bytes, forgets the least recently used records.
/// Below the 64 KiB limit of a shared value.
const MAX_SHARD: usize = 60 * 1024;

/// The name, after the store's, of a value that is present while the cache is in doubt;
/// see [`doubt`](super::doubt).
pub(super) const DOUBT: &str = "/cache/doubt";

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The copy is good.
    Valid,
    /// A write or delete of the object is in progress, or its writer vanished: no
    /// copy may be used or made.
    Writing,
    /// A reader is making a copy.
    Filling,
    /// The cache holds a copy of unknown age.
    Found,
}

/// The record of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub key: String,
    pub state: State,
    /// The tag of the main store's etag.
    pub tag: u64,
    /// The tag of the cache's etag. In a record that is to become `Valid`, a number
    /// that identifies it.
    pub held: u64,
    pub size: u64,
    /// Time of the last use, or of the start of a write or fill, in milliseconds.
    pub used: u64,
    /// When the main store last confirmed the copy, in milliseconds.
    pub validated: u64,
}

/// The records of a cache.
pub(super) struct Index {
    coordinator: Rc<dyn Coordinator>,
    store: String,
}

impl Index {
    pub(super) fn new(store: &str, env: &Env) -> Self {
        Self { coordinator: env.coordinator.clone(), store: store.to_owned() }
    }

    fn name(&self, shard: u32) -> String {
        format!("{}/cache/{shard:02x}", self.store)
    }

    pub(super) fn find(&self, key: &str) -> Result<Option<Record>> {
        let Some(held) = self.coordinator.load(&self.name(shard_of(key)))? else { return Ok(None) };
        let mut records = Records(&held.value);
        Ok(records.find(|raw| raw.key == key.as_bytes()).and_then(|raw| raw.decode()))
    }

    /// The records of one shard.
    pub(super) fn shard(&self, shard: u32) -> Result<Vec<Record>> {
        let held = self.coordinator.load(&self.name(shard))?;
        Ok(held.map_or_else(Vec::new, |held| decode(&held.value)))
    }

    /// Replaces the record of a key by what `change` returns. `change` also gets a
    /// number, never 0, that no other change of the shard gets. Returns the previous
    /// record, and the records forgotten to make room. After `Unavailable`, the record
    /// may have been replaced or not.
    pub(super) fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&Record>, u64) -> Option<Record>,
    ) -> Result<(Option<Record>, Vec<Record>)> {
        let name = self.name(shard_of(key));
        loop {
            let held = self.coordinator.load(&name)?;
            let version = held.as_ref().map_or(0, |held| held.version);
            let mut records = held.as_ref().map_or_else(Vec::new, |held| decode(&held.value));
            let position = records.iter().position(|record| record.key == key);
            let before = position.map(|position| records.swap_remove(position));
            let after = change(before.as_ref(), version.saturating_add(1));
            if after == before {
                return Ok((before, Vec::new()));
            }
            records.extend(after);
            let forgotten = shrink(&mut records);
            // An empty shard stays, or its next number would be one of before.
            match self.coordinator.compare_and_set(&name, version, Some(&encode(&records))) {
                Ok(_) => return Ok((before, forgotten)),
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Adjusts the approximate total size of the copies; returns it.
    pub(super) fn add_bytes(&self, more: u64, fewer: u64) -> Result<u64> {
        let name = format!("{}/cache/bytes", self.store);
        loop {
            let held = self.coordinator.load(&name)?;
            let (old, version) = held.map_or((0, 0), |h| (number(&h.value), h.version));
            let new = old.saturating_add(more).saturating_sub(fewer);
            if new == old {
                return Ok(new);
            }
            match self.coordinator.compare_and_set(&name, version, Some(&new.to_le_bytes())) {
                Err(Error::PreconditionFailed) => {}
                // The count is approximate anyway.
                _ => return Ok(new),
            }
        }
    }

    /// Records that the cache failed to store or return a copy.
    pub(super) fn note_failure(&self, now: u64) {
        let name = format!("{}/cache/failed", self.store);
        let Ok(held) = self.coordinator.load(&name) else { return };
        let version = held.map_or(0, |held| held.version);
        // Another instance recorded the same.
        let _ = self.coordinator.compare_and_set(&name, version, Some(&now.to_le_bytes()));
    }

    /// Whether the cache has failed since `then`, or the coordinator fails now.
    pub(super) fn failed_since(&self, then: u64) -> bool {
        let held = self.coordinator.load(&format!("{}/cache/failed", self.store));
        held.map_or(true, |held| held.is_some_and(|held| number(&held.value) > then))
    }

    /// Whether the host has put the cache in doubt, or may have.
    pub(super) fn doubted(&self) -> bool {
        let doubt = self.coordinator.load(&format!("{}{}", self.store, DOUBT));
        !matches!(doubt, Ok(None))
    }

    /// Returns true once among all who share the index.
    pub(super) fn first_time(&self) -> bool {
        let name = format!("{}/cache/looked", self.store);
        matches!(self.coordinator.load(&name), Ok(None))
            && self.coordinator.compare_and_set(&name, 0, Some(b"1")).is_ok()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The shard of a key, by FNV-1a: spreads keys well enough, and is the same in
/// every instance.
fn shard_of(key: &str) -> u32 {
    let hash =
        key.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) % SHARDS
}

fn shrink(records: &mut Vec<Record>) -> Vec<Record> {
    let mut size: usize = records.iter().map(|record| HEAD + record.key.len()).sum();
    if size <= MAX_SHARD {
        return Vec::new();
    }
    // The last record is new, and writers rely on theirs.
    let last = records.pop();
    records.sort_by_key(|r| (!matches!(r.state, State::Valid | State::Found), r.used));
    let cut = records
        .iter()
        .take_while(|record| {
            let over = size > MAX_SHARD;
            size -= HEAD + record.key.len();
            over
        })
        .count();
    let forgotten = records.drain(..cut).collect();
    records.extend(last);
    forgotten
}

// A record: length of the key (u16), state (u8), tag, held, size, used and
// validated (u64 each), and the key; little-endian.
const HEAD: usize = 3 + 5 * 8;

pub(super) fn encode(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(records.iter().map(|r| HEAD + r.key.len()).sum());
    for record in records {
        // Keys are far shorter than that.
        let Ok(length) = u16::try_from(record.key.len()) else { continue };
        bytes.extend(length.to_le_bytes());
        bytes.push(match record.state {
            State::Valid => 0,
            State::Writing => 1,
            State::Filling => 2,
            State::Found => 3,
        });
        for value in [record.tag, record.held, record.size, record.used, record.validated] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(record.key.as_bytes());
    }
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Vec<Record> {
    Records(bytes).filter_map(|raw| raw.decode()).collect()
}

/// Iterates over the records without copying them: every hit goes through here.
struct Records<'a>(&'a [u8]);

struct Raw<'a> {
    head: &'a [u8; HEAD],
    key: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let (head, rest) = self.0.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let (key, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Raw { head, key })
    }
}

impl Raw<'_> {
    fn decode(&self) -> Option<Record> {
        let field = |index: usize| number(&self.head[3 + index * 8..]);
        Some(Record {
            key: std::str::from_utf8(self.key).ok()?.to_owned(),
            state: match self.head[2] {
                0 => State::Valid,
                1 => State::Writing,
                2 => State::Filling,
                _ => State::Found,
            },
            tag: field(0),
            held: field(1),
            size: field(2),
            used: field(3),
            validated: field(4),
        })
    }
}
