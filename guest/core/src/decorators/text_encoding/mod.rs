//! `TextEncodingStore`: callers read and write UTF-8, while the base holds the text
//! in another encoding.
//!
//! Names mean what they mean in Python: `latin-1` has all 256 characters, `cp1252`
//! has five undefined bytes, `utf-16` is written little-endian with a byte order
//! mark. Both directions are strict: text that the encoding lacks, and bytes that
//! are not valid in it, are rejected with their offset. Every encoding was compared
//! with Python's codec, character by character; those that differ (`euc_jp`,
//! `euc_kr`, `gb18030`, `cp932` …) are rejected rather than guessed.

mod decode;
mod double;
mod encode;
mod names;
mod scheme;
mod tables;
#[cfg(test)]
mod tests;

use crate::codec::{Codec, Decoder, EncodedRange, Encoder, Feed, Transforming};
use decode::{Decode, Pass};
use encode::Encode;
use scheme::{Scheme, scheme};
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::SharedStore;
use storage_contract::types::{Error, Result};

/// The store type.
pub static KIND: Kind = Kind {
    name: "TextEncodingStore",
    aliases: &["AsyncTextEncodingStore"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Stores text in an encoding; callers read and write UTF-8",
    build,
};

options! {
    struct Config {
        /// Python's name of the encoding that the base holds
        encoding: String = "utf-8",
    }
}

fn build(args: Args) -> Result<SharedStore> {
    let Config { encoding } = args.config()?;
    let scheme = scheme(&encoding).ok_or_else(|| {
        Error::InvalidConfig(format!(
            "store {:?}: the encoding {encoding:?} is not supported; there are: {NAMES}",
            args.name
        ))
    })?;
    Ok(Rc::new(Transforming::new(args.base(), Text { scheme: Rc::new(scheme) })))
}

const NAMES: &str = "ascii, latin-1, utf-8, utf-8-sig, utf-16, utf-16-le, utf-16-be, utf-32, \
utf-32-le, utf-32-be, iso-8859-2 to -8, -10, -13 to -16, cp1250 to cp1258, koi8-r, cp866, \
mac-roman, cp949, shift_jis, gbk, big5";

struct Text {
    scheme: Rc<Scheme>,
}

impl Codec for Text {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(Encode::new(self.scheme.clone()))
    }

    fn decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        Box::new(Decode::new(self.scheme.clone(), feed))
    }

    /// Only if the stored bytes are the plain ones.
    fn ranges(&self) -> bool {
        match &*self.scheme {
            Scheme::Utf8 { sig } => !sig,
            Scheme::Table(table) => table.name == "ascii",
            _ => false,
        }
    }

    fn encoded_range(&self, start: u64, end: u64) -> Option<EncodedRange> {
        Some(EncodedRange { start, length: end - start, skip: 0 })
    }

    /// A range may begin inside a character, so don't validate it.
    fn range_decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        Box::new(Pass::new(feed))
    }
}
