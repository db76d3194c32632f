//! `GzipStore`: objects are compressed with gzip (RFC 1952).
//!
//! Members are written without time and name, so equal objects give equal bytes.
//! Foreign data is read, too: several members in a row, and zeroes after the last
//! one, as Python does. Anything else after a member is an error, and so is a
//! missing end: a truncated object never looks complete.
//!
//! Large objects become several members, and an index of them follows, so a range
//! needs only the members that hold it. Elsewhere, a range is found by decoding from
//! the start. Place validating and text decorators above it, and encrypting ones below.

mod decode;
mod encode;
mod index;
mod layout;
mod ranges;
#[cfg(test)]
mod tests;

use crate::codec::{Codec, Decoder, EncodedRange, Encoder, Feed, Index, Tail, Transforming};
use decode::Decompressor;
use encode::Compressor;
use ranges::{Members, TAIL};
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::SharedStore;
use storage_contract::types::{ByteRange, Result};

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
    let codec = Gzip { level, max_size: max_size.unwrap_or(u64::MAX) };
    Ok(Rc::new(Transforming::new(args.base(), codec)))
}

struct Gzip {
    level: u32,
    max_size: u64,
}

impl Codec for Gzip {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(Compressor::new(self.level))
    }

    fn decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        Box::new(Decompressor::new(feed, self.max_size))
    }

    fn ranges(&self) -> bool {
        true
    }

    fn encoded_range(&self, _: u64, _: u64) -> Option<EncodedRange> {
        None
    }

    /// Nothing of a range that begins in the first member is found sooner by an index.
    fn tail(&self, range: ByteRange) -> u64 {
        match (range.offset, range.length) {
            (Some(start), _) if start < u64::from(layout::FIRST) => 0,
            (None, None) => 0,
            _ => TAIL,
        }
    }

    fn index(&self, tail: Tail) -> Option<Box<dyn Index>> {
        Some(Box::new(Members::find(tail, self.max_size)?))
    }
}
