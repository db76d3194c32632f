//! Tests of the limits of a cache and of its index.

use super::index::{SHARDS, State};
use super::tests::{copied, get, setup, stream};
use super::*;
use crate::decorators::faulty::write_all;

#[test]
fn the_least_recently_used_copies_make_room() {
    let s = setup(r#"{"max_bytes":1000}"#);
    for number in 0..9 {
        s.shared.time.set(number * 10_000);
        copied(&s.store, &format!("k{number}"), &"x".repeat(100));
    }
    s.shared.time.set(100_000);
    get(&s.store, "k0").unwrap();
    for number in 9..12 {
        s.shared.time.set(100_000 + number * 10_000);
        copied(&s.store, &format!("k{number}"), &"x".repeat(100));
    }
    let held: Vec<u64> = (0..12).filter(|n| s.copies.holds(&format!("k{n}")).is_some()).collect();
    assert!(held.contains(&0) && held.contains(&11), "{held:?}");
    assert!(!held.contains(&1), "{held:?}");
    assert!(held.len() <= 10 && held.len() >= 8, "{held:?}");
    assert_eq!(get(&s.store, "k1").unwrap().len(), 100);
}

#[test]
fn the_bound_holds_for_copies_from_before_a_restart() {
    let s = setup("{}");
    for number in 0..10 {
        copied(&s.store, &format!("k{number}"), &"x".repeat(100));
    }
    s.copies.memory.put("foreign", b"not a copy", &PutOptions::default()).unwrap();
    let after = s.restarted(r#"{"max_bytes":500}"#);
    after.shared.time.set(1_000_000);
    copied(&after.store, "new", &"x".repeat(100));
    let held = (0..10).filter(|n| s.copies.holds(&format!("k{n}")).is_some()).count();
    assert!(held <= 4, "{held}");
    assert!(s.copies.holds("new").is_some() && s.copies.holds("foreign").is_some());
}

#[test]
fn an_object_over_the_limit_is_not_copied() {
    let s = setup(r#"{"max_object":10}"#);
    copied(&s.store, "k", "small");
    copied(&s.store, "k", "much larger than ten");
    assert_eq!(s.copies.holds("k"), None);
    write_all(s.store.as_ref(), "k", &[1; 20]).unwrap();
    assert_eq!(stream(&s.store, "k").unwrap(), [1; 20]);
    assert_eq!(get(&s.store, "k").unwrap().len(), 20);
    assert_eq!(s.copies.holds("k"), None);
}

#[test]
fn the_index_stays_within_its_values() {
    let s = setup("{}");
    let long = "x".repeat(900);
    for number in 0..20_000 {
        s.shared.time.set(number);
        copied(&s.store, &format!("{number}{long}"), "");
    }
    s.main.down(true);
    assert_eq!(get(&s.store, &format!("19999{long}")).unwrap(), "");
}

#[test]
fn a_reader_of_what_is_not_there_pushes_no_copy_out_of_a_full_index() {
    let s = setup("{}");
    let long = "x".repeat(3_900);
    for number in 0..6_000 {
        s.shared.time.set(number);
        s.main.memory.put(&format!("{number}{long}"), b"", &PutOptions::default()).unwrap();
        get(&s.store, &format!("{number}{long}")).unwrap();
    }
    let good = || {
        let shards = (0..SHARDS).map(|n| s.store.cache.index.shard(n).unwrap());
        shards.flatten().filter(|record| record.state == State::Valid).count()
    };
    let before = good();
    assert!(before > 3_500 && before < 6_000, "{before}");
    for number in 6_000..7_000 {
        assert_eq!(get(&s.store, &format!("{number}{long}")), Err(Error::NotFound));
    }
    assert_eq!(good(), before);
}

#[test]
fn an_object_of_nearly_the_limit_displaces_others_and_is_kept() {
    let s = setup("{\"max_bytes\": 1000}");
    for key in ["a", "b", "c"] {
        copied(&s.store, key, &"x".repeat(200));
    }
    s.main.memory.put("large", &[b'l'; 950], &PutOptions::default()).unwrap();
    get(&s.store, "large").unwrap();
    assert!(s.copies.holds("large").is_some());
    s.main.down(true);
    assert_eq!(get(&s.store, "large").unwrap().len(), 950);
    s.main.down(false);
    copied(&s.store, "a", "small");
    assert!(s.copies.holds("a").is_some());
}

#[test]
fn copies_under_claims_that_their_readers_left_count_and_make_room() {
    let s = setup("{\"max_bytes\": 5000000, \"at_once\": 0}");
    for key in ["a", "b", "c", "d"] {
        write_all(&s.main.memory, key, &[b'o'; 1_100_000]).unwrap();
        stream(&s.store, key).unwrap();
    }
    let later = s.restarted("{\"max_bytes\": 5000000, \"at_once\": 0}");
    for key in ["a", "b", "c", "d"] {
        write_all(&later.main.memory, key, &[b'n'; 1_100_000]).unwrap();
        // The instance is dropped with its stream, so nothing gives up the claim.
        let mut reader = later.store.read(key, &ReadOptions::default()).unwrap();
        reader.next(10).unwrap();
        std::mem::forget(reader);
    }
    later.shared.time.set(100_000);
    for key in ["e", "f", "g", "h"] {
        write_all(&later.main.memory, key, &[b'n'; 1_100_000]).unwrap();
        stream(&later.store, key).unwrap();
    }
    let held = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let held: Vec<&str> = held.into_iter().filter(|key| s.copies.holds(key).is_some()).collect();
    assert!(held.len() <= 4 && held.contains(&"h"), "{held:?}");
}

#[test]
fn what_an_earlier_process_left_beyond_the_index_makes_room() {
    let s = setup("{\"ttl\": \"never\"}");
    let key = |number: u32| format!("{number:0>400}");
    for number in 0..60_000 {
        let options = s.store.cache.copy_options(&ObjectInfo::default());
        s.copies.memory.put(&key(number), b"", &options).unwrap();
    }
    let later = s.restarted("{\"max_bytes\": 1000000}");
    copied(&later.store, "k", "v");
    let left = (0..60_000).filter(|number| s.copies.holds(&key(*number)).is_some()).count();
    let known: usize = (0..256).map(|n| later.store.cache.index.shard(n).unwrap().len()).sum();
    assert!(left < 60_000 && left <= known, "{left} copies, {known} known");
}
