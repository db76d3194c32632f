//! Decodes to UTF-8.

use super::scheme::Scheme;
use crate::codec::{Decoder, Feed};
use encoding_rs::DecoderResult;
use std::rc::Rc;
use storage_contract::types::{Error, Result};

pub struct Decode {
    scheme: Rc<Scheme>,
    feed: Feed,
    /// Bytes of an incomplete character.
    carry: Vec<u8>,
    /// Stored bytes before `carry`.
    offset: u64,
    started: bool,
    /// Byte order of UTF-16 and UTF-32; a mark may set it.
    big: bool,
    library: Option<encoding_rs::Decoder>,
    ended: bool,
}

impl Decode {
    pub fn new(scheme: Rc<Scheme>, feed: Feed) -> Self {
        let big = matches!(&*scheme, Scheme::Units { big: Some(true), .. });
        let library = match &*scheme {
            Scheme::Library(encoding) => Some(encoding.new_decoder_without_bom_handling()),
            _ => None,
        };
        Self {
            scheme,
            feed,
            carry: Vec::new(),
            offset: 0,
            started: false,
            big,
            library,
            ended: false,
        }
    }

    fn wrong(&self, at: usize) -> Error {
        Error::InvalidData(format!(
            "the stored bytes are not text in the encoding, at byte {}",
            self.offset + at as u64
        ))
    }

    /// Decodes what it can of `bytes`; returns how many bytes it consumed.
    fn some(&mut self, bytes: &[u8], last: bool, out: &mut String) -> Result<usize> {
        let mut start = 0;
        if !self.started {
            match self.mark(bytes, last) {
                Some(skip) => start = skip,
                None => return Ok(0),
            }
            self.started = true;
        }
        let rest = bytes.get(start..).unwrap_or_default();
        let scheme = self.scheme.clone();
        let taken = match &*scheme {
            Scheme::Utf8 { .. } => self.utf8(rest, start, out)?,
            Scheme::Units { wide: false, .. } => self.utf16(rest, start, out)?,
            Scheme::Units { wide: true, .. } => self.utf32(rest, start, out)?,
            Scheme::Table(table) => {
                for (at, byte) in rest.iter().enumerate() {
                    let c = table.decode.get(usize::from(*byte)).copied().flatten();
                    out.push(c.ok_or_else(|| self.wrong(start + at))?);
                }
                rest.len()
            }
            Scheme::Library(_) => self.library(rest, start, last, out)?,
            Scheme::Double(double) => {
                double.decode(rest, out).map_err(|at| self.wrong(start + at))?
            }
        };
        Ok(start + taken)
    }

    /// The length of a byte order mark to skip; `None` if more bytes are needed to
    /// tell.
    fn mark(&mut self, bytes: &[u8], last: bool) -> Option<usize> {
        let marks: &[(&[u8], bool)] = match &*self.scheme {
            Scheme::Utf8 { sig: true } => &[(b"\xef\xbb\xbf", false)],
            Scheme::Units { wide: false, big: None } => {
                &[(b"\xff\xfe", false), (b"\xfe\xff", true)]
            }
            Scheme::Units { wide: true, big: None } => {
                &[(b"\xff\xfe\0\0", false), (b"\0\0\xfe\xff", true)]
            }
            _ => &[],
        };
        for (mark, big) in marks {
            if bytes.starts_with(mark) {
                self.big = *big;
                return Some(mark.len());
            }
            if !last && mark.starts_with(bytes) {
                return None;
            }
        }
        Some(0)
    }

    fn utf8(&self, bytes: &[u8], start: usize, out: &mut String) -> Result<usize> {
        let valid = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_some() => {
                return Err(self.wrong(start + error.valid_up_to()));
            }
            Err(error) => error.valid_up_to(),
        };
        let text = bytes.get(..valid).map(std::str::from_utf8);
        out.push_str(text.and_then(|text| text.ok()).unwrap_or_default());
        Ok(valid)
    }

    fn utf16(&self, bytes: &[u8], start: usize, out: &mut String) -> Result<usize> {
        let unit = |pair: &[u8; 2]| match self.big {
            true => u16::from_be_bytes(*pair),
            false => u16::from_le_bytes(*pair),
        };
        let (pairs, _) = bytes.as_chunks::<2>();
        let mut at = 0;
        while let Some(pair) = pairs.get(at) {
            let first = unit(pair);
            let count = match first {
                0xd800..=0xdbff => match pairs.get(at + 1) {
                    None => break,
                    Some(second) => {
                        let low = unit(second);
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(self.wrong(start + 2 * at));
                        }
                        let c = 0x10000
                            + ((u32::from(first) - 0xd800) << 10)
                            + (u32::from(low) - 0xdc00);
                        out.extend(char::from_u32(c));
                        2
                    }
                },
                first => {
                    let c = char::from_u32(u32::from(first));
                    out.push(c.ok_or_else(|| self.wrong(start + 2 * at))?);
                    1
                }
            };
            at += count;
        }
        Ok(2 * at)
    }

    fn utf32(&self, bytes: &[u8], start: usize, out: &mut String) -> Result<usize> {
        let (units, _) = bytes.as_chunks::<4>();
        for (at, unit) in units.iter().enumerate() {
            let c = if self.big { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) };
            out.push(char::from_u32(c).ok_or_else(|| self.wrong(start + 4 * at))?);
        }
        Ok(4 * units.len())
    }

    fn library(
        &mut self,
        bytes: &[u8],
        start: usize,
        last: bool,
        out: &mut String,
    ) -> Result<usize> {
        let Some(mut decoder) = self.library.take() else { return Ok(bytes.len()) };
        let needed = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        out.reserve(needed.unwrap_or(bytes.len().saturating_mul(3)));
        let (result, read) = decoder.decode_to_string_without_replacement(bytes, out, last);
        self.library = Some(decoder);
        match result {
            DecoderResult::Malformed(bad, after) => {
                let back = usize::from(bad) + usize::from(after);
                Err(self.wrong(start + read.saturating_sub(back)))
            }
            _ => Ok(read),
        }
    }
}

impl Decoder for Decode {
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let mut out = String::new();
        while out.is_empty() && !self.ended {
            let held = self.feed.fill()?;
            let count = held.len().min(max.max(16));
            let last = held.is_empty();
            let mut bytes = std::mem::take(&mut self.carry);
            bytes.extend_from_slice(held.get(..count).unwrap_or_default());
            self.feed.take(count);
            let taken = self.some(&bytes, last, &mut out)?;
            if last && taken < bytes.len() {
                return Err(self.wrong(taken));
            }
            self.ended = last;
            self.offset += taken as u64;
            self.carry = bytes.split_off(taken);
        }
        Ok(out.into_bytes())
    }
}

/// Passes bytes unchanged.
pub struct Pass {
    feed: Feed,
}

impl Pass {
    pub fn new(feed: Feed) -> Self {
        Self { feed }
    }
}

impl Decoder for Pass {
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let held = self.feed.fill()?;
        let chunk = held.get(..held.len().min(max)).unwrap_or_default().to_vec();
        self.feed.take(chunk.len());
        Ok(chunk)
    }
}
