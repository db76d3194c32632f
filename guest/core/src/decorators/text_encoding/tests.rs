use super::*;
use crate::env::Env;
use crate::memory::Memory;
use crate::store::Store;
use crate::types::{ByteRange, PutOptions, ReadOptions, Trailer};
use proptest::prelude::*;

fn store(encoding: &str) -> (Memory, SharedStore) {
    let memory = Memory::default();
    let bases = vec![Rc::new(memory.clone()) as SharedStore];
    let config = serde_json::json!({"encoding": encoding});
    let args = Args { name: "t".to_owned(), config, bases, env: Env::local() };
    (memory, build(args).unwrap())
}

fn encoded(encoding: &str, text: &str) -> Result<Vec<u8>> {
    let (memory, store) = store(encoding);
    store.put("k", text.as_bytes(), &PutOptions::default())?;
    Ok(memory.get("k", &ReadOptions::default()).unwrap().1)
}

fn decoded(encoding: &str, bytes: &[u8]) -> Result<String> {
    let (memory, store) = store(encoding);
    memory.put("k", bytes, &PutOptions::default()).unwrap();
    let (_, data) = store.get("k", &ReadOptions::default())?;
    Ok(String::from_utf8(data).unwrap())
}

#[test]
fn texts_are_stored_as_python_encodes_them() {
    // text.encode(name).hex()
    for (name, text, hex) in [
        ("utf-8", "é€", "c3a9e282ac"),
        ("utf-8-sig", "é", "efbbbfc3a9"),
        ("utf-8-sig", "", "efbbbf"),
        ("UTF_16", "a😀", "fffe61003dd800de"),
        ("utf-16", "", "fffe"),
        ("utf-16-be", "a😀", "0061d83dde00"),
        ("utf-32", "é", "fffe0000e9000000"),
        ("utf-32-be", "😀", "0001f600"),
        ("latin-1", "é\u{81}ÿ", "e981ff"),
        ("cp1252", "€é", "80e9"),
        ("iso8859-15", "€", "a4"),
        ("koi8-r", "Жук", "f6d5cb"),
        ("cp866", "Жук", "86e3aa"),
        ("mac-roman", "é", "8e"),
        ("cp949", "가힣a", "b0a1c65261"),
        ("cp1255", "שלום", "f9ece5ed"),
    ] {
        assert_eq!(hex::encode(encoded(name, text).unwrap()), hex, "{name} {text:?}");
        assert_eq!(decoded(name, &hex::decode(hex).unwrap()).as_deref(), Ok(text), "{name}");
    }
}

#[test]
fn both_byte_orders_are_read() {
    assert_eq!(decoded("utf-16", b"\xfe\xff\0a").unwrap(), "a");
    assert_eq!(decoded("utf-16", b"a\0").unwrap(), "a");
    assert_eq!(decoded("utf-8-sig", b"a").unwrap(), "a");
}

#[test]
fn text_that_the_encoding_lacks_is_refused_with_its_offset() {
    for (name, text, at) in
        [("latin-1", "aé€", 3), ("ascii", "abé", 2), ("cp1252", "x\u{81}", 1), ("cp949", "가😀", 3)]
    {
        let error = encoded(name, text).unwrap_err().to_string();
        assert!(error.contains(&format!("at byte {at} ")), "{name}: {error}");
    }
    let (_, store) = store("utf-8");
    let error = store.put("k", b"ab\xff", &PutOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "invalid data: this is not UTF-8, at byte 2");
    assert!(store.put("k", b"ab\xc3", &PutOptions::default()).is_err());
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_offset() {
    for (name, bytes, at) in [
        ("ascii", &b"ab\x80"[..], 2),
        ("cp1252", b"a\x81", 1),
        ("utf-8", b"abc\xc3", 3),
        ("utf-16-le", b"a\0\0\xd8b\0", 2),
        ("utf-16-le", b"a\0b", 2),
        ("utf-32-le", b"\0\0\x11\0", 0),
        ("cp949", b"ab\xff\xff", 2),
    ] {
        let error = decoded(name, bytes).unwrap_err().to_string();
        assert!(error.ends_with(&format!("at byte {at}")), "{name}: {error}");
    }
}

#[test]
fn an_unknown_encoding_is_refused_with_the_known_ones() {
    let bases = vec![Rc::new(Memory::default()) as SharedStore];
    let config = serde_json::json!({"encoding": "shift_jis"});
    let args = Args { name: "t".to_owned(), config, bases, env: Env::local() };
    let error = build(args).err().unwrap().to_string();
    assert!(error.contains("\"shift_jis\" is not supported; there are: ascii, latin-1"), "{error}");
}

#[test]
fn a_part_of_utf_8_may_begin_inside_a_character() {
    let (_, store) = store("utf-8");
    store.put("k", "é€".as_bytes(), &PutOptions::default()).unwrap();
    let options = ReadOptions { range: Some(ByteRange::span(1, 2)), ..ReadOptions::default() };
    assert_eq!(store.get("k", &options).unwrap().1, b"\xa9\xe2");
}

proptest! {
    #[test]
    fn texts_come_back_whatever_the_chunks(
        text in "[a-z가é€😀]{0,200}", push in 1usize..50, next in 1usize..50, which in 0usize..5,
    ) {
        let names = ["utf-8", "utf-16", "utf-32", "utf-8-sig", "cp949"];
        let name = names[which];
        let text: String = if name == "cp949" { text.replace(['é', '€', '😀'], "나") } else { text };
        let (_, store) = store(name);
        let mut writer = store.write("k", &PutOptions::default()).unwrap();
        for chunk in text.as_bytes().chunks(push) {
            writer.push(chunk).unwrap();
        }
        let info = writer.finish(Trailer::default()).unwrap();
        prop_assert_eq!(info.size, Some(text.len() as u64));
        let mut reader = store.read("k", &ReadOptions::default()).unwrap();
        let mut back = Vec::new();
        loop {
            let chunk = reader.next(next).unwrap();
            prop_assert!(chunk.len() <= next);
            if chunk.is_empty() {
                break;
            }
            back.extend(chunk);
        }
        prop_assert_eq!(back, text.into_bytes());
    }
}
