//! Tests with failing caches, vanishing users, and objects that many read at once.

use super::CachingStore;
use super::index::State;
use super::tests::{copied, get, over, setup, stream};
use crate::decorators::faulty::{Faulty, args, read_all, write_all};
use std::cell::Cell;
use std::rc::Rc;
use storage_contract::store::Store;
use storage_contract::types::{Capabilities, PutOptions, ReadOptions};

const LARGE: usize = 3_000_000;

fn large() -> Vec<u8> {
    (0..LARGE).map(|n| (n >> 5) as u8).collect()
}

#[test]
fn an_object_that_is_fetched_at_once_is_fetched_once() {
    for cache in
        [Faulty::new(), Faulty::with(Capabilities { metadata: false, ..Capabilities::ALL })]
    {
        let config = r#"{"at_once":3000000}"#;
        let s = over(config, cache);
        write_all(&s.main.memory, "k", &large()).unwrap();
        let told = s.main.memory.stat("k").unwrap();
        let options = ReadOptions::default();
        let mut one = s.store.read("k", &options).unwrap();
        // It has not read anything yet.
        let mut two = s.other(config).read("k", &options).unwrap();
        assert_eq!((one.info(), two.info()), (&told, &told));
        assert_eq!(s.main.calls().iter().filter(|call| *call == "read").count(), 1);
        assert_eq!(read_all(two.as_mut(), 70_000).unwrap(), large());
        assert_eq!(read_all(one.as_mut(), 70_000).unwrap(), large());
    }
}

#[test]
fn a_cache_that_breaks_while_an_object_is_fetched_at_once_is_not_noticed() {
    for failing in [vec!["write"], vec!["push"], vec!["finish"], vec!["read"]] {
        let s = setup(r#"{"at_once":3000000}"#);
        write_all(&s.main.memory, "k", &large()).unwrap();
        s.copies.fail(&failing);
        assert_eq!(stream(&s.store, "k").unwrap(), large(), "{failing:?}");
        s.copies.fail(&[]);
        assert_eq!(stream(&s.store, "k").unwrap(), large(), "{failing:?}");
    }
}

#[test]
fn a_main_store_that_breaks_while_an_object_is_fetched_at_once_leaves_no_copy() {
    let s = setup(r#"{"at_once":3000000}"#);
    write_all(&s.main.memory, "k", &large()).unwrap();
    s.main.break_after(Some(1_500_000));
    assert!(s.store.read("k", &ReadOptions::default()).is_err());
    assert_eq!(s.copies.holds("k"), None);
    s.main.break_after(None);
    assert_eq!(stream(&s.store, "k").unwrap(), large());
}

#[test]
fn nobody_tries_again_at_once_to_copy_into_a_cache_that_took_nothing() {
    let s = setup("{}");
    for key in ["a", "b"] {
        s.main.memory.put(key, b"v", &Default::default()).unwrap();
    }
    let tried = |at: u64, key: &str| {
        s.shared.time.set(at);
        s.copies.calls();
        assert_eq!(get(&s.store, key).unwrap(), "v");
        s.copies.calls().contains(&"put".to_owned())
    };
    s.copies.fail(&["put"]);
    assert!(tried(10_000, "a"));
    assert!(!tried(10_500, "a"));
    assert!(!tried(10_900, "b"));
    assert!(tried(11_500, "b"));
    s.copies.fail(&[]);
    assert!(!tried(12_000, "a"));
    assert!(tried(12_600, "a"));
    assert_eq!(s.copies.holds("a").unwrap(), b"v");
}

#[test]
fn a_copy_counts_before_it_is_there() {
    let s = setup(r#"{"max_bytes":1000}"#);
    s.main.memory.put("k", b"value", &Default::default()).unwrap();
    let (store, seen) = (s.store.clone(), Rc::new(Cell::new(None)));
    let told = seen.clone();
    // Its reader may vanish here.
    s.copies.after("put", move || {
        let record = store.cache.index.find("k").unwrap().unwrap();
        told.set(Some((record.state == State::Found, record.size)));
    });
    assert_eq!(get(&s.store, "k").unwrap(), "value");
    assert_eq!(seen.get(), Some((true, 5)));
    assert_eq!(s.store.cache.index.add_bytes(0, 0), Ok(5));
    copied(&s.store, "k", "new");
    assert_eq!(s.store.cache.index.add_bytes(0, 0), Ok(3));
    write_all(s.store.as_ref(), "k", &[7; 400]).unwrap();
    assert_eq!(s.store.cache.index.add_bytes(0, 0), Ok(0));
}

#[test]
fn a_copy_whose_bytes_are_wrong_is_replaced() {
    for size in [10, LARGE] {
        let (main, kept, shared) = (Faulty::new(), Faulty::new(), Rc::default());
        let packed = (crate::decorators::gzip::KIND.build)(args(&shared, "{}", &[&kept])).unwrap();
        let mut given = args(&shared, "{}", &[&main, &kept]);
        given.bases[1] = packed;
        let store = Rc::new(CachingStore::new(given).unwrap());
        let data = &large()[..size];
        write_all(&main.memory, "k", data).unwrap();
        assert_eq!(stream(&store, "k").unwrap(), data);
        let mut bytes = kept.holds("k").unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        let info = kept.memory.stat("k").unwrap();
        let as_it_was = PutOptions {
            etag: info.etag,
            content_type: info.content_type,
            metadata: info.metadata,
            ..PutOptions::default()
        };
        kept.memory.put("k", &bytes, &as_it_was).unwrap();
        // The stream that found it may fail if bytes were already returned.
        let _ = stream(&store, "k");
        for _ in 0..3 {
            assert_eq!(stream(&store, "k").unwrap(), data, "{size}");
        }
    }
}
