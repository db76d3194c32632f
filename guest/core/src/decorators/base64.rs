//! `Base64Store`: objects are stored as base64 (RFC 4648, section 4), with padding
//! and without line breaks, as Python's `b64encode` writes it.
//!
//! Reading is strict. With `lenient`, characters outside the alphabet are skipped,
//! as Python's `b64decode` does by default. Ranges read only the part of the base
//! that holds them, unless lenient.

use crate::codec::{Codec, Decoder, EncodedRange, Encoder, Feed, Transforming};
use base64_simd::{STANDARD, forgiving_decode_inplace};
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::SharedStore;
use storage_contract::types::{Error, Result};

/// The store type.
pub static KIND: Kind = Kind {
    name: "Base64Store",
    aliases: &["AsyncBase64Store"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Keeps objects as base64 text",
    build,
};

options! {
    struct Config {
        /// Pass over characters that are not of the alphabet, line breaks among them
        lenient: bool = false,
    }
}

fn build(args: Args) -> Result<SharedStore> {
    let Config { lenient } = args.config()?;
    Ok(Rc::new(Transforming::new(args.base(), Base64 { lenient })))
}

struct Base64 {
    lenient: bool,
}

impl Codec for Base64 {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(Encode { held: Vec::new() })
    }

    fn decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        Box::new(Decode { feed, lenient: self.lenient, held: Vec::new(), ended: false })
    }

    fn ranges(&self) -> bool {
        !self.lenient
    }

    fn encoded_range(&self, start: u64, end: u64) -> Option<EncodedRange> {
        let (first, last) = (start / 3, end.div_ceil(3));
        Some(EncodedRange {
            start: first.saturating_mul(4),
            length: (last - first).saturating_mul(4),
            skip: start % 3,
        })
    }
}

struct Encode {
    /// Bytes of an incomplete group of three.
    held: Vec<u8>,
}

impl Encoder for Encode {
    fn push(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if !self.held.is_empty() {
            let missing = (3 - self.held.len()).min(chunk.len());
            let (first, rest) = chunk.split_at(missing);
            self.held.extend_from_slice(first);
            chunk = rest;
            if self.held.len() < 3 {
                return Ok(());
            }
            append(&self.held, out);
            self.held.clear();
        }
        let (groups, rest) = chunk.split_at(chunk.len() / 3 * 3);
        append(groups, out);
        self.held.extend_from_slice(rest);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        append(&self.held, out);
        self.held.clear();
        Ok(())
    }
}

fn append(data: &[u8], out: &mut Vec<u8>) {
    if !data.is_empty() {
        STANDARD.encode_append(data, out);
    }
}

struct Decode {
    feed: Feed,
    lenient: bool,
    /// Characters of an incomplete group of four.
    held: Vec<u8>,
    /// Padding has ended the data. Anything after it is an error, or is ignored if
    /// lenient.
    ended: bool,
}

impl Decoder for Decode {
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        loop {
            let most = (max / 3).max(1).saturating_mul(4);
            let at = self.feed.offset();
            let chunk = self.feed.fill()?;
            if chunk.is_empty() {
                return self.finish();
            }
            let count = chunk.len().min(most);
            let piece = chunk.get(..count).unwrap_or_default();
            if self.ended && !self.lenient {
                return Err(bad(at));
            }
            match self.lenient {
                true => gather(piece, &mut self.held, &mut self.ended),
                false => self.held.extend_from_slice(piece),
            }
            self.feed.take(count);
            let whole = self.held.len() / 4 * 4;
            if whole == 0 {
                continue;
            }
            let rest = self.held.split_off(whole);
            let mut groups = std::mem::replace(&mut self.held, rest);
            self.ended |= groups.last() == Some(&b'=');
            let decoded = match self.lenient {
                true => forgiving_decode_inplace(&mut groups),
                false => STANDARD.decode_inplace(&mut groups),
            };
            let length = decoded.map_err(|_| bad(at))?.len();
            groups.truncate(length);
            if !groups.is_empty() {
                return Ok(groups);
            }
        }
    }
}

