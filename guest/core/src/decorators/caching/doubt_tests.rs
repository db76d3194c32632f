use super::tests::{Setup, copied, get, setup, stream};
use super::*;
use crate::decorators::faulty::{read_all, write_all};

const SIZES: [usize; 4] = [10, 900_000, 3_000_000, 9_000_000];

fn old(size: usize) -> Vec<u8> {
    vec![b'o'; size]
}

/// Someone else replaces the object while the cache is in doubt.
fn replace(s: &Setup) -> impl FnOnce() + 'static + use<> {
    let (shared, main) = (s.shared.clone(), s.main.memory.clone());
    move || {
        shared.doubt(true);
        main.put("k", b"new", &PutOptions::default()).unwrap();
        shared.doubt(false);
    }
}

fn after(s: &Setup, what: &str) {
    assert_eq!(get(&s.store, "k").unwrap(), "new", "{what}");
    assert_eq!(stream(&s.store, "k").unwrap(), b"new", "{what}");
    assert_eq!(s.copies.holds("k").unwrap(), b"new", "{what}");
}

#[test]
fn what_is_read_while_doubt_comes_and_goes_is_not_kept() {
    for config in ["{\"ttl\": \"never\"}", "{\"ttl\": \"never\", \"max_bytes\": 100000000}"] {
        for size in SIZES {
            let s = setup(config);
            write_all(&s.main.memory, "k", &old(size)).unwrap();
            s.main.after("get", replace(&s));
            match get(&s.store, "k") {
                Ok(data) => {
                    assert_eq!(data.len(), size);
                    after(&s, &format!("get, {config}, {size}"));
                }
                Err(error) => assert!(size > 8_000_000, "{size}: {error}"),
            }

            let s = setup(config);
            write_all(&s.main.memory, "k", &old(size)).unwrap();
            s.main.after("read", replace(&s));
            let mut reader = s.store.read("k", &ReadOptions::default()).unwrap();
            let _ = read_all(reader.as_mut(), 100_000);
            drop(reader);
            after(&s, &format!("read, {config}, {size}"));

            let s = setup(config);
            write_all(&s.main.memory, "k", &old(size)).unwrap();
            let mut reader = s.store.read("k", &ReadOptions::default()).unwrap();
            reader.next(10).unwrap();
            replace(&s)();
            let _ = read_all(reader.as_mut(), 100_000);
            drop(reader);
            after(&s, &format!("the rest of a read, {config}, {size}"));
        }
    }
}

#[test]
fn what_is_written_while_doubt_comes_and_goes_is_not_kept() {
    for config in ["{\"ttl\": \"never\"}", "{\"ttl\": \"never\", \"max_bytes\": 100000000}"] {
        for operation in ["put", "finish"] {
            let s = setup(config);
            s.main.after(operation, replace(&s));
            match operation {
                "put" => drop(copied(&s.store, "k", "old")),
                _ => drop(write_all(s.store.as_ref(), "k", b"old").unwrap()),
            }
            after(&s, &format!("{operation}, {config}"));
        }
    }
}

#[test]
fn a_copy_that_is_adopted_while_doubt_comes_and_goes_is_compared_again() {
    let s = setup("{\"ttl\": \"never\"}");
    copied(&s.store, "k", "old");
    s.shared.doubt(true);
    s.shared.doubt(false);
    s.main.after("stat", replace(&s));
    drop(get(&s.store, "k"));
    after(&s, "adopted");
}

#[test]
fn a_cache_in_doubt_makes_and_serves_no_copy_and_counts_those_that_it_has() {
    let s = setup("{\"ttl\": \"never\", \"max_bytes\": 5000}");
    let data = "d".repeat(1000);
    for key in ["a", "b"] {
        copied(&s.store, key, &data);
    }
    s.shared.doubt(true);
    for key in ["a", "b", "c", "d", "e", "f", "g"] {
        s.main.memory.put(key, b"new", &PutOptions::default()).unwrap();
        assert_eq!(get(&s.store, key).unwrap(), "new");
        assert_eq!(stream(&s.store, key).unwrap(), b"new");
    }
    assert!(s.copies.holds("a").is_some() && s.copies.holds("b").is_some());
    for key in ["b", "h", "i"] {
        copied(&s.store, key, &data);
        write_all(s.store.as_ref(), key, data.as_bytes()).unwrap();
        assert_eq!(s.copies.holds(key), None);
        assert_eq!(get(&s.store, key).unwrap(), data);
    }
    s.shared.doubt(false);
    for key in ["h", "i", "j", "k", "l"] {
        copied(&s.store, key, &data);
    }
    let held = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let held = held.iter().filter_map(|key| s.copies.holds(key)).map(|data| data.len());
    assert!(held.clone().sum::<usize>() <= 5000, "{}", held.sum::<usize>());
}

#[test]
fn a_copy_from_before_a_doubt_is_compared_once_and_then_good() {
    let s = setup("{\"ttl\": \"never\"}");
    copied(&s.store, "k", "same");
    s.shared.doubt(true);
    s.shared.doubt(false);
    drop(s.main.calls());
    assert_eq!(get(&s.store, "k").unwrap(), "same");
    assert_eq!(get(&s.store, "k").unwrap(), "same");
    assert_eq!(s.main.calls(), ["stat"]);
}

#[test]
fn a_write_of_unknown_end_prevents_copies_beyond_a_doubt() {
    let s = setup("{\"ttl\": \"never\"}");
    copied(&s.store, "k", "old");
    s.main.fail(&["put"]);
    s.store.put("k", b"new", &PutOptions::default()).unwrap_err();
    s.shared.doubt(true);
    s.shared.doubt(false);
    assert_eq!(get(&s.store, "k").unwrap(), "old");
    assert_eq!(s.copies.holds("k"), None);
}
