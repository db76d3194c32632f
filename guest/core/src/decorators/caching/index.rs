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

/// A shard with more bytes of good copies than this forgets the least recently used
/// records. What is only claimed or marked may come on top: it is gone soon, and a reader of
/// an object that is not there must not push out a copy.
const MAX_SHARD: usize = 60 * 1024;

/// The most bytes of a shard: the limit of a shared value.
const MAX_VALUE: usize = 64 * 1024;

/// The name, after the store's, of a value that is present while the cache is in doubt;
/// see [`doubt`](mod@super::doubt).
pub(super) const DOUBT: &str = "/cache/doubt";

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// The copy is good.
    Valid = 0,
    /// A write or delete of the object is in progress, or its writer vanished: no
    /// copy may be used or made.
    Writing = 1,
    /// A reader is making a copy.
    Filling = 2,
    /// The cache holds a copy of unknown age.
    Found = 3,
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
        Ok(find(&held.value, key).map(|(_, record)| record))
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
            let (mut shard, version) = held.map_or((Vec::new(), 0), |h| (h.value, h.version));
            let before = find(&shard, key).map(|(span, record)| {
                shard.drain(span);
                record
            });
            let after = change(before.as_ref(), version.saturating_add(1));
            if after == before {
                return Ok((before, Vec::new()));
            }
            let mut most = MAX_VALUE;
            if let Some(record) = &after {
                record.encode(&mut shard);
                if record.state == State::Valid {
                    most = MAX_SHARD;
                }
            }
            let forgotten = if shard.len() > most { shrink(&mut shard) } else { Vec::new() };
            // An empty shard stays, or its next number would be one of before.
            match self.coordinator.compare_and_set(&name, version, Some(&shard)) {
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

/// Forgets the least recently used records, except for the last.
fn shrink(shard: &mut Vec<u8>) -> Vec<Record> {
    let mut records: Vec<Record> = decode(shard);
    let mut size = shard.len();
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
    shard.clear();
    records.iter().chain(&last).for_each(|record| record.encode(shard));
    forgotten
}

// A record: length of the key (u16), state (u8), tag, held, size, used and
// validated (u64 each), and the key; little-endian.
const HEAD: usize = 3 + 5 * 8;
const STATE: usize = 2;
const HELD: std::ops::Range<usize> = 11..19;

impl Record {
    fn encode(&self, shard: &mut Vec<u8>) {
        // Keys are far shorter than that.
        let Ok(length) = u16::try_from(self.key.len()) else { return };
        shard.extend(length.to_le_bytes());
        shard.push(self.state as u8);
        for value in [self.tag, self.held, self.size, self.used, self.validated] {
            shard.extend(value.to_le_bytes());
        }
        shard.extend(self.key.as_bytes());
    }
}

fn decode(shard: &[u8]) -> Vec<Record> {
    Records(shard).filter_map(|raw| raw.decode()).collect()
}

/// Where the record of a key is, and the record.
fn find(shard: &[u8], key: &str) -> Option<(std::ops::Range<usize>, Record)> {
    let (mut records, mut start) = (Records(shard), 0);
    loop {
        let raw = records.next()?;
        let end = shard.len() - records.0.len();
        if raw.key == key.as_bytes() {
            return Some((start..end, raw.decode()?));
        }
        start = end;
    }
}

/// Makes every record one that nobody left and that tells of no good copy. Those of writes
/// under way go on preventing copies.
pub(super) fn doubt(mut shard: &mut [u8]) {
    while let Some((head, rest)) = shard.split_first_chunk_mut::<HEAD>() {
        if head[STATE] != State::Writing as u8 {
            head[STATE] = State::Found as u8;
        }
        head[HELD].fill(0);
        let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let Some((_, rest)) = rest.split_at_mut_checked(length) else { return };
        shard = rest;
    }
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
            state: match self.head[STATE] {
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
