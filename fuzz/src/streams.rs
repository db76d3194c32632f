//! Bytes through every decorator that encodes them: the result does not depend on
//! how they are read, and what was written comes back.

use crate::errors::readable;
use std::rc::Rc;
use storage_contract::chain::{Base, Node};
use storage_contract::env::Env;
use storage_contract::memory::Memory;
use storage_contract::types::{ByteRange, Error, PutOptions, ReadOptions, Trailer};
use storage_contract::{SharedStore, Store};
use storage_core::decorators::build;

/// Store type, config, and whether it returns exactly what was put.
const KINDS: &[(&str, &str, bool)] = &[
    ("GzipStore", r#"{"max_size":1000000}"#, true),
    ("GzipStore", r#"{"level":1,"max_size":100}"#, true),
    ("Base64Store", "{}", true),
    ("Base64Store", r#"{"lenient":true}"#, true),
    ("JsonStore", "{}", false),
    ("TextEncodingStore", r#"{"encoding":"latin-1"}"#, true),
    ("TextEncodingStore", r#"{"encoding":"utf-16"}"#, true),
    ("TextEncodingStore", r#"{"encoding":"utf-8-sig"}"#, true),
    ("TextEncodingStore", r#"{"encoding":"shift_jis"}"#, false),
    ("TextEncodingStore", r#"{"encoding":"gbk"}"#, false),
    ("TextEncodingStore", r#"{"encoding":"cp1252"}"#, true),
    ("BufferStore", "{}", true),
];

const KEY: &str = "k";

/// The first two bytes select the decorator and the size of the pieces.
pub fn run(data: &[u8]) {
    let [first, size, rest @ ..] = data else { return };
    let kind = &KINDS[usize::from(*first) % KINDS.len()];
    let size = usize::from(*size) + 1;
    read_as_it_lies(kind, size, rest);
    written_and_read(kind, size, rest);
}

fn store((kind, config, _): &(&str, &str, bool), base: &Memory) -> SharedStore {
    let node = Node {
        name: "fuzzed".to_owned(),
        kind: (*kind).to_owned(),
        config: (*config).to_owned(),
        bases: vec![Base::Name("base".to_owned())],
    };
    let open = |_: &str| -> Result<SharedStore, Error> { Ok(Rc::new(base.clone())) };
    let built = build(&[node], &Env::local(), open).expect("the config is right");
    built.last().expect("one store").clone()
}

/// Reads arbitrary bytes in the base.
fn read_as_it_lies(kind: &(&str, &str, bool), size: usize, data: &[u8]) {
    let base = Memory::default();
    base.put(KEY, data, &PutOptions::default()).expect("memory");
    let store = store(kind, &base);
    let whole = get(store.as_ref(), None);
    same(kind.0, &whole, &stream(store.as_ref(), None, size));
    let Ok(whole) = whole else { return };
    if !store.capabilities().range {
        return;
    }
    let offset = (size as u64) / 2;
    let range = ByteRange { offset: Some(offset), length: Some(size as u64) };
    let wanted = usize::try_from(offset).ok().filter(|offset| *offset < whole.len());
    let wanted = wanted.map(|offset| &whole[offset..whole.len().min(offset + size)]);
    for got in [get(store.as_ref(), Some(range)), stream(store.as_ref(), Some(range), 7)] {
        match (&got, wanted) {
            (Ok(got), Some(wanted)) => assert_eq!(got, wanted, "{}: a range", kind.0),
            (Err(Error::InvalidRange), None) => {}
            _ => panic!("{}: {got:?} where {wanted:?} lies", kind.0),
        }
    }
}

fn written_and_read(kind: &(&str, &str, bool), size: usize, data: &[u8]) {
    let (base, pieces) = (Memory::default(), Memory::default());
    let (whole, streamed) = (store(kind, &base), store(kind, &pieces));
    let put = whole.put(KEY, data, &PutOptions::default()).map(drop);
    let write = write(streamed.as_ref(), data, size);
    same(kind.0, &put.clone().map(|()| Vec::new()), &write.map(|()| Vec::new()));
    if let Err(error) = &put {
        readable(error);
        for base in [&base, &pieces] {
            assert_eq!(base.exists(KEY), Ok(false), "{}: refused, and published", kind.0);
        }
        return;
    }
    same(kind.0, &get(&base, None), &get(&pieces, None));
    match get(whole.as_ref(), None) {
        Ok(got) if kind.2 => assert_eq!(got, data, "{}", kind.0),
        // In its one form: putting that again must change nothing.
        Ok(got) => {
            let kept = get(&base, None);
            whole.put(KEY, &got, &PutOptions::default()).expect("its own form");
            same(kind.0, &kept, &get(&base, None));
        }
        // Larger than may be unpacked.
        Err(Error::LimitExceeded(_)) if kind.1.contains("max_size") => {}
        Err(error) => panic!("{}: {error:?} instead of what was put", kind.0),
    }
}

fn write(store: &dyn Store, data: &[u8], size: usize) -> Result<(), Error> {
    let mut writer = store.write(KEY, &PutOptions::default())?;
    data.chunks(size).try_for_each(|chunk| writer.push(chunk))?;
    writer.finish(Trailer::default()).map(drop)
}

fn get(store: &dyn Store, range: Option<ByteRange>) -> Result<Vec<u8>, Error> {
    let options = ReadOptions { range, ..ReadOptions::default() };
    store.get(KEY, &options).map(|(_, data)| data)
}

fn stream(store: &dyn Store, range: Option<ByteRange>, size: usize) -> Result<Vec<u8>, Error> {
    let mut reader = store.read(KEY, &ReadOptions { range, ..ReadOptions::default() })?;
    let mut all = Vec::new();
    loop {
        let chunk = reader.next(size)?;
        assert!(chunk.len() <= size, "{} bytes, {size} asked", chunk.len());
        assert!(all.len() <= 4 << 20, "a stream without an end");
        if chunk.is_empty() {
            return Ok(all);
        }
        all.extend(chunk);
    }
}

fn same(kind: &str, one: &Result<Vec<u8>, Error>, other: &Result<Vec<u8>, Error>) {
    match (one, other) {
        (Ok(one), Ok(other)) => assert_eq!(one, other, "{kind}: whole, and in pieces"),
        (Err(one), Err(other)) => {
            readable(one);
            readable(other);
            // If bytes are both invalid and too many, either error may come first.
            let is_data = |e: &Error| matches!(e, Error::InvalidData(_) | Error::LimitExceeded(_));
            let alike = one.code() == other.code() || (is_data(one) && is_data(other));
            assert!(alike, "{kind}: {one:?}, and in pieces {other:?}");
        }
        _ => panic!("{kind}: whole {one:?}, in pieces {other:?}"),
    }
}
