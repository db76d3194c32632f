//! The supported encodings, looked up by Python's names.

use super::double::{self, Double};
use super::names::codec;
use encoding_rs::Encoding;
use std::collections::HashMap;

/// An encoding.
pub enum Scheme {
    Utf8 {
        sig: bool,
    },
    /// UTF-16, or with `wide` UTF-32. `big` is the byte order, `None` if a mark
    /// decides.
    Units {
        wide: bool,
        big: Option<bool>,
    },
    Table(Box<Table>),
    /// The same in `encoding_rs` as in Python.
    Library(&'static Encoding),
    /// Differs from `encoding_rs`.
    Double(&'static Double),
}

/// An encoding with one byte per character.
pub struct Table {
    pub name: &'static str,
    pub decode: [Option<char>; 256],
    pub encode: HashMap<char, u8>,
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

    /// Builds a table from `encoding_rs`, without the bytes that Python leaves
    /// undefined and `encoding_rs` maps to control characters.
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

/// The encoding with this Python name.
pub fn scheme(name: &str) -> Option<Scheme> {
    let codec = codec(name)?;
    let units = |wide, big| Scheme::Units { wide, big };
    Some(match codec {
        "utf_8" => Scheme::Utf8 { sig: false },
        "utf_8_sig" => Scheme::Utf8 { sig: true },
        "utf_16" => units(false, None),
        "utf_16_le" => units(false, Some(false)),
        "utf_16_be" => units(false, Some(true)),
        "utf_32" => units(true, None),
        "utf_32_le" => units(true, Some(false)),
        "utf_32_be" => units(true, Some(true)),
        "ascii" => Table::scheme("ascii", |byte| byte.is_ascii().then_some(char::from(byte))),
        "latin_1" => Table::scheme("latin_1", |byte| Some(char::from(byte))),
        "cp949" => Scheme::Library(encoding_rs::EUC_KR),
        "shift_jis" => Scheme::Double(&double::SHIFT_JIS),
        "gbk" => Scheme::Double(&double::GBK),
        "big5" => Scheme::Double(&double::BIG5),
        other => Table::library(other, single(other)?),
    })
}

/// The encodings with one byte per character.
fn single(codec: &str) -> Option<&'static Encoding> {
    Some(match codec {
        "iso8859_2" => encoding_rs::ISO_8859_2,
        "iso8859_3" => encoding_rs::ISO_8859_3,
        "iso8859_4" => encoding_rs::ISO_8859_4,
        "iso8859_5" => encoding_rs::ISO_8859_5,
        "iso8859_6" => encoding_rs::ISO_8859_6,
        "iso8859_7" => encoding_rs::ISO_8859_7,
        "iso8859_8" => encoding_rs::ISO_8859_8,
        "iso8859_10" => encoding_rs::ISO_8859_10,
        "iso8859_13" => encoding_rs::ISO_8859_13,
        "iso8859_14" => encoding_rs::ISO_8859_14,
        "iso8859_15" => encoding_rs::ISO_8859_15,
        "iso8859_16" => encoding_rs::ISO_8859_16,
        "cp1250" => encoding_rs::WINDOWS_1250,
        "cp1251" => encoding_rs::WINDOWS_1251,
        "cp1252" => encoding_rs::WINDOWS_1252,
        "cp1253" => encoding_rs::WINDOWS_1253,
        "cp1254" => encoding_rs::WINDOWS_1254,
        "cp1255" => encoding_rs::WINDOWS_1255,
        "cp1256" => encoding_rs::WINDOWS_1256,
        "cp1257" => encoding_rs::WINDOWS_1257,
        "cp1258" => encoding_rs::WINDOWS_1258,
        "koi8_r" => encoding_rs::KOI8_R,
        "cp866" => encoding_rs::IBM866,
        "mac_roman" => encoding_rs::MACINTOSH,
        _ => return None,
    })
}
