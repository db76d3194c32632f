//! Tests of `GzipStore`.

mod damage;
mod members;
mod mirrored;
mod ranges;
mod versions;
mod whole;

use super::index::END_LENGTH;
use super::*;
use crate::forward::forward;
use std::cell::{Cell, RefCell};
use std::io::Write;
use storage_contract::memory::Memory;
use storage_contract::store::{Reader, Store};
use storage_contract::types::{
    Capabilities, Error, ObjectInfo, PutOptions, RESERVED_METADATA, ReadOptions, Trailer,
};

const MIB: usize = 1024 * 1024;

fn over(base: SharedStore, config: serde_json::Value) -> SharedStore {
    let (name, env) = ("gzip".to_owned(), storage_contract::env::Env::local());
    build(Args { name, config, bases: vec![base], names: Vec::new(), env }).unwrap()
}

fn store(config: serde_json::Value) -> (Memory, SharedStore) {
    let memory = Memory::default();
    let gzip = over(Rc::new(memory.clone()), config);
    (memory, gzip)
}

/// A fast store over a base that counts.
fn watched() -> (Rc<Watched>, SharedStore) {
    let base = Rc::new(Watched::default());
    let gzip = over(base.clone(), serde_json::json!({"level": 1}));
    (base, gzip)
}

fn put(store: &dyn Store, data: &[u8]) {
    put_in_pieces(store, data, 300_000);
}

fn put_in_pieces(store: &dyn Store, data: &[u8], size: usize) {
    let mut writer = store.write("k", &PutOptions::default()).unwrap();
    data.chunks(size).for_each(|chunk| writer.push(chunk).unwrap());
    writer.finish(Trailer::default()).unwrap();
}

fn get(store: &dyn Store) -> Result<Vec<u8>> {
    store.get("k", &ReadOptions::default()).map(|(_, data)| data)
}

fn part(store: &dyn Store, range: ByteRange) -> Result<Vec<u8>> {
    let options = ReadOptions { range: Some(range), ..ReadOptions::default() };
    read(store.read("k", &options)?, 100_000)
}

fn all(store: &dyn Store) -> Result<Vec<u8>> {
    read(store.read("k", &ReadOptions::default())?, MIB)
}

fn read(mut reader: Box<dyn Reader>, max: usize) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let chunk = reader.next(max)?;
        assert!(chunk.len() <= max);
        if chunk.is_empty() {
            return Ok(data);
        }
        data.extend(chunk);
    }
}

/// Text of numbers, which compresses to about a third, and repeats nowhere.
fn text(size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size + 20);
    let mut state = 1u64;
    while out.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        writeln!(out, "{} {}", out.len(), state >> 40).unwrap();
    }
    out.truncate(size);
    out
}

/// Replaces the stored bytes as no version of the store would notice: with the info that
/// the object has.
fn replace(memory: &Memory, bytes: &[u8]) {
    let info = memory.stat("k").unwrap();
    let options = PutOptions {
        etag: info.etag,
        content_type: info.content_type,
        metadata: info.metadata,
        ..PutOptions::default()
    };
    memory.put("k", bytes, &options).unwrap();
}

/// What another tool leaves of an object that it moves: its bytes.
fn forget(memory: &Memory) {
    let bytes = all(memory).unwrap();
    memory.put("k", &bytes, &PutOptions::default()).unwrap();
    let info = memory.stat("k").unwrap();
    assert!(info.metadata.iter().all(|(name, _)| !name.starts_with(RESERVED_METADATA)));
}

/// Where the index begins in an object of several members.
fn index_at(stored: &[u8]) -> usize {
    let end = &stored[stored.len() - END_LENGTH..];
    usize::try_from(u64::from_le_bytes(end[36..44].try_into().unwrap())).unwrap()
}

/// Where a member begins, by the index.
fn member_at(stored: &[u8], member: usize) -> usize {
    let lengths = stored[index_at(stored) + 24..].chunks(3).take(member);
    lengths.map(|l| usize::from(l[0]) | usize::from(l[1]) << 8 | usize::from(l[2]) << 16).sum()
}

/// What is done after a number of calls.
type Later = (u32, Box<dyn Fn(&Memory)>);

/// A memory that counts what is read of it.
#[derive(Default)]
struct Watched {
    base: Memory,
    calls: Cell<u32>,
    bytes: Rc<Cell<u64>>,
    hides_etags: Cell<bool>,
    hides_sizes: Cell<bool>,
    /// Changes the object after so many calls.
    later: RefCell<Option<Later>>,
}

impl Watched {
    fn reset(&self) {
        self.calls.set(0);
        self.bytes.set(0);
    }

    fn called(&self) {
        self.calls.set(self.calls.get() + 1);
        if let Some((calls, change)) = &*self.later.borrow()
            && *calls < self.calls.get()
        {
            change(&self.base);
        }
    }

    fn show(&self, mut info: ObjectInfo) -> ObjectInfo {
        info.etag = info.etag.filter(|_| !self.hides_etags.get());
        info.size = info.size.filter(|_| !self.hides_sizes.get());
        info
    }
}

impl Store for Watched {
    forward!(capabilities, put, exists, delete, list, write, locate);

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.called();
        self.base.stat(key).map(|info| self.show(info))
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.called();
        let (info, bytes) = self.base.get(key, options)?;
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        Ok((self.show(info), bytes))
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.called();
        let reader = self.base.read(key, options)?;
        let info = self.show(reader.info().clone());
        Ok(Box::new(WatchedReader { reader, info, bytes: self.bytes.clone() }))
    }
}

struct WatchedReader {
    reader: Box<dyn Reader>,
    info: ObjectInfo,
    bytes: Rc<Cell<u64>>,
}

impl Reader for WatchedReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let chunk = self.reader.next(max)?;
        self.bytes.set(self.bytes.get() + chunk.len() as u64);
        Ok(chunk)
    }
}

/// A base that reads no ranges.
struct WithoutRanges {
    base: Memory,
}

impl Store for WithoutRanges {
    forward!(get, put, exists, delete, stat, list, read, write, locate);

    fn capabilities(&self) -> Capabilities {
        Capabilities { range: false, ..self.base.capabilities() }
    }
}
