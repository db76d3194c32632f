//! Encodings of one and two bytes whose tables in `encoding_rs` differ from
//! Python's.
//!
//! A table of differences lists the codes that decode differently. Most of encoding
//! follows from it, because neither side writes what it would not read back.

use super::tables::{self, Extra, Runs};
use encoding_rs::{DecoderResult, EncoderResult, Encoding};

pub struct Double {
    encoding: &'static Encoding,
    /// The first bytes of two-byte codes.
    leads: &'static [(u8, u8)],
    runs: Runs,
    extra: Extra,
}

pub static SHIFT_JIS: Double = Double {
    encoding: encoding_rs::SHIFT_JIS,
    leads: &[(0x81, 0x9f), (0xe0, 0xfc)],
    runs: tables::SHIFT_JIS,
    extra: &[],
};
pub static GBK: Double =
    Double { encoding: encoding_rs::GBK, leads: &[(0x81, 0xfe)], runs: tables::GBK, extra: &[] };
pub static BIG5: Double = Double {
    encoding: encoding_rs::BIG5,
    leads: &[(0x81, 0xfe)],
    runs: tables::BIG5,
    extra: tables::BIG5_EXTRA,
};

/// The smallest second byte of a two-byte code. A smaller one belongs to four-byte
/// sequences, which Python's `gbk` does not have.
const TRAIL: u8 = 0x40;

impl Double {
    /// The character of a code that differs: `Some(0)` if it is undefined, `None`
    /// if it does not differ.
    fn run(&self, code: u16) -> Option<u16> {
        let next = self.runs.partition_point(|(_, last, _)| *last < code);
        let (first, _, start) = self.runs.get(next).filter(|(first, ..)| *first <= code)?;
        // The characters of a run are consecutive, like its codes.
        Some(if *start == 0 { 0 } else { start.saturating_add(code - first) })
    }

    /// Decodes complete codes. Returns the number of bytes consumed, or as error
    /// the offset of the first invalid ones.
    pub fn decode(&self, bytes: &[u8], out: &mut String) -> Result<usize, usize> {
        let (mut at, mut same) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            let lead = self.leads.iter().any(|(first, last)| (*first..=*last).contains(&byte));
            let (code, length) = match (lead, bytes.get(at + 1)) {
                (false, _) => (u16::from(byte), 1),
                (true, None) => break,
                (true, Some(trail)) if *trail < TRAIL => return Err(at),
                (true, Some(trail)) => (u16::from_be_bytes([byte, *trail]), 2),
            };
            let run = if byte.is_ascii() { None } else { self.run(code) };
            if let Some(value) = run {
                self.library(bytes, same, at, out)?;
                let c = char::from_u32(value.into()).filter(|c| *c != '\0').ok_or(at)?;
                out.push(c);
                same = at + length;
            }
            at += length;
        }
        self.library(bytes, same, at, out)?;
        Ok(at)
    }

    /// Decodes complete codes that do not differ.
    fn library(&self, bytes: &[u8], from: usize, to: usize, out: &mut String) -> Result<(), usize> {
        let bytes = bytes.get(from..to).unwrap_or_default();
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let needed = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        out.reserve(needed.unwrap_or(bytes.len().saturating_mul(3)));
        match decoder.decode_to_string_without_replacement(bytes, out, true) {
            (DecoderResult::Malformed(bad, after), read) => {
                Err(from + read.saturating_sub(usize::from(bad) + usize::from(after)))
            }
            _ => Ok(()),
        }
    }

    /// Appends the code of a character; `None` if there is none.
    pub fn encode(&self, c: char, out: &mut Vec<u8>) -> Option<()> {
        if c.is_ascii() {
            out.extend(u8::try_from(c));
            return Some(());
        }
        // All are in the basic multilingual plane.
        let wanted = u16::try_from(u32::from(c)).ok()?;
        let extra = self.extra.iter().find(|(from, _)| *from == wanted).map(|(_, code)| *code);
        let code = extra.or_else(|| self.back(wanted)).or_else(|| self.nearest(c))?;
        match code.to_be_bytes() {
            [0, byte] => out.push(byte),
            bytes => out.extend_from_slice(&bytes),
        }
        Some(())
    }

    /// The code of a character whose code differs.
    fn back(&self, wanted: u16) -> Option<u16> {
        self.runs.iter().find_map(|(first, last, start)| {
            let step = wanted.checked_sub(*start).filter(|_| *start != 0)?;
            (step <= last - first).then(|| first + step)
        })
    }

    /// The code from `encoding_rs`, unless it stands for another character in
    /// Python.
    fn nearest(&self, c: char) -> Option<u16> {
        let (mut text, mut bytes) = ([0; 4], [0; 4]);
        let text = c.encode_utf8(&mut text);
        let mut encoder = self.encoding.new_encoder();
        let (result, _, written) =
            encoder.encode_from_utf8_without_replacement(text, &mut bytes, true);
        let code = match (result, bytes.get(..written)?) {
            // ASCII bytes stand only for themselves: a yen sign would read back as
            // a backslash.
            (EncoderResult::InputEmpty, [byte]) if !byte.is_ascii() => u16::from(*byte),
            (EncoderResult::InputEmpty, [lead, trail]) => u16::from_be_bytes([*lead, *trail]),
            _ => return None,
        };
        self.run(code).is_none().then_some(code)
    }
}
