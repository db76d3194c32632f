use super::*;
use storage_contract::env::Env;
use storage_contract::kind::Args;
use storage_contract::memory::Memory;
use storage_contract::types::ReadOptions;

/// Texts, each with the result of `json.dumps(json.loads(text))` in CPython 3.11.
const GOOD: &[(&str, &str)] = &[
    (r####"1"####, r####"1"####),
    (r####"-0"####, r####"0"####),
    (r####"-0.0"####, r####"-0.0"####),
    (r####"0.0"####, r####"0.0"####),
    (r####"1.0"####, r####"1.0"####),
    (r####"1e5"####, r####"100000.0"####),
    (r####"1E+2"####, r####"100.0"####),
    (r####"1e16"####, r####"1e+16"####),
    (r####"123456789012345680.0"####, r####"1.2345678901234568e+17"####),
    (r####"1e15"####, r####"1000000000000000.0"####),
    (r####"1e-4"####, r####"0.0001"####),
    (r####"0.0001"####, r####"0.0001"####),
    (r####"0.00001"####, r####"1e-05"####),
    (r####"1e-07"####, r####"1e-07"####),
    (r####"1.5e300"####, r####"1.5e+300"####),
    (r####"1e999"####, r####"Infinity"####),
    (r####"-1e999"####, r####"-Infinity"####),
    (r####"NaN"####, r####"NaN"####),
    (r####"[Infinity, -Infinity]"####, r####"[Infinity, -Infinity]"####),
    (r####"12345678901234567890123"####, r####"12345678901234567890123"####),
    (r####"5e-324"####, r####"5e-324"####),
    (r####"1.7976931348623157e308"####, r####"1.7976931348623157e+308"####),
    (r####"0.1"####, r####"0.1"####),
    (r####"100.25"####, r####"100.25"####),
    (r####"9007199254740993.0"####, r####"9007199254740992.0"####),
    (
        r####""\u00e9é\ud83d\ude00😀\ud800""####,
        r####""\u00e9\u00e9\ud83d\ude00\ud83d\ude00\ud800""####,
    ),
    (r####""\/\b\f\n\r\t\"\\""####, r####""/\b\f\n\r\t\"\\\u007f""####),
    (r####"{"a":1,"b":2,"a":3}"####, r####"{"a": 3, "b": 2}"####),
    (r####"{"\u0061":1,"a":[ ]}"####, r####"{"a": []}"####),
    (r####" [ 1 ,2 , {} ] "####, r####"[1, 2, {}]"####),
    (r####"{"x":{"y":[null,true,false]}}"####, r####"{"x": {"y": [null, true, false]}}"####),
    (r####""""####, r####""""####),
    (r####"[[[]]]"####, r####"[[[]]]"####),
    (r####"{"":""}"####, r####"{"": ""}"####),
    (r####"2.5E-3"####, r####"0.0025"####),
    (r####"1.0E+10"####, r####"10000000000.0"####),
    (r####"4.35"####, r####"4.35"####),
    (r####"1e22"####, r####"1e+22"####),
    (r####"1e21"####, r####"1e+21"####),
    (r####"123e-7"####, r####"1.23e-05"####),
    (r####"" ""####, r####""\u2028""####),
];

const BAD: &[&str] = &[
    r####""####,
    r####"["####,
    r####"{"a"}"####,
    r####"[1,]"####,
    r####"{"a":1,}"####,
    r####"'a'"####,
    r####"01"####,
    r####"1."####,
    r####".5"####,
    r####"+1"####,
    r####"nul"####,
    r####""	""####,
    r####""\x""####,
    r####""\u12g4""####,
    r####"[1 2]"####,
    r####"1 1"####,
    r####"﻿1"####,
    r####"-"####,
    r####"1e"####,
    r####"--1"####,
    r####"{a:1}"####,
    r####"infinity"####,
    r####""abc"####,
];

fn dumps(text: &str) -> Result<String> {
    parse::dumps(text.as_bytes()).map(|stored| String::from_utf8(stored).unwrap())
}

#[test]
fn texts_are_stored_as_python_stores_them() {
    for (text, stored) in GOOD {
        assert_eq!(dumps(text).as_deref(), Ok(*stored), "{text}");
        assert_eq!(dumps(stored).as_deref(), Ok(*stored), "stored again: {stored}");
    }
}

#[test]
fn what_python_refuses_is_refused() {
    for text in BAD {
        assert!(matches!(dumps(text), Err(Error::InvalidData(_))), "{text:?}");
    }
    let error = dumps("{\n  \"a\": nope}").unwrap_err();
    let wanted = "invalid data: this is not JSON: a value was expected, at line 2, column 8";
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(dumps(&nested(400)).is_ok());
    assert!(dumps(&nested(100_000)).is_err());
}

fn store(config: serde_json::Value) -> (Memory, SharedStore) {
    let memory = Memory::default();
    let bases = vec![Rc::new(memory.clone()) as SharedStore];
    let store = (KIND.build)(Args {
        name: "j".to_owned(),
        config,
        bases,
        names: Vec::new(),
        env: Env::local(),
    });
    (memory, store.unwrap())
}

#[test]
fn sizes_that_are_of_other_bytes_are_not_kept() {
    let (memory, json) = store(serde_json::json!({}));
    let size = ("storage-size".to_owned(), "5".to_owned());
    let options = PutOptions { metadata: vec![size], ..PutOptions::default() };
    json.put("k", b"[1,2]", &options).unwrap();
    assert_eq!(memory.stat("k").unwrap().metadata, []);
    json.put("k", b"[1, 2]", &options).unwrap();
    assert_eq!(memory.stat("k").unwrap().metadata, options.metadata);
}

#[test]
fn a_document_that_is_refused_leaves_the_old_one() {
    let (memory, json) = store(serde_json::json!({"max_size": 10}));
    json.put("k", b"[1]", &PutOptions::default()).unwrap();
    for bad in [&b"[1"[..], b"[1, 2, 3, 4, 5]"] {
        assert!(json.put("k", bad, &PutOptions::default()).is_err());
        let mut writer = json.write("k", &PutOptions::default()).unwrap();
        let done = writer.push(bad).and_then(|()| writer.finish(Trailer::default()).map(|_| ()));
        assert!(done.is_err());
    }
    assert_eq!(memory.get("k", &ReadOptions::default()).unwrap().1, b"[1]");
}
