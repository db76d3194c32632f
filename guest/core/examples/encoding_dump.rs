//! Prints how `encoding_rs` maps an encoding, for `tests/interop/codec_facts.py`: a
//! line for each sequence of up to three bytes that is a character, and for each
//! character that can be encoded.

use encoding_rs::Encoding;
use std::io::Write;

fn main() -> std::io::Result<()> {
    let label = std::env::args().nth(1).unwrap_or_default();
    let Some(encoding) = Encoding::for_label(label.as_bytes()) else {
        return Err(std::io::Error::other("name an encoding"));
    };
    let mut out = std::io::stdout().lock();
    let mut decode = |bytes: &[u8]| -> std::io::Result<()> {
        if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            // Where the first bytes stand alone, there are two characters.
            let alone = (1..bytes.len()).any(|at| {
                let start = bytes.get(..at).unwrap_or_default();
                encoding.decode_without_bom_handling_and_without_replacement(start).is_some()
            });
            if !alone {
                let code = bytes.iter().fold(0u32, |code, byte| code << 8 | u32::from(*byte));
                let chars: Vec<_> = text.chars().map(|c| format!("{:x}", u32::from(c))).collect();
                writeln!(out, "d {code:x} {}", chars.join("+"))?;
            }
        }
        Ok(())
    };
    for code in 0..0x0100_0000u32 {
        let [_, a, b, c] = code.to_be_bytes();
        match (a, b) {
            (0, 0) => decode(&[c])?,
            (0, _) => decode(&[b, c])?,
            // Only EUC-JP has sequences of three.
            (0x8f, _) => decode(&[a, b, c])?,
            _ => {}
        }
    }
    let mut text = [0; 4];
    for c in (0..=0x10_ffff).filter_map(char::from_u32) {
        let (bytes, _, failed) = encoding.encode(c.encode_utf8(&mut text));
        if !failed {
            let code = bytes.iter().fold(0u64, |code, byte| code << 8 | u64::from(*byte));
            writeln!(out, "e {:x} {code:x}", u32::from(c))?;
        }
    }
    Ok(())
}
