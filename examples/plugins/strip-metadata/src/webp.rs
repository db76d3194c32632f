//! WebP (RFC 9649).

use crate::orientation;
use img_parts::webp::{
    CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X,
    WebP,
};
use img_parts::{Bytes, Error, Result};

const KEPT: [[u8; 4]; 8] =
    [CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X];

/// The image alone.
pub fn strip(data: Bytes) -> Result<Bytes> {
    let mut image = WebP::from_bytes(data)?;
    if ![CHUNK_VP8, CHUNK_VP8L, CHUNK_ANMF].iter().any(|id| image.has_chunk(*id)) {
        return Err(Error::Truncated);
    }
    image.chunks_mut().retain(|chunk| KEPT.contains(&chunk.id()));
    // Sets the flags of what is there, too.
    orientation::keep_alone(&mut image);
    Ok(image.encoder().bytes())
}
