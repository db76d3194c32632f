use super::*;
use img_parts::ImageEXIF;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::WebP;
use serde_json::json;

/// Exif of a rotated camera, with a name and a place.
fn exif() -> Bytes {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend(*b"\x0f\x01\x02\0\x04\0\0\0Ada\0");
    tiff.extend(*b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0");
    tiff.extend([0; 4]);
    tiff.extend(*b"SECRET");
    tiff.into()
}

fn encode(data: Vec<u8>, config: Json) -> Result<Vec<u8>> {
    let part = Part { key: "photo".to_owned(), last: true, ..Part::default() };
    StripMetadata::configure(config)?.encode(&part, data)
}

fn stripped(data: Vec<u8>) -> Vec<u8> {
    let stripped = encode(data, json!({})).unwrap();
    assert!(!stripped.windows(6).any(|window| window == b"SECRET"));
    assert!(!stripped.windows(3).any(|window| window == b"Ada"));
    // A clean image stays unchanged.
    assert_eq!(encode(stripped.clone(), json!({})).unwrap(), stripped);
    stripped
}

fn orientation(image: &impl ImageEXIF) -> Option<u32> {
    let exif = exif::Reader::new().read_raw(image.exif()?.into()).unwrap();
    assert_eq!(exif.fields().count(), 1, "nothing but the orientation");
    exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)
}

fn segment(marker: u8, contents: &'static [u8]) -> JpegSegment {
    JpegSegment::new_with_contents(marker, Bytes::from_static(contents))
}

/// A progressive image in two scans, with metadata wherever it may be.
fn jpeg(notes: bool) -> Vec<u8> {
    let mut image = Jpeg::from_bytes(Bytes::from_static(b"\xff\xd8\xff\xd9")).unwrap();
    let mut scans = b"scan \xff\x00 \xff\xd0 one".to_vec();
    if notes {
        scans.extend(*b"\xff\xfe\0\x08SECRET");
    }
    scans.extend(*b"\xff\xff\xda\0\x06\xff\xd9\xff\xd9scan two\xff\xd9");
    if notes {
        scans.extend(*b"\xff\xd8\xff\xe1\0\x08SECRET\xff\xd9");
    }
    let all = [
        (false, segment(markers::APP0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0")),
        (true, segment(markers::APP0, b"JFXX\0SECRET")),
        (true, segment(markers::APP1, b"http://ns.adobe.com/xap/1.0/\0SECRET")),
        (false, segment(markers::APP2, b"ICC_PROFILE\0\x01\x01colours")),
        (true, segment(markers::APP2, b"MPF\0SECRET")),
        (true, segment(markers::APP13, b"Photoshop 3.0\0SECRET")),
        (false, segment(markers::APP14, b"Adobe\0\x64\0\0\0\0\x01")),
        (true, segment(markers::COM, b"SECRET")),
        (false, segment(markers::SOF2, b"\x08\0\x01\0\x01\x01\x01\x11\0")),
    ];
    let kept = all.into_iter().filter(|(is_note, _)| notes || !is_note);
    image.segments_mut().extend(kept.map(|(_, segment)| segment));
    let scan = Bytes::from_static(b"\x01\x01\0\0\0\0");
    image.segments_mut().push(JpegSegment::new_with_entropy(markers::SOS, scan, scans.into()));
    if notes {
        image.set_exif(Some(exif()));
    }
    image.encoder().bytes().into()
}

#[test]
fn a_jpeg_keeps_pixels_colours_and_orientation_alone() {
    let mut image = Jpeg::from_bytes(stripped(jpeg(true)).into()).unwrap();
    assert_eq!(orientation(&image), Some(6));
    image.set_exif(None);
    assert_eq!(image.encoder().bytes(), jpeg(false));
}

#[test]
fn a_png_keeps_pixels_colours_and_orientation_alone() {
    let signature = Bytes::from_static(b"\x89PNG\r\n\x1a\n");
    let make = |notes: bool| {
        let mut image = Png::from_bytes(signature.clone()).unwrap();
        let all: [(&[u8; 4], &'static [u8]); 8] = [
            (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0"),
            (b"gAMA", b"\0\0\xb1\x8f"),
            (b"tEXt", b"Author\0SECRET"),
            (b"tIME", b"SECRET!"),
            (b"prVt", b"SECRET"),
            (b"IDAT", b"pixels"),
            (b"iTXt", b"XML:com.adobe.xmp\0SECRET"),
            (b"IEND", b""),
        ];
        for (kind, contents) in all {
            if notes || KEPT_IN_TEST.contains(kind) {
                image.chunks_mut().push(PngChunk::new(*kind, Bytes::from_static(contents)));
            }
        }
        image
    };
    const KEPT_IN_TEST: [[u8; 4]; 4] = [*b"IHDR", *b"gAMA", *b"IDAT", *b"IEND"];
    let mut with_notes = make(true);
    with_notes.set_exif(Some(exif()));
    let mut data: Vec<u8> = with_notes.encoder().bytes().into();
    data.extend(*b"SECRET");
    let mut image = Png::from_bytes(stripped(data).into()).unwrap();
    assert_eq!(orientation(&image), Some(6));
    image.set_exif(None);
    assert_eq!(image, make(false));
}

#[test]
fn a_webp_keeps_pixels_colours_and_orientation_alone() {
    let chunk = |id: &[u8; 4], data: &'static [u8]| {
        RiffChunk::new(*id, RiffContent::Data(Bytes::from_static(data)))
    };
    let content = RiffContent::List {
        kind: Some(*b"WEBP"),
        subchunks: vec![
            chunk(b"VP8X", b"\x2c\0\0\0\0\0\0\0\0\0"),
            chunk(b"ICCP", b"colour"),
            chunk(b"VP8L", b"\x2f\0\0\0\0\0"),
            chunk(b"XMP ", b"SECRET"),
            chunk(b"what", b"SECRET"),
        ],
    };
    let mut image = WebP::new(RiffChunk::new(*b"RIFF", content)).unwrap();
    image.set_exif(Some(exif()));
    let image = WebP::from_bytes(stripped(image.encoder().bytes().into()).into()).unwrap();
    assert_eq!(orientation(&image), Some(6));
    let ids: Vec<_> = image.chunks().iter().map(RiffChunk::id).collect();
    assert_eq!(ids, [*b"VP8X", *b"ICCP", *b"VP8L", *b"EXIF"]);
    let flags = image.chunks()[0].content().data().unwrap()[0];
    assert_eq!(flags & 0b0000_0100, 0, "it says that there is XMP");
}

#[test]
fn an_image_that_lies_as_it_should_keeps_no_exif() {
    let mut image = Jpeg::from_bytes(jpeg(false).into()).unwrap();
    let mut straight: Vec<u8> = exif().into();
    straight[30] = 1;
    image.set_exif(Some(straight.into()));
    assert_eq!(stripped(image.encoder().bytes().into()), jpeg(false));
}

#[test]
fn half_an_image_is_refused_at_every_byte() {
    let whole = jpeg(false);
    for end in 3..whole.len() {
        let half = encode(whole[..end].to_vec(), json!({}));
        assert!(matches!(half, Err(Error::InvalidData(_))), "{end} bytes");
    }
}

#[test]
fn what_is_no_image_is_refused_or_kept_as_the_config_says() {
    let refused = encode(b"text".to_vec(), json!({}));
    assert!(matches!(refused, Err(Error::InvalidData(m)) if m.contains("\"photo\" is no JPEG")));
    assert_eq!(encode(b"text".to_vec(), json!({"others": "keep"})).unwrap(), b"text");
}
