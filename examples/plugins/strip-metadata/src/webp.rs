//! Strips WebP files (RFC 9649).

use crate::orientation;
use img_parts::riff::RiffContent;
use img_parts::webp::{
    CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X,
    WebP,
};
use img_parts::{Bytes, Error, Result};

const KEPT: [[u8; 4]; 8] =
    [CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X];

/// The flag in `VP8X` for XMP.
const XMP: u8 = 0b0000_0100;

/// Returns the image without metadata.
pub fn strip(data: Bytes) -> Result<Bytes> {
    let mut image = WebP::from_bytes(data)?;
    if ![CHUNK_VP8, CHUNK_VP8L, CHUNK_ANMF].iter().any(|id| image.has_chunk(*id)) {
        return Err(Error::Truncated);
    }
    image.chunks_mut().retain(|chunk| KEPT.contains(&chunk.id()));
    // This updates the flags, except for XMP, which the library does not know.
    orientation::keep_alone(&mut image);
    let extended = image.chunks_mut().iter_mut().find(|chunk| chunk.id() == CHUNK_VP8X);
    if let Some(RiffContent::Data(data)) = extended.map(|chunk| chunk.content_mut()) {
        let mut header = data.to_vec();
        header.iter_mut().take(1).for_each(|flags| *flags &= !XMP);
        *data = header.into();
    }
    Ok(image.encoder().bytes())
}
