//! `TextEncodingStore`: callers read and write UTF-8, the base holds another
//! encoding of the text.
//!
//! Names mean what they mean to Python: `latin-1` is latin-1 with all 256
//! characters, `cp1252` has five undefined bytes, `utf-16` is written with a
//! byte order mark and little endian. Both directions are strict: text that
//! the encoding lacks, or bytes that are no such text, are refused naming the
//! offset. Encodings whose tables in common use differ from Python's
//! (`shift_jis`, `euc_jp`, `gb18030`, `big5`) are refused rather than guessed.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use crate::codec::{Codec, Decoder, Encoder, Feed, Location, Transforming};
use crate::kind::{Args, BaseShape, Kind};
use crate::store::SharedStore;
use crate::types::{Error, Result};
use decode::{Decode, Pass};
use encode::Encode;
use encoding_rs::Encoding;
use serde::Deserialize;
use std::collections::HashMap;
use std::rc::Rc;

/// See the module.
pub static KIND: Kind = Kind {
    name: "TextEncodingStore",
    aliases: &[],
    base: BaseShape::One,
    config_schema: r#"{"type":"object","properties":{
        "encoding":{"type":"string","default":"utf-8",
            "description":"Python's name of the encoding that the base holds"}
    },"additionalProperties":false}"#,
    doc: "Stores text in an encoding; callers read and write UTF-8",
    build,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "default_encoding")]
    encoding: String,
}

fn default_encoding() -> String {
    "utf-8".to_owned()
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
mac-roman, cp949";

/// How text is written.
enum Scheme {
    Utf8 {
        sig: bool,
    },
    /// UTF-16 or UTF-32: bytes of a unit, their order (`None`: by a mark).
    Units {
        wide: bool,
        big: Option<bool>,
    },
    Table(Box<Table>),
    Library(&'static Encoding),
}

/// A byte for each character.
struct Table {
    name: &'static str,
    decode: [Option<char>; 256],
    encode: HashMap<char, u8>,
}

impl Table {
    fn scheme(name: &'static str, decode: impl Fn(u8) -> Option<char>) -> Scheme {
        let mut table = Table { name, decode: [None; 256], encode: HashMap::new() };
        for (byte, place) in (0..=255u8).zip(&mut table.decode) {
            *place = decode(byte);
            if let Some(c) = *place {
                table.encode.insert(c, byte);
            }
        }
        Scheme::Table(Box::new(table))
    }

    /// From a table of `encoding_rs`, less the bytes that Python leaves
    /// undefined: those that the other fills up with control characters.
    fn library(name: &'static str, encoding: &'static Encoding) -> Scheme {
        let fills_up = name.starts_with("cp125") && name != "cp1256";
        Self::scheme(name, |byte| {
            let bytes = [byte];
            let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes)?;
            let c = text.chars().next()?;
            let undefined = ('\u{80}'..='\u{9f}').contains(&c) || c == '\u{5ba}';
            (!(fills_up && undefined)).then_some(c)
        })
    }
}

/// The scheme with this name, as Python folds names.
fn scheme(name: &str) -> Option<Scheme> {
    let folded: String =
        name.to_lowercase().chars().map(|c| if c == '-' || c == ' ' { '_' } else { c }).collect();
    let units = |wide, big| Some(Scheme::Units { wide, big });
    match folded.as_str() {
        "utf_8" | "utf8" | "u8" | "utf" | "cp65001" => Some(Scheme::Utf8 { sig: false }),
        "utf_8_sig" | "utf8_sig" => Some(Scheme::Utf8 { sig: true }),
        "utf_16" | "utf16" | "u16" => units(false, None),
        "utf_16_le" | "utf_16le" => units(false, Some(false)),
        "utf_16_be" | "utf_16be" => units(false, Some(true)),
        "utf_32" | "utf32" | "u32" => units(true, None),
        "utf_32_le" | "utf_32le" => units(true, Some(false)),
        "utf_32_be" | "utf_32be" => units(true, Some(true)),
        "ascii" | "us_ascii" | "646" => {
            Some(Table::scheme("ascii", |byte| byte.is_ascii().then_some(char::from(byte))))
        }
        "latin_1" | "latin1" | "latin" | "l1" | "iso_8859_1" | "iso8859_1" | "8859" | "cp819" => {
            Some(Table::scheme("latin-1", |byte| Some(char::from(byte))))
        }
        "koi8_r" => Some(Table::library("koi8-r", encoding_rs::KOI8_R)),
        "cp866" | "ibm866" | "866" => Some(Table::library("cp866", encoding_rs::IBM866)),
        "mac_roman" | "macroman" | "macintosh" => {
            Some(Table::library("mac-roman", encoding_rs::MACINTOSH))
        }
        "cp949" | "949" | "ms949" | "uhc" => Some(Scheme::Library(encoding_rs::EUC_KR)),
        other => iso(other).or_else(|| windows(other)),
    }
}

fn iso(name: &str) -> Option<Scheme> {
    let number = name.strip_prefix("iso_8859_").or_else(|| name.strip_prefix("iso8859_"))?;
    let (name, encoding) = match number {
        "2" => ("iso-8859-2", encoding_rs::ISO_8859_2),
        "3" => ("iso-8859-3", encoding_rs::ISO_8859_3),
        "4" => ("iso-8859-4", encoding_rs::ISO_8859_4),
        "5" => ("iso-8859-5", encoding_rs::ISO_8859_5),
        "6" => ("iso-8859-6", encoding_rs::ISO_8859_6),
        "7" => ("iso-8859-7", encoding_rs::ISO_8859_7),
        "8" => ("iso-8859-8", encoding_rs::ISO_8859_8),
        "10" => ("iso-8859-10", encoding_rs::ISO_8859_10),
        "13" => ("iso-8859-13", encoding_rs::ISO_8859_13),
        "14" => ("iso-8859-14", encoding_rs::ISO_8859_14),
        "15" => ("iso-8859-15", encoding_rs::ISO_8859_15),
        "16" => ("iso-8859-16", encoding_rs::ISO_8859_16),
        _ => return None,
    };
    Some(Table::library(name, encoding))
}

fn windows(name: &str) -> Option<Scheme> {
    let number = name.strip_prefix("cp").or_else(|| name.strip_prefix("windows_")).unwrap_or(name);
    let (name, encoding) = match number {
        "1250" => ("cp1250", encoding_rs::WINDOWS_1250),
        "1251" => ("cp1251", encoding_rs::WINDOWS_1251),
        "1252" => ("cp1252", encoding_rs::WINDOWS_1252),
        "1253" => ("cp1253", encoding_rs::WINDOWS_1253),
        "1254" => ("cp1254", encoding_rs::WINDOWS_1254),
        "1255" => ("cp1255", encoding_rs::WINDOWS_1255),
        "1256" => ("cp1256", encoding_rs::WINDOWS_1256),
        "1257" => ("cp1257", encoding_rs::WINDOWS_1257),
        "1258" => ("cp1258", encoding_rs::WINDOWS_1258),
        _ => return None,
    };
    Some(Table::library(name, encoding))
}

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

    /// Where the stored bytes are the plain ones.
    fn ranges(&self) -> bool {
        match &*self.scheme {
            Scheme::Utf8 { sig } => !sig,
            Scheme::Table(table) => table.name == "ascii",
            _ => false,
        }
    }

    fn locate(&self, start: u64, end: u64) -> Location {
        Location { start, length: end - start, skip: 0 }
    }

    /// A range may begin inside a character, so it is not checked.
    fn range_decoder(&self, feed: Feed) -> Box<dyn Decoder> {
        Box::new(Pass::new(feed))
    }
}
