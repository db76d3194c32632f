//! Transformers and bases for the tests.

use crate::forward::forward;
use crate::transforming::{Behaviour, Data, KeyMap, Part, Transform, Validation, build};
use std::cell::Cell;
use std::rc::Rc;
use storage_contract::memory::Memory;
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::*;

/// A transformer made of closures. Functions that are not set must not be called.
pub struct Made {
    pub behaviour: Behaviour,
    pub encode: fn(&Part<'_>, &[u8]) -> Result<Vec<u8>>,
    pub decode: fn(&Part<'_>, &[u8]) -> Result<Vec<u8>>,
    pub map: fn(&str) -> Result<String>,
    pub unmap: fn(&str) -> Result<Option<String>>,
    pub validate: fn(&str, Option<&[u8]>) -> Result<()>,
}

pub fn nothing() -> Made {
    Made {
        behaviour: Behaviour::default(),
        encode: |_, _| panic!("encode was not asked for"),
        decode: |_, _| panic!("decode was not asked for"),
        map: |_| panic!("map-key was not asked for"),
        unmap: |_| panic!("unmap-key was not asked for"),
        validate: |_, _| panic!("validate was not asked for"),
    }
}

impl Transform for Made {
    fn configure(&self, _: &str) -> Result<Behaviour> {
        Ok(self.behaviour)
    }
    fn encode(&self, part: &Part<'_>, data: &[u8]) -> Result<Vec<u8>> {
        (self.encode)(part, data)
    }
    fn decode(&self, part: &Part<'_>, data: &[u8]) -> Result<Vec<u8>> {
        (self.decode)(part, data)
    }
    fn map_key(&self, key: &str) -> Result<String> {
        (self.map)(key)
    }
    fn unmap_key(&self, base_key: &str) -> Result<Option<String>> {
        (self.unmap)(base_key)
    }
    fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()> {
        (self.validate)(key, data)
    }
}

fn chunked(chunk_size: u32, overhead: Option<u32>) -> Behaviour {
    Behaviour { data: Data::Chunked { chunk_size, overhead }, ..Behaviour::default() }
}

/// A checksum over the bytes and everything that identifies a part.
fn seal(part: &Part<'_>, data: &[u8]) -> [u8; 4] {
    let mut sum = 0x811c_9dc5_u32;
    let last = [u8::from(part.last)];
    let index = part.index.to_le_bytes();
    for byte in [part.key.as_bytes(), part.object, &index, &last, data].concat() {
        sum = (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    sum.to_le_bytes()
}

/// Chunks with constant overhead, sealed with everything that identifies them.
pub fn sealed(chunk_size: u32) -> Made {
    Made {
        behaviour: chunked(chunk_size, Some(4)),
        encode: |part, data| {
            let turned = data.iter().map(|byte| !byte);
            Ok(seal(part, data).into_iter().chain(turned).collect())
        },
        decode: |part, data| {
            let refuse = || Error::InvalidData("the seal is broken".to_owned());
            let (found, data) = data.split_first_chunk::<4>().ok_or_else(refuse)?;
            let data: Vec<u8> = data.iter().map(|byte| !byte).collect();
            if *found == seal(part, &data) { Ok(data) } else { Err(refuse()) }
        },
        ..nothing()
    }
}

/// Run-length encoded chunks, which vary in length.
pub fn runs(chunk_size: u32) -> Made {
    Made {
        behaviour: chunked(chunk_size, None),
        encode: |_, data| {
            let mut out = Vec::new();
            for run in data.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255)) {
                out.extend([u8::try_from(run.len()).unwrap(), run[0]]);
            }
            Ok(out)
        },
        decode: |_, data| {
            if !data.len().is_multiple_of(2) || data.chunks(2).any(|pair| pair[0] == 0) {
                return Err(Error::InvalidData("these are not runs".to_owned()));
            }
            Ok(data.chunks(2).flat_map(|pair| vec![pair[1]; usize::from(pair[0])]).collect())
        },
        ..nothing()
    }
}

/// Whole objects with their bytes reversed.
pub fn backwards(max_size: u32) -> Made {
    Made {
        behaviour: Behaviour {
            data: Data::Whole { max_size, reversible: true },
            ..Behaviour::default()
        },
        encode: |_, data| Ok(data.iter().rev().copied().collect()),
        decode: |_, data| Ok(data.iter().rev().copied().collect()),
        ..nothing()
    }
}

/// Whole objects without their digits, which are lost.
pub fn redacted(max_size: u32) -> Made {
    Made {
        behaviour: Behaviour {
            data: Data::Whole { max_size, reversible: false },
            ..Behaviour::default()
        },
        encode: |_, data| Ok(data.iter().copied().filter(|b| !b.is_ascii_digit()).collect()),
        decode: |_, data| Ok(data.to_vec()),
        ..nothing()
    }
}

/// Maps every key to `x/<key>`, with the given guarantees.
pub fn under(keeps_order: bool, keeps_prefixes: bool) -> Made {
    Made {
        behaviour: Behaviour {
            keys: Some(KeyMap { keeps_order, keeps_prefixes }),
            ..Behaviour::default()
        },
        map: |key| match key.contains('!') {
            true => Err(Error::InvalidKey("no ! here".to_owned())),
            false => Ok(format!("x/{key}")),
        },
        unmap: |key| Ok(key.strip_prefix("x/").map(str::to_owned)),
        ..nothing()
    }
}

/// Rejects data that begins with `bad`, in objects of up to `most` bytes; with
/// `None`, rejects keys that do.
pub fn picky(most: Option<u32>) -> Made {
    Made {
        behaviour: Behaviour {
            validation: most.map_or(Validation::Keys, Validation::Objects),
            ..Behaviour::default()
        },
        validate: |key, data| {
            let bad = match data {
                None => key.starts_with("bad"),
                Some(data) => data.starts_with(b"bad"),
            };
            if bad { Err(Error::InvalidData("it is bad".to_owned())) } else { Ok(()) }
        },
        ..nothing()
    }
}

/// A store of this transformer over `base`. Instead of random numbers, its objects
/// get consecutive ones.
pub fn over(base: impl Store + 'static, made: Made) -> SharedStore {
    let next = Cell::new(1u128);
    let draw = move || {
        next.set(next.get() + 1);
        next.get().to_be_bytes()
    };
    build("made", made, "{}", Rc::new(base), Rc::new(draw)).unwrap()
}

pub fn put(store: &dyn Store, key: &str, data: &[u8]) {
    store.put(key, data, &PutOptions::default()).unwrap();
}

pub fn write(store: &dyn Store, key: &str, data: &[u8], piece: usize) -> Result<ObjectInfo> {
    let mut writer = store.write(key, &PutOptions::default())?;
    for piece in data.chunks(piece) {
        writer.push(piece)?;
    }
    writer.finish(Trailer::default())
}

pub fn get(store: &dyn Store, key: &str) -> Result<Vec<u8>> {
    store.get(key, &ReadOptions::default()).map(|(_, data)| data)
}

pub fn read(store: &dyn Store, key: &str, range: Option<ByteRange>) -> Result<Vec<u8>> {
    let mut reader = store.read(key, &ReadOptions { range, ..ReadOptions::default() })?;
    let mut data = Vec::new();
    loop {
        let part = reader.next(1_000)?;
        assert!(part.len() <= 1_000);
        if part.is_empty() {
            return Ok(data);
        }
        data.extend(part);
    }
}

/// A memory store that counts the bytes read, and may forget metadata.
#[derive(Clone, Default)]
pub struct Watched {
    pub base: Memory,
    pub read: Rc<Cell<u64>>,
    pub forgets: bool,
}

impl Watched {
    fn options(&self, options: &PutOptions) -> PutOptions {
        match self.forgets {
            false => options.clone(),
            true => PutOptions {
                if_absent: options.if_absent,
                if_match: options.if_match.clone(),
                ..PutOptions::default()
            },
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Watched {
    forward!(exists, delete, stat, list);

    fn capabilities(&self) -> Capabilities {
        Capabilities { metadata: !self.forgets, ..Capabilities::ALL }
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let found = self.base.get(key, options)?;
        self.read.set(self.read.get() + found.1.len() as u64);
        Ok(found)
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.base.put(key, data, &self.options(options))
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let reader = self.base.read(key, options)?;
        Ok(Box::new(Counted { reader, read: self.read.clone() }))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.base.write(key, &self.options(options))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

struct Counted {
    reader: Box<dyn Reader>,
    read: Rc<Cell<u64>>,
}

impl Reader for Counted {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        // Read small pieces, so that bytes nobody wanted are not counted.
        let part = self.reader.next(max.min(4_096))?;
        self.read.set(self.read.get() + part.len() as u64);
        Ok(part)
    }
}
