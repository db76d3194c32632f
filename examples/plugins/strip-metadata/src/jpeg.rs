//! Strips JPEG files (ITU-T T.81, annex B).

use crate::orientation;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::{Bytes, Error, Result};

/// Returns the image without metadata.
pub fn strip(data: Bytes) -> Result<Bytes> {
    let mut image = Jpeg::from_bytes(data)?;
    orientation::keep_alone(&mut image);
    let kept = |segment: &JpegSegment| {
        let is = |start: &[u8]| segment.contents().starts_with(start);
        match segment.marker() {
            markers::APP0 => is(b"JFIF\0"),
            // The minimal Exif from `keep_alone`.
            markers::APP1 => is(b"Exif\0\0"),
            markers::APP2 => is(b"ICC_PROFILE\0"),
            // The colour transform of the components.
            markers::APP14 => is(b"Adobe"),
            marker => !is_note(marker),
        }
    };
    let segments = image.segments_mut();
    segments.retain(kept);
    let scan = segments.pop().filter(JpegSegment::has_entropy).ok_or(Error::Truncated)?;
    let rest = scan.clone().encoder().bytes();
    let entropy = rest.get(scan.len()..).and_then(without_notes).ok_or(Error::Truncated)?;
    segments.push(JpegSegment::new_with_entropy(
        scan.marker(),
        scan.contents().clone(),
        entropy.into(),
    ));
    Ok(image.encoder().bytes())
}

/// Whether it is an application segment or a comment.
fn is_note(marker: u8) -> bool {
    matches!(marker, markers::APP0..=markers::APP15 | markers::COM)
}

/// Copies from the first scan to the end of the image, without what follows: cameras
/// append previews and films. `None` if the image does not end.
fn without_notes(entropy: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(entropy.len());
    let mut at = 0;
    loop {
        let start = at + entropy.get(at..)?.iter().position(|byte| *byte == markers::P)?;
        kept.extend_from_slice(entropy.get(at..start)?);
        let marker = *entropy.get(start + 1)?;
        let end = match marker {
            markers::EOI => {
                kept.extend([markers::P, markers::EOI]);
                return Some(kept);
            }
            // Fill bytes.
            markers::P => start + 1,
            markers::Z | markers::RST0..=markers::RST7 => start + 2,
            _ => {
                let length = entropy.get(start + 2..start + 4)?;
                start + 2 + usize::from(u16::from_be_bytes(length.try_into().ok()?))
            }
        };
        if !is_note(marker) {
            kept.extend_from_slice(entropy.get(start..end)?);
        }
        at = end;
    }
}
