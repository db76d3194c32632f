//! Encodes UTF-8.

use super::scheme::Scheme;
use crate::codec::Encoder;
use encoding_rs::EncoderResult;
use std::rc::Rc;
use storage_contract::types::{Error, Result};

pub struct Encode {
    scheme: Rc<Scheme>,
    /// The start of an incomplete character.
    carry: Vec<u8>,
    /// Bytes of plain text before `carry`.
    offset: u64,
    started: bool,
}

impl Encode {
    pub fn new(scheme: Rc<Scheme>) -> Self {
        Self { scheme, carry: Vec::new(), offset: 0, started: false }
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) -> Result<()> {
        if !std::mem::replace(&mut self.started, true) {
            out.extend_from_slice(mark(&self.scheme));
        }
        let lacking = |c: char, at: usize| {
            Error::InvalidData(format!(
                "the character {c:?} at byte {} is not in the encoding",
                self.offset + at as u64
            ))
        };
        match &*self.scheme {
            Scheme::Utf8 { .. } => out.extend_from_slice(text.as_bytes()),
            Scheme::Units { wide, big } => {
                let big = big.unwrap_or(false);
                for c in text.chars() {
                    if *wide {
                        let unit = u32::from(c);
                        out.extend_from_slice(&if big {
                            unit.to_be_bytes()
                        } else {
                            unit.to_le_bytes()
                        });
                    } else {
                        for unit in c.encode_utf16(&mut [0; 2]) {
                            out.extend_from_slice(&if big {
                                unit.to_be_bytes()
                            } else {
                                unit.to_le_bytes()
                            });
                        }
                    }
                }
            }
            Scheme::Table(table) => {
                for (at, c) in text.char_indices() {
                    out.push(*table.encode.get(&c).ok_or_else(|| lacking(c, at))?);
                }
            }
            Scheme::Double(double) => {
                for (at, c) in text.char_indices() {
                    double.encode(c, out).ok_or_else(|| lacking(c, at))?;
                }
            }
            Scheme::Library(encoding) => {
                let mut encoder = encoding.new_encoder();
                let mut at = 0;
                let mut buffer = [0; 4096];
                loop {
                    let rest = text.get(at..).unwrap_or_default();
                    let (result, read, written) =
                        encoder.encode_from_utf8_without_replacement(rest, &mut buffer, true);
                    out.extend_from_slice(buffer.get(..written).unwrap_or_default());
                    at += read;
                    match result {
                        EncoderResult::InputEmpty => break,
                        EncoderResult::OutputFull => {}
                        EncoderResult::Unmappable(c) => return Err(lacking(c, at - c.len_utf8())),
                    }
                }
            }
        }
        Ok(())
    }

    fn not_utf8(&self, at: usize) -> Error {
        Error::InvalidData(format!("this is not UTF-8, at byte {}", self.offset + at as u64))
    }
}

fn mark(scheme: &Scheme) -> &'static [u8] {
    match scheme {
        Scheme::Utf8 { sig: true } => b"\xef\xbb\xbf",
        Scheme::Units { wide: false, big: None } => b"\xff\xfe",
        Scheme::Units { wide: true, big: None } => b"\xff\xfe\0\0",
        _ => b"",
    }
}

impl Encoder for Encode {
    fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let joined;
        let bytes = match self.carry.is_empty() {
            true => chunk,
            false => {
                let mut carry = std::mem::take(&mut self.carry);
                carry.extend_from_slice(chunk);
                joined = carry;
                &joined
            }
        };
        let (text, rest) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, &[][..]),
            Err(error) if error.error_len().is_some() => {
                return Err(self.not_utf8(error.valid_up_to()));
            }
            Err(error) => {
                let (text, rest) = bytes.split_at(error.valid_up_to());
                (std::str::from_utf8(text).unwrap_or_default(), rest)
            }
        };
        self.carry = rest.to_vec();
        self.text(text, out)?;
        self.offset += text.len() as u64;
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.carry.is_empty() {
            return Err(self.not_utf8(0));
        }
        // An empty text gets a byte order mark, too, as Python writes it.
        self.text("", out)
    }
}
