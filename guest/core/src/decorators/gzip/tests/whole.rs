//! Objects that are read whole.

use super::*;
use crate::decorators::gzip::encode::BLOCK;

/// `gzip.compress(b"hello ", mtime=0) + gzip.compress(b"world", mtime=0)`
const PYTHON: &str = "1f8b0800000000000203cb48cdc9c9570000f6f981ed0600000\
                      01f8b08000000000002032bcf2fca4901004311773a05000000";

#[test]
fn objects_come_back_and_equal_objects_give_equal_bytes() {
    let (memory, gzip) = store(serde_json::json!({}));
    let data: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    put(&*gzip, &data);
    let stored = get(&memory).unwrap();
    assert!(stored.len() < data.len() / 10);
    assert_eq!(get(&*gzip).unwrap(), data);
    let mut writer = gzip.write("k", &PutOptions::default()).unwrap();
    for chunk in data.chunks(77_777) {
        writer.push(chunk).unwrap();
    }
    let info = writer.finish(Trailer::default()).unwrap();
    assert_eq!(info.size, Some(data.len() as u64));
    assert_eq!(gzip.stat("k").unwrap(), info);
    assert_eq!(read(gzip.read("k", &ReadOptions::default()).unwrap(), 1000).unwrap(), data);
    assert_eq!(get(&memory).unwrap(), stored);
}

#[test]
fn equal_objects_give_equal_bytes_at_every_level_however_they_arrive() {
    let data: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    for level in 0..=9 {
        let (memory, gzip) = store(serde_json::json!({"level": level}));
        put(&*gzip, &data);
        let stored = get(&memory).unwrap();
        for size in [7, 1_000, BLOCK - 1, BLOCK, BLOCK + 1] {
            put_in_pieces(&*gzip, &data, size);
            assert!(get(&memory).unwrap() == stored, "level {level}, in pieces of {size}");
        }
    }
}

#[test]
fn members_in_a_row_and_zeroes_after_them_are_read() {
    let (memory, gzip) = store(serde_json::json!({}));
    let mut bytes = hex::decode(PYTHON).unwrap();
    bytes.extend([0; 100]);
    put(&memory, &bytes);
    assert_eq!(get(&*gzip).unwrap(), b"hello world");
    assert_eq!(gzip.stat("k").unwrap().size, None);
    put(&memory, b"");
    assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))), "nothing is no whole object");
}

#[test]
fn anything_else_after_a_member_is_refused() {
    let (memory, gzip) = store(serde_json::json!({}));
    let mut bytes = hex::decode(PYTHON).unwrap();
    bytes.extend(b"garbage");
    put(&memory, &bytes);
    assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))));
}

#[test]
fn every_truncation_and_a_flipped_bit_are_refused() {
    let (memory, gzip) = store(serde_json::json!({}));
    let bytes = hex::decode(PYTHON).unwrap();
    let member = 26;
    for end in (1..bytes.len()).filter(|end| *end != member) {
        put(&memory, &bytes[..end]);
        assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))), "cut at {end}");
    }
    let mut bytes = bytes;
    bytes[member - 6] ^= 1;
    put(&memory, &bytes);
    assert!(matches!(get(&*gzip), Err(Error::InvalidData(_))));
}

#[test]
fn a_bomb_stops_at_max_size() {
    let (_, gzip) = store(serde_json::json!({"max_size": 1_000_000}));
    put(&*gzip, &vec![0; 1_000_000]);
    assert_eq!(get(&*gzip).unwrap().len(), 1_000_000);
    put(&*gzip, &vec![0; 1_000_001]);
    let reader = gzip.read("k", &ReadOptions::default()).unwrap();
    let error = read(reader, 65_536).unwrap_err();
    assert_eq!(
        error.to_string(),
        "limit exceeded: the object decompresses to more than the max_size of 1000000 bytes"
    );
}

#[test]
fn a_bomb_is_never_held_in_memory_at_once() {
    let (_, gzip) = store(serde_json::json!({}));
    put(&*gzip, &vec![0; 20_000_000]);
    assert!(matches!(get(&*gzip), Err(Error::LimitExceeded(_))));
    let reader = gzip.read("k", &ReadOptions::default()).unwrap();
    assert_eq!(read(reader, 1 << 20).unwrap().len(), 20_000_000);
}
