//! `GzipStore`: objects are compressed with gzip (RFC 1952).
//!
//! Members are written without time and name, so equal objects give equal bytes.
//! Foreign data is read, too: several members in a row, and zeroes after the last
//! one, as Python does. Anything else after a member is an error, and so is a
//! missing end: a truncated object never looks complete.
//!
//! Compressed bytes can't be read from the middle, so there is no `range`. Place
//! validating and text decorators above it, and encrypting ones below.

use crate::codec::{Codec, Decoder, EncodedRange, Encoder, Feed, Transforming};
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::io::{self, Read, Write};
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::SharedStore;
use storage_contract::types::{Error, Result};

/// The store type.
pub static KIND: Kind = Kind {
    name: "GzipStore",
    aliases: &["AsyncGzipStore"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Compresses objects with gzip",
    build,
};

options! {
    struct Config {
        /// How hard to compress: 0 not at all, 1 fastest, 9 smallest
        #[schema(minimum: 0, maximum: 9)]
        level: u32 = 6,
        /// The most bytes that an object may decompress to; absent: no limit, since
        /// reading needs the same little memory for any size
        #[schema(format: "bytes", minimum: 0)]
        max_size: Option<u64>,
    }
}

fn build(args: Args) -> Result<SharedStore> {
    let Config { level, max_size } = args.config()?;
    let codec = Gzip { level: Compression::new(level), max_size: max_size.unwrap_or(u64::MAX) };
    Ok(Rc::new(Transforming::new(args.base(), codec)))
}

struct Gzip {
    level: Compression,
    max_size: u64,
}

impl Codec for Gzip {
    fn encoder(&self) -> Box<dyn Encoder> {
        let gzip = GzBuilder::new().mtime(0).write(Vec::new(), self.level);
        Box::new(Compressor { gzip: Some(gzip), held: Vec::new() })
    }

    fn decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        let state = State::Between(feed);
        Box::new(Decompressor { state, left: self.max_size, max_size: self.max_size })
    }

    fn ranges(&self) -> bool {
        false
    }

    fn encoded_range(&self, start: u64, end: u64) -> EncodedRange {
        EncodedRange { start: 0, length: u64::MAX, skip: start.min(end) }
    }
}

/// The bytes to compress at a time. At the fastest levels, block boundaries depend
/// on how the bytes arrive; with a fixed size, equal objects give equal bytes.
const BLOCK: usize = 64 * 1024;

struct Compressor {
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Less than one block.
    held: Vec<u8>,
}

impl Compressor {
    fn compress(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let Some(gzip) = &mut self.gzip else { return Ok(()) };
        gzip.write_all(block).map_err(|e| Self::failed(&e))?;
        out.append(gzip.get_mut());
        Ok(())
    }

    fn failed(error: &io::Error) -> Error {
        Error::Other(format!("gzip: {error}"))
    }
}

impl Encoder for Compressor {
    fn push(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if !self.held.is_empty() {
            let (first, rest) = chunk.split_at(chunk.len().min(BLOCK - self.held.len()));
            self.held.extend_from_slice(first);
            if self.held.len() < BLOCK {
                return Ok(());
            }
            let block = std::mem::take(&mut self.held);
            self.compress(&block, out)?;
            chunk = rest;
        }
        let blocks = chunk.chunks_exact(BLOCK);
        self.held.extend_from_slice(blocks.remainder());
        for block in blocks {
            self.compress(block, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let last = std::mem::take(&mut self.held);
        self.compress(&last, out)?;
        let Some(gzip) = self.gzip.take() else { return Ok(()) };
        out.append(&mut gzip.finish().map_err(|e| Self::failed(&e))?);
        Ok(())
    }
}

enum State {
    /// Before a member, or at the end.
    Between(Feed),
    Inside(Box<GzDecoder<Feed>>),
    Done,
}

struct Decompressor {
    state: State,
    left: u64,
    max_size: u64,
}

/// The most bytes to return at a time.
const CHUNK: usize = 256 * 1024;

impl Decoder for Decompressor {
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(Vec::new()),
                State::Between(mut feed) => {
                    if !at_end(&mut feed)? {
                        self.state = State::Inside(Box::new(GzDecoder::new(feed)));
                    }
                }
                State::Inside(mut member) => {
                    let mut out = vec![0; max.min(CHUNK)];
                    let count = match member.read(&mut out) {
                        Ok(count) => count,
                        Err(error) => return Err(corrupt(&error, member.get_ref().offset())),
                    };
                    if count == 0 {
                        self.state = State::Between(member.into_inner());
                        continue;
                    }
                    let Some(left) = self.left.checked_sub(count as u64) else {
                        return Err(Error::LimitExceeded(format!(
                            "the object decompresses to more than the max_size of {} bytes",
                            self.max_size
                        )));
                    };
                    self.left = left;
                    out.truncate(count);
                    self.state = State::Inside(member);
                    return Ok(out);
                }
            }
        }
    }
}

/// Whether only the zeroes that Python accepts after a member follow.
fn at_end(feed: &mut Feed) -> Result<bool> {
    loop {
        let first = feed.offset() == 0;
        let held = feed.fill()?;
        if held.is_empty() {
            // No bytes at all is a truncated object; an empty one has 20 bytes.
            return match first {
                true => Err(Error::InvalidData(
                    "the stored bytes are not gzip data: there are none".to_owned(),
                )),
                false => Ok(true),
            };
        }
        let zeroes = held.iter().take_while(|b| **b == 0).count();
        if first || zeroes == 0 {
            return Ok(false);
        }
        feed.take(zeroes);
    }
}

