//! The orientation, which is the only part of Exif that is kept, since images would lie
//! on their side without it.

use exif::{In, Reader, Tag};
use img_parts::{Bytes, ImageEXIF};

/// Replaces Exif with one that holds only the orientation, or removes it if the image
/// is upright.
pub fn keep_alone(image: &mut impl ImageEXIF) {
    let found = image.exif().and_then(|exif| {
        let exif = Reader::new().read_raw(exif.into()).ok()?;
        exif.get_field(Tag::Orientation, In::PRIMARY)?.value.get_uint(0)
    });
    let turned = found.and_then(|found| u8::try_from(found).ok());
    image.set_exif(turned.filter(|turned| (2..=8).contains(turned)).map(alone));
}

/// Exif data (TIFF 6.0, sections 2 and 8): a header and a directory of one entry.
fn alone(orientation: u8) -> Bytes {
    const SHORT: u8 = 3;
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    tiff.extend([0x01, 0x12, 0, SHORT, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0; 4]);
    tiff.into()
}