/// Collects characters of the alphabet as Python does: `=` counts only after two
/// characters of a group, and ends the data if it completes one.
fn gather(piece: &[u8], held: &mut Vec<u8>, ended: &mut bool) {
    for &byte in piece {
        if *ended {
            return;
        }
        let in_group = held.len() % 4;
        let padded = held.last() == Some(&b'=');
        match byte {
            b'=' if in_group == 3 => {
                held.push(byte);
                *ended = true;
            }
            b'=' if in_group == 2 => held.push(byte),
            b'=' => {}
            _ if !in_alphabet(byte) => {}
            // A single padding that did not end the data is ignored.
            _ if padded => {
                held.pop();
                held.push(byte);
            }
            _ => held.push(byte),
        }
    }
}

impl Decode {
    fn finish(&mut self) -> Result<Vec<u8>> {
        match self.held.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Error::InvalidData(format!(
                "the stored bytes are not base64: they end in the middle of a group of four, at byte {}",
                self.feed.offset()
            ))),
        }
    }
}

fn in_alphabet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/".contains(&byte)
}

fn bad(at: u64) -> Error {
    Error::InvalidData(format!("the stored bytes are not base64, near byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use storage_contract::memory::Memory;
    use storage_contract::store::Store;
    use storage_contract::types::{ByteRange, PutOptions, ReadOptions, Trailer};

    fn store(config: serde_json::Value) -> (Memory, SharedStore) {
        let memory = Memory::default();
        let bases = vec![Rc::new(memory.clone()) as SharedStore];
        let env = storage_contract::env::Env::local();
        (
            memory,
            build(Args { name: "base64".to_owned(), config, bases, names: Vec::new(), env })
                .unwrap(),
        )
    }

    fn decode(stored: &str, config: serde_json::Value) -> Result<Vec<u8>> {
        let (memory, base64) = store(config);
        memory.put("k", stored.as_bytes(), &PutOptions::default()).unwrap();
        base64.get("k", &ReadOptions::default()).map(|(_, data)| data)
    }

    #[test]
    fn it_writes_what_python_writes() {
        let (memory, base64) = store(serde_json::json!({}));
        for (plain, stored) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            base64.put("k", plain.as_bytes(), &PutOptions::default()).unwrap();
            assert_eq!(memory.get("k", &ReadOptions::default()).unwrap().1, stored.as_bytes());
        }
    }

    #[test]
    fn strict_reading_refuses_what_is_not_base64() {
        for stored in ["Zg", "Zg=", "Zm9v\n", "Zm9v Zm9v", "Zg==Zg==", "Z!==", "===="] {
            let decoded = decode(stored, serde_json::json!({}));
            assert!(matches!(decoded, Err(Error::InvalidData(_))), "{stored:?}: {decoded:?}");
        }
    }

    #[test]
    fn lenient_reading_passes_over_other_characters() {
        let config = serde_json::json!({"lenient": true});
        // Results of Python's `base64.b64decode`.
        for (stored, plain) in [
            ("Zm9v\nYm!Fy\n", "foobar"),
            ("====Zm9v", "foo"),
            ("Zm9v=Zm9v", "foofoo"),
            ("Zm9v====Zm9v", "foofoo"),
            ("Zg==Zm9v", "f"),
            ("Zh==", "f"),
            ("Zg=\n=", "f"),
        ] {
            assert_eq!(decode(stored, config.clone()).unwrap(), plain.as_bytes(), "{stored:?}");
        }
    }

    proptest! {
        #[test]
        fn ranges_are_parts_of_the_whole(
            data in proptest::collection::vec(any::<u8>(), 1..5000),
            (start, length) in (0u64..5000, 1u64..5000),
            push in 1usize..700, next in 1usize..700,
        ) {
            let (_, base64) = store(serde_json::json!({}));
            let mut writer = base64.write("k", &PutOptions::default()).unwrap();
            for chunk in data.chunks(push) {
                writer.push(chunk).unwrap();
            }
            writer.finish(Trailer::default()).unwrap();
            let range = ByteRange::span(start, length);
            let options = ReadOptions { range: Some(range), ..ReadOptions::default() };
            match (base64.read("k", &options), range.resolve(data.len() as u64)) {
                (Ok(mut reader), Ok((start, end))) => {
                    let mut part = Vec::new();
                    loop {
                        let chunk = reader.next(next).unwrap();
                        prop_assert!(chunk.len() <= next);
                        if chunk.is_empty() {
                            break;
                        }
                        part.extend(chunk);
                    }
                    prop_assert_eq!(&part[..], &data[start as usize..end as usize]);
                }
                (opened, wanted) => prop_assert_eq!(opened.err(), wanted.err()),
            }
        }
    }
}
