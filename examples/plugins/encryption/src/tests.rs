use super::*;
use serde_json::json;
use storage_plugin::mock::{decode, encode};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn with(key: &str) -> Encryption {
    Encryption::configure(json!({"key": key})).unwrap()
}

fn sealed(key: &str, object: u8, data: &[u8]) -> Vec<(Part, Vec<u8>)> {
    encode(&with(KEY), key, [object; 16], data).unwrap()
}

fn refused(parts: &[(Part, Vec<u8>)]) -> bool {
    matches!(decode(&with(KEY), parts), Err(Error::InvalidData(_)))
}

#[test]
fn what_was_encrypted_comes_back_at_every_size() {
    let chunk = CHUNK as usize;
    for size in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk] {
        let data: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let parts = sealed("key", 1, &data);
        assert_eq!(decode(&with(KEY), &parts).unwrap(), data, "{size} bytes");
        assert!(
            size < 16 || parts.iter().all(|(_, part)| !part.windows(16).any(|w| w == &data[..16]))
        );
    }
}

#[test]
fn chunks_that_were_changed_moved_or_left_off_are_refused() {
    let good = sealed("key", 1, &vec![7; 2 * CHUNK as usize + 1]);
    for bit in [0, 5, CHUNK as usize + 15] {
        let mut changed = good.clone();
        changed[0].1[bit] ^= 1;
        assert!(refused(&changed));
    }
    let mut moved = good.clone();
    moved[0].1 = good[1].1.clone();
    assert!(refused(&moved));
    let mut cut = good.clone();
    cut.pop();
    cut[1].0.last = true;
    assert!(refused(&cut));
    let mut short = good;
    short[2].1.truncate(15);
    assert!(refused(&short));
}

#[test]
fn an_object_of_another_name_time_or_key_is_refused() {
    let good = sealed("key", 1, b"text");
    for other in [sealed("other", 1, b"text"), sealed("key", 2, b"text")] {
        assert!(refused(&[(good[0].0.clone(), other[0].1.clone())]));
    }
    let other = with(&KEY.replace("00", "ff"));
    assert!(matches!(decode(&other, &good), Err(Error::InvalidData(_))));
}

#[test]
fn equal_objects_look_different() {
    assert_ne!(sealed("key", 1, b"text")[0].1, sealed("key", 2, b"text")[0].1);
}

#[test]
fn a_wrong_key_is_not_shown() {
    let wrong = KEY.replace("0f", "zz");
    let error = Encryption::configure(json!({"key": wrong})).err().unwrap();
    assert!(matches!(&error, Error::InvalidConfig(m) if !m.contains("zz")), "{error}");
}
