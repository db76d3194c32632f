//! Strips PNG files (third edition, section 11).

use crate::orientation;
use img_parts::png::Png;
use img_parts::{Bytes, Error, Result};

/// The optional chunks that affect how the image looks.
const KEPT: [&[u8; 4]; 16] = [
    b"acTL", b"bKGD", b"cHRM", b"cICP", b"cLLI", b"fcTL", b"fdAT", b"gAMA", b"hIST", b"iCCP",
    b"mDCV", b"pHYs", b"sBIT", b"sPLT", b"sRGB", b"tRNS",
];

/// Returns the image without metadata.
pub fn strip(data: Bytes) -> Result<Bytes> {
    let mut image = Png::from_bytes(data)?;
    if image.chunks().last().is_none_or(|last| last.kind() != *b"IEND") {
        return Err(Error::Truncated);
    }
    orientation::keep_alone(&mut image);
    image.chunks_mut().retain(|chunk| {
        let is_critical = chunk.kind()[0].is_ascii_uppercase();
        // Exif is the minimal one from `keep_alone`.
        is_critical || chunk.kind() == *b"eXIf" || KEPT.contains(&&chunk.kind())
    });
    Ok(image.encoder().bytes())
}
