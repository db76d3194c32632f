//! The bytes of objects in several members.

use super::*;
use flate2::bufread::{GzDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::io::Read;

/// Sizes around the borders of members.
const SIZES: [usize; 9] =
    [0, 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 9 * MIB + MIB / 2];

/// The plain lengths of the members of a file, as another decoder sees them.
fn members(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while !bytes.is_empty() {
        let mut member = GzDecoder::new(bytes);
        lengths.push(member.read_to_end(&mut Vec::new()).unwrap());
        bytes = member.into_inner();
    }
    lengths
}

#[test]
fn objects_around_the_borders_of_members_come_back() {
    let data = text(10 * MIB);
    for size in SIZES {
        let (memory, gzip) = store(serde_json::json!({"level": 1}));
        put(&*gzip, &data[..size]);
        assert!(all(&*gzip).unwrap() == data[..size], "{size}");
        assert_eq!(gzip.stat("k").unwrap().size, Some(size as u64));
        let stored = all(&memory).unwrap();
        let mut others = Vec::new();
        MultiGzDecoder::new(&stored[..]).read_to_end(&mut others).unwrap();
        assert!(others == data[..size], "{size}");
    }
}

#[test]
fn the_first_member_has_4_mib_and_the_others_one_and_the_index_none() {
    let data = text(10 * MIB);
    for (size, wanted) in [
        (0, vec![0]),
        (4 * MIB, vec![4 * MIB]),
        (4 * MIB + 1, vec![4 * MIB, 1, 0, 0]),
        (5 * MIB, vec![4 * MIB, MIB, 0, 0]),
        (6 * MIB + 7, vec![4 * MIB, MIB, MIB, 7, 0, 0]),
    ] {
        let (memory, gzip) = store(serde_json::json!({"level": 1}));
        put(&*gzip, &data[..size]);
        assert_eq!(members(&all(&memory).unwrap()), wanted, "{size}");
    }
}

#[test]
fn an_object_of_up_to_4_mib_is_the_one_member_that_it_always_was() {
    let data = text(4 * MIB);
    for level in [0, 1, 6] {
        for size in [0, 1, 100_000, 4 * MIB] {
            let (memory, gzip) = store(serde_json::json!({"level": level}));
            put(&*gzip, &data[..size]);
            let builder = GzBuilder::new().mtime(0);
            let mut one: GzEncoder<Vec<u8>> = builder.write(Vec::new(), Compression::new(level));
            data[..size].chunks(64 * 1024).for_each(|block| one.write_all(block).unwrap());
            assert!(all(&memory).unwrap() == one.finish().unwrap(), "{level} {size}");
        }
    }
}

#[test]
fn members_are_the_same_however_an_object_arrives() {
    let data = text(6 * MIB + 12_345);
    let (memory, gzip) = store(serde_json::json!({"level": 1}));
    gzip.put("k", &data, &PutOptions::default()).unwrap();
    let stored = all(&memory).unwrap();
    for size in [999, 64 * 1024 - 1, 64 * 1024, 100_001, 4 * MIB, 4 * MIB + 1, 5 * MIB] {
        put_in_pieces(&*gzip, &data, size);
        assert!(all(&memory).unwrap() == stored, "in pieces of {size}");
    }
}

#[test]
fn thousands_of_empty_members_are_neither_an_end_nor_too_deep() {
    let (memory, gzip) = store(serde_json::json!({}));
    let empty = GzBuilder::new().write(Vec::new(), Compression::new(6)).finish().unwrap();
    let mut full = GzBuilder::new().write(Vec::new(), Compression::new(6));
    full.write_all(b"here").unwrap();
    let bytes = [empty.repeat(20_000), full.finish().unwrap(), empty.repeat(20_000)].concat();
    memory.put("k", &bytes, &PutOptions::default()).unwrap();
    assert_eq!(all(&*gzip).unwrap(), b"here");
    assert_eq!(part(&*gzip, ByteRange::from(3)).unwrap(), b"e");
    assert_eq!(part(&*gzip, ByteRange::last(3)).unwrap(), b"ere");
    assert_eq!(part(&*gzip, ByteRange::from(4)), Err(Error::InvalidRange));
}

#[test]
fn level_9_is_never_larger_than_level_8() {
    // Any three digits are found again, far away, and take more bits as a repetition.
    let mut state = 1u64;
    let mut digit = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b"0123456789abcdef"[(state >> 60) as usize]
    };
    let digits: Vec<u8> = (0..MIB).map(&mut digit).collect();
    let zeroes_and_digits = [vec![b'0'; 4 * MIB], digits.clone()].concat();
    for data in [text(MIB), digits, zeroes_and_digits, Vec::new()] {
        let sizes = [8, 9].map(|level| {
            let (memory, gzip) = store(serde_json::json!({"level": level}));
            put(&*gzip, &data);
            assert!(all(&*gzip).unwrap() == data);
            all(&memory).unwrap().len()
        });
        assert!(sizes[1] <= sizes[0], "{} bytes: {sizes:?}", data.len());
    }
}
