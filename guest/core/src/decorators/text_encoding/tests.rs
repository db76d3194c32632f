use super::*;
use proptest::prelude::*;
use storage_contract::env::Env;
use storage_contract::memory::Memory;
use storage_contract::store::Store;
use storage_contract::types::{ByteRange, PutOptions, ReadOptions, Trailer};

fn store(encoding: &str) -> (Memory, SharedStore) {
    let memory = Memory::default();
    let bases = vec![Rc::new(memory.clone()) as SharedStore];
    let config = serde_json::json!({"encoding": encoding});
    let args = Args { name: "t".to_owned(), config, bases, names: Vec::new(), env: Env::local() };
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
        ("shift_jis", "日本語ｱ〜−a", "93fa967b8ceab18160817c61"),
        ("SJIS", "¢£¬", "8191819281ca"),
        ("gbk", "汉字·", "babad7d6a1a4"),
        ("big5", "漢字═", "ba7ea672a2a4"),
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
    for (name, text, at) in [
        ("latin-1", "aé€", 3),
        ("ascii", "abé", 2),
        ("cp1252", "x\u{81}", 1),
        ("cp949", "가😀", 3),
        ("shift_jis", "日①", 3),
        ("shift_jis", "a¥", 1),
        ("shift_jis", "‾", 0),
    ] {
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
        ("shift_jis", b"a\x93\xfa\x87\x40", 3),
        ("shift_jis", b"a\x93\xfa\x93", 3),
        ("shift_jis", b"ab\x80", 2),
        ("gbk", b"ab\x810\x810", 2),
    ] {
        let error = decoded(name, bytes).unwrap_err().to_string();
        assert!(error.ends_with(&format!("at byte {at}")), "{name}: {error}");
    }
}

#[test]
fn an_unknown_encoding_is_refused_with_the_known_ones() {
    let bases = vec![Rc::new(Memory::default()) as SharedStore];
    let config = serde_json::json!({"encoding": "euc_jp"});
    let args = Args { name: "t".to_owned(), config, bases, names: Vec::new(), env: Env::local() };
    let error = build(args).err().unwrap().to_string();
    assert!(error.contains("\"euc_jp\" is not supported; there are: ascii, latin-1"), "{error}");
}

#[test]
fn a_part_of_utf_8_may_begin_inside_a_character() {
    let (_, store) = store("utf-8");
    store.put("k", "é€".as_bytes(), &PutOptions::default()).unwrap();
    let options = ReadOptions { range: Some(ByteRange::span(1, 2)), ..ReadOptions::default() };
    assert_eq!(store.get("k", &options).unwrap().1, b"\xa9\xe2");
}

/// What Python's codecs do, recorded by `tests/interop/codec_facts.py`.
const PYTHON: &str = include_str!("python.json");

/// Digests of all characters that can be encoded and all bytes that can be decoded
/// (sequences of one or two bytes, and each encoded character), in the form of
/// `python.json`.
fn digests(scheme: &Rc<Scheme>) -> (String, String) {
    use sha2::{Digest, Sha256};
    let (mut encode, mut decode) = (Sha256::new(), Sha256::new());
    let mut read = |bytes: &[u8]| {
        let mut decoder = Decode::new(scheme.clone(), Feed::bytes(bytes.to_vec()));
        let mut text = Vec::new();
        loop {
            match decoder.next(100) {
                Err(_) => return,
                Ok(chunk) if chunk.is_empty() => break,
                Ok(chunk) => text.extend(chunk),
            }
        }
        decode.update([bytes.len() as u8, text.len() as u8]);
        decode.update(bytes);
        decode.update(text);
    };
    (0..=255u8).for_each(|byte| read(&[byte]));
    (0..=u16::MAX).for_each(|code| read(&code.to_be_bytes()));
    for c in (0..=0x10_ffff).filter_map(char::from_u32) {
        let mut encoder = Encode::new(scheme.clone());
        let mut bytes = Vec::new();
        let pushed = encoder.push(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut bytes);
        if pushed.and_then(|()| encoder.finish(&mut bytes)).is_ok() {
            encode.update(u32::from(c).to_be_bytes());
            encode.update([bytes.len() as u8]);
            encode.update(&bytes);
            read(&bytes);
        }
    }
    (hex::encode(encode.finalize()), hex::encode(decode.finalize()))
}

#[test]
fn every_encoding_is_pythons_for_every_character_and_every_two_bytes() {
    let codecs: serde_json::Map<String, serde_json::Value> = serde_json::from_str(PYTHON).unwrap();
    let mut different = Vec::new();
    for (codec, facts) in &codecs {
        let (encode, decode) = digests(&Rc::new(scheme(codec).unwrap()));
        if facts["encode"] != encode.as_str() {
            different.push(format!("{codec} is written otherwise"));
        }
        if facts["decode"] != decode.as_str() {
            different.push(format!("{codec} is read otherwise"));
        }
    }
    assert!(different.is_empty(), "{different:#?}");
    assert_eq!(codecs.len(), 38);
}

#[test]
fn every_name_that_python_has_for_an_encoding_is_known() {
    let codecs: serde_json::Map<String, serde_json::Value> = serde_json::from_str(PYTHON).unwrap();
    for (codec, facts) in &codecs {
        for alias in facts["aliases"].as_array().unwrap() {
            let alias = alias.as_str().unwrap();
            assert_eq!(names::codec(alias), Some(codec.as_str()), "{alias}");
            let folded = alias.to_uppercase().replace('_', " - ");
            assert_eq!(names::codec(&folded), Some(codec.as_str()), "{folded}");
        }
    }
}

proptest! {
    #[test]
    fn texts_come_back_whatever_the_chunks(
        text in "[a-z가é€😀]{0,200}", push in 1usize..50, next in 1usize..50, which in 0usize..6,
    ) {
        let names = ["utf-8", "utf-16", "utf-32", "utf-8-sig", "cp949", "shift_jis"];
        let name = names[which];
        let text: String = match name {
            "cp949" => text.replace(['é', '€', '😀'], "나"),
            "shift_jis" => text.replace(['가', 'é', '€', '😀'], "〜日"),
            _ => text,
        };
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