fn corrupt(error: &io::Error, offset: u64) -> Error {
    if let Some(error) = Feed::error(error) {
        return error;
    }
    let problem = match error.kind() {
        io::ErrorKind::UnexpectedEof => "they end in the middle".to_owned(),
        _ => error.to_string(),
    };
    Error::InvalidData(format!(
        "the stored bytes are not whole gzip data: {problem}, near byte {offset}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_contract::memory::Memory;
    use storage_contract::store::{Reader, Store};
    use storage_contract::types::{PutOptions, ReadOptions, Trailer};

    /// `gzip.compress(b"hello ", mtime=0) + gzip.compress(b"world", mtime=0)`
    const PYTHON: &str = "1f8b0800000000000203cb48cdc9c9570000f6f981ed0600000\
                          01f8b08000000000002032bcf2fca4901004311773a05000000";

    fn store(config: serde_json::Value) -> (Memory, SharedStore) {
        let memory = Memory::default();
        let bases = vec![Rc::new(memory.clone()) as SharedStore];
        let env = storage_contract::env::Env::local();
        let store =
            build(Args { name: "gzip".to_owned(), config, bases, names: Vec::new(), env }).unwrap();
        (memory, store)
    }

    fn put(store: &dyn Store, data: &[u8]) {
        store.put("k", data, &PutOptions::default()).unwrap();
    }

    fn get(store: &dyn Store) -> Result<Vec<u8>> {
        store.get("k", &ReadOptions::default()).map(|(_, data)| data)
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

    #[test]
    fn objects_come_back_and_equal_objects_give_equal_bytes() {
        let (memory, gzip) = store(serde_json::json!({}));
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        put(&*gzip, &data);
        let stored = get(&memory).unwrap();
        assert!(stored.len() < data.len() / 10);
        assert_eq!(get(&*gzip).unwrap(), data);
        let mut writer = gzip.write("k", &PutOptions::default()).unwrap();
        for chunk in data.chunks(77_777) {
            writer.push(chunk).unwrap();
        }
        let info = writer.finish(Trailer::default()).unwrap();
        assert_eq!(info.size, Some(data.len() as u64));
        assert_eq!(gzip.stat("k").unwrap(), info);
        assert_eq!(read(gzip.read("k", &ReadOptions::default()).unwrap(), 1000).unwrap(), data);
        assert_eq!(get(&memory).unwrap(), stored);
    }

    #[test]
    fn equal_objects_give_equal_bytes_at_every_level_however_they_arrive() {
        let data: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        for level in 0..=9 {
            let (memory, gzip) = store(serde_json::json!({"level": level}));
            put(&*gzip, &data);
            let stored = get(&memory).unwrap();
            for size in [7, 1_000, BLOCK - 1, BLOCK, BLOCK + 1] {
                let mut writer = gzip.write("k", &PutOptions::default()).unwrap();
                data.chunks(size).for_each(|chunk| writer.push(chunk).unwrap());
                writer.finish(Trailer::default()).unwrap();
                assert!(get(&memory).unwrap() == stored, "level {level}, in pieces of {size}");
            }
        }
    }

    #[test]
    fn members_in_a_row_and_zeroes_after_them_are_read() {
        let (memory, gzip) = store(serde_json::json!({}));
        let mut bytes = hex::decode(PYTHON).unwrap();
        bytes.extend([0; 100]);
        put(&memory, &bytes);
        assert_eq!(get(&*gzip).unwrap(), b"hello world");
        assert_eq!(gzip.stat("k").unwrap().size, None);
        put(&memory, b"");
        assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))), "nothing is no whole object");
    }

    #[test]
    fn anything_else_after_a_member_is_refused() {
        let (memory, gzip) = store(serde_json::json!({}));
        let mut bytes = hex::decode(PYTHON).unwrap();
        bytes.extend(b"garbage");
        put(&memory, &bytes);
        assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))));
    }

    #[test]
    fn every_truncation_and_a_flipped_bit_are_refused() {
        let (memory, gzip) = store(serde_json::json!({}));
        let bytes = hex::decode(PYTHON).unwrap();
        let member = 26;
        for end in (1..bytes.len()).filter(|end| *end != member) {
            put(&memory, &bytes[..end]);
            assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))), "cut at {end}");
        }
        let mut bytes = bytes;
        bytes[member - 6] ^= 1;
        put(&memory, &bytes);
        assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))));
    }

    #[test]
    fn a_bomb_stops_at_max_size() {
        let (_, gzip) = store(serde_json::json!({"max_size": 1_000_000}));
        put(&*gzip, &vec![0; 1_000_000]);
        assert_eq!(get(&*gzip).unwrap().len(), 1_000_000);
        put(&*gzip, &vec![0; 1_000_001]);
        let reader = gzip.read("k", &ReadOptions::default()).unwrap();
        let error = read(reader, 65_536).unwrap_err();
        assert_eq!(
            error.to_string(),
            "limit exceeded: the object decompresses to more than the max_size of 1000000 bytes"
        );
    }

    #[test]
    fn a_bomb_is_never_held_in_memory_at_once() {
        let (_, gzip) = store(serde_json::json!({}));
        put(&*gzip, &vec![0; 20_000_000]);
        assert!(matches!(get(&*gzip), Err(Error::LimitExceeded(_))));
        let reader = gzip.read("k", &ReadOptions::default()).unwrap();
        assert_eq!(read(reader, 1 << 20).unwrap().len(), 20_000_000);
    }
}
