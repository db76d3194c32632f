use super::*;
use crate::decorators::faulty::{Faulty, Shared, args, read_all, registered, write_all};
use storage_contract::types::{Error, Trailer};

pub(super) fn three() -> [Faulty; 3] {
    [Faulty::new(), Faulty::new(), Faulty::new()]
}

fn mirror(shared: &Rc<Shared>, policy: &str, children: &[Faulty]) -> MirroringStore {
    let children: Vec<&Faulty> = children.iter().collect();
    MirroringStore::new(args(shared, &format!("{{\"write\":{policy:?}}}"), &children)).unwrap()
}

pub(super) fn default_mirror(policy: &str, children: &[Faulty]) -> MirroringStore {
    mirror(&Rc::default(), policy, children)
}

pub(super) fn put(store: &MirroringStore, key: &str, data: &str) -> Result<ObjectInfo> {
    store.put(key, data.as_bytes(), &PutOptions::default())
}

fn put_new(store: &MirroringStore, key: &str, data: &str) -> Result<ObjectInfo> {
    let options = PutOptions { if_absent: true, ..PutOptions::default() };
    store.put(key, data.as_bytes(), &options)
}

/// Advances the clock until breakers try their children again.
fn later(shared: &Shared) {
    shared.time.set(shared.time.get() + 60_000);
}

pub(super) fn get(store: &MirroringStore, key: &str) -> Result<String> {
    store.get(key, &ReadOptions::default()).map(|(_, data)| String::from_utf8(data).unwrap())
}

pub(super) fn all_keys(store: &MirroringStore, limit: u32) -> Result<Vec<String>> {
    let mut options = ListOptions { limit: Some(limit), ..ListOptions::default() };
    let mut keys = Vec::new();
    loop {
        let page = store.list(&options)?;
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        if page.next.is_none() {
            return Ok(keys);
        }
        options.start_after = page.next;
    }
}

#[test]
fn it_is_registered_and_refuses_an_unknown_policy() {
    assert!(registered(&KIND));
    let children = three();
    let wrong = args(&Rc::default(), r#"{"write":"most"}"#, &[&children[0]]);
    assert!(matches!(MirroringStore::new(wrong), Err(Error::InvalidConfig(_))));
}

#[test]
fn a_write_reaches_all_children_under_one_etag() {
    let children = three();
    let store = default_mirror("all", &children);
    let first = put(&store, "a", "one").unwrap();
    let second = write_all(&store, "b", b"two").unwrap();
    assert_ne!(first.etag, second.etag);
    for (key, info) in [("a", first), ("b", second)] {
        for child in &children {
            assert_eq!(child.memory.stat(key).unwrap().etag, info.etag);
        }
    }
    assert_eq!(store.dirty().unwrap(), []);
}

#[test]
fn reads_fail_over_and_a_child_that_could_not_be_asked_is_not_a_missing_object() {
    let (children, shared) = (three(), Rc::default());
    let store = mirror(&shared, "all", &children);
    put(&store, "a", "one").unwrap();
    children[0].down(true);
    assert_eq!(get(&store, "a").unwrap(), "one");
    assert!(store.exists("a").unwrap());
    children[1].lose("a");
    assert_eq!(store.stat("a").unwrap().size, Some(3));
    let error = get(&store, "none").unwrap_err();
    let named = |text: &str| text.contains(r#"child "base-0""#);
    assert!(matches!(&error, Error::Unavailable(text) if named(text)), "{error}");
    assert!(store.exists("none").is_err());
    children[0].down(false);
    later(&shared);
    assert_eq!(get(&store, "none"), Err(Error::NotFound));
    assert_eq!(store.exists("none"), Ok(false));
}

#[test]
fn a_failed_write_of_a_new_object_is_taken_back_where_all_children_were_asked() {
    let children = three();
    let store = default_mirror("all", &children);
    children[1].fail(&["put", "finish"]);
    let error = put_new(&store, "a", "one").unwrap_err().to_string();
    assert!(error.contains(r#"child "base-0": done and taken back"#), "{error}");
    assert!(error.contains(r#"child "base-1": unavailable: injected"#), "{error}");
    assert!(error.contains(r#"child "base-2": left alone"#), "{error}");
    let options = PutOptions { if_absent: true, ..PutOptions::default() };
    let mut writer = store.write("b", &options).unwrap();
    writer.push(b"two").unwrap();
    assert!(writer.finish(Trailer::default()).is_err());
    for child in &children {
        assert_eq!((child.holds("a"), child.holds("b")), (None, None));
    }
    assert_eq!(get(&store, "a"), Err(Error::NotFound));
}

#[test]
fn a_failed_write_without_a_condition_stays_where_it_was_written() {
    for streamed in [false, true] {
        let children = three();
        let store = default_mirror("all", &children);
        children[1].fail(&["put", "finish"]);
        let done = match streamed {
            true => write_all(&store, "a", b"new"),
            false => put(&store, "a", "new"),
        };
        let error = done.unwrap_err().to_string();
        assert!(!error.contains("taken back"), "{error}");
        assert_eq!(get(&store, "a").unwrap(), "new");
        let behind = Missed { children: [1, 2].into(), ..Missed::default() };
        assert_eq!(store.dirty().unwrap(), [(Some("a".to_owned()), behind)]);
    }
}

#[test]
fn a_child_that_lost_an_object_never_costs_the_last_copy() {
    for (policy, conditional) in [("all", false), ("quorum", false), ("any", false), ("all", true)]
    {
        let children = three();
        let store = default_mirror(policy, &children);
        let old = put(&store, "a", "old").unwrap();
        // Their disks were replaced by full ones.
        for child in &children[1..] {
            child.lose("a");
            child.fail(&["put", "finish"]);
        }
        let if_match = old.etag.filter(|_| conditional);
        let options = PutOptions { if_match, ..PutOptions::default() };
        let written = store.put("a", b"new", &options);
        assert_eq!(written.is_ok(), policy == "any", "{policy}");
        assert_eq!(children[0].holds("a").unwrap(), b"new", "{policy}");
        assert_eq!(get(&store, "a").unwrap(), "new", "{policy}");
        assert_eq!(all_keys(&store, 10).unwrap(), ["a"], "{policy}");
    }
}

#[test]
fn what_only_a_child_holds_that_is_behind_is_an_error_and_not_missing() {
    let children = three();
    let store = default_mirror("quorum", &children);
    put(&store, "a", "old").unwrap();
    children[2].fail(&["put"]);
    put(&store, "a", "new").unwrap();
    children[2].fail(&[]);
    children[0].lose("a");
    assert_eq!(get(&store, "a").unwrap(), "new");
    children[1].lose("a");
    let error = get(&store, "a").unwrap_err();
    assert!(error.to_string().contains("may have been lost"), "{error}");
    assert!(store.exists("a").is_err() && store.stat("a").is_err());
    assert!(put_new(&store, "a", "x").is_err(), "whether there is one is not known");
    assert_eq!(all_keys(&store, 10).unwrap(), ["a"], "it is no secret");
    // Writing or deleting it again resolves this.
    put(&store, "a", "newer").unwrap();
    assert_eq!((get(&store, "a").unwrap(), store.dirty().unwrap()), ("newer".to_owned(), vec![]));
    children[2].fail(&["put"]);
    put(&store, "a", "newest").unwrap();
    children[2].fail(&[]);
    children[..2].iter().for_each(|child| child.lose("a"));
    store.delete("a", &DeleteOptions::default()).unwrap();
    assert_eq!(get(&store, "a"), Err(Error::NotFound));
    assert!(children.iter().all(|child| child.holds("a").is_none()));
}

#[test]
fn a_write_after_a_missed_delete_that_fails_everywhere_does_not_bring_the_object_back() {
    let (children, shared) = (three(), Rc::default());
    let store = mirror(&shared, "quorum", &children);
    put(&store, "a", "one").unwrap();
    children[2].down(true);
    store.delete("a", &DeleteOptions::default()).unwrap();
    // The record tells what the child that is down would answer.
    assert_eq!(store.delete("a", &DeleteOptions::default()), Err(Error::NotFound));
    children.iter().for_each(|child| child.down(true));
    assert!(put(&store, "a", "two").is_err());
    children.iter().for_each(|child| child.down(false));
    later(&shared);
    assert_eq!(get(&store, "a"), Err(Error::NotFound));
    assert_eq!(all_keys(&store, 10).unwrap(), Vec::<String>::new());
    // A refused delete leaves no delete on record.
    put(&store, "a", "two").unwrap();
    children[2].fail(&["put"]);
    put(&store, "a", "three").unwrap();
    children[2].fail(&[]);
    let stale = DeleteOptions { if_match: Some("other".to_owned()) };
    assert_eq!(store.delete("a", &stale), Err(Error::PreconditionFailed));
    children[..2].iter().for_each(|child| child.lose("a"));
    assert!(get(&store, "a").is_err_and(|error| error != Error::NotFound));
}

#[test]
fn a_failed_overwrite_is_seen_everywhere_or_nowhere() {
    let children = three();
    let shared = Rc::default();
    let store = mirror(&shared, "all", &children);
    put(&store, "a", "old").unwrap();
    children[1].fail(&["put"]);
    put(&store, "a", "new").unwrap_err();
    // Another instance sees it, too.
    let other = mirror(&shared, "all", &children);
    assert_eq!(get(&other, "a").unwrap(), "new");
    children[0].down(true);
    assert!(matches!(get(&other, "a"), Err(Error::Unavailable(_))), "the old one must not show");
    children[0].down(false);
    children[1].fail(&[]);
    put(&store, "a", "newer").unwrap();
    assert_eq!(store.dirty().unwrap(), []);
    children[0].down(true);
    assert_eq!(get(&other, "a").unwrap(), "newer");
}

#[test]
fn a_quorum_writes_past_one_dead_child_and_not_past_two() {
    let children = three();
    let store = default_mirror("quorum", &children);
    put(&store, "a", "old").unwrap();
    children[0].down(true);
    put(&store, "a", "new").unwrap();
    write_all(&store, "b", b"two").unwrap();
    children[0].down(false);
    assert_eq!(get(&store, "a").unwrap(), "new");
    assert_eq!(get(&store, "b").unwrap(), "two");
    assert_eq!(children[0].holds("a").unwrap(), b"old");
    let dirty: Vec<_> = store.dirty().unwrap().into_iter().filter_map(|(key, _)| key).collect();
    assert_eq!(dirty.len(), 2);
    children[0].down(true);
    children[1].down(true);
    assert!(put(&store, "c", "x").is_err());
    assert!(write_all(&store, "c", b"x").is_err());
    assert_eq!(children[2].holds("c"), None);
}

#[test]
fn a_child_that_dies_in_mid_stream_is_dropped_under_any_and_ends_the_write_under_all() {
    for (policy, works) in [("any", true), ("quorum", true), ("all", false)] {
        let children = three();
        let store = default_mirror(policy, &children);
        let mut writer = store.write("a", &PutOptions::default()).unwrap();
        writer.push(b"one").unwrap();
        children[2].down(true);
        assert_eq!(writer.push(b"two").is_ok(), works, "{policy}");
        if works {
            writer.finish(Trailer::default()).unwrap();
            assert_eq!(get(&store, "a").unwrap(), "onetwo");
        } else {
            drop(writer);
            assert_eq!(children[0].holds("a"), None);
        }
    }
}

#[test]
fn a_read_that_breaks_goes_on_from_the_same_object_elsewhere() {
    let data: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
    for range in
        [None, Some((Some(100), Some(3000))), Some((None, Some(3000))), Some((Some(7), None))]
    {
        let range = range.map(|(offset, length)| storage_contract::ByteRange { offset, length });
        let capabilities = Capabilities { range: range.is_some(), ..Capabilities::ALL };
        let children = [Faulty::new(), Faulty::with(capabilities)];
        let store = default_mirror("all", &children);
        write_all(&store, "a", &data).unwrap();
        children[0].break_after(Some(1234));
        let options = ReadOptions { range, ..ReadOptions::default() };
        let mut reader = store.read("a", &options).unwrap();
        let (start, end) = range.unwrap_or_default().resolve(5000).unwrap();
        let read = read_all(reader.as_mut(), 1000).unwrap();
        assert_eq!(read, data[start as usize..end as usize]);
    }
}

#[test]
fn a_read_that_breaks_does_not_go_on_from_another_object() {
    let children = three();
    let store = default_mirror("all", &children);
    write_all(&store, "a", &[1; 5000]).unwrap();
    children[0].break_after(Some(1234));
    let mut reader = store.read("a", &ReadOptions::default()).unwrap();
    reader.next(1000).unwrap();
    write_all(&store, "a", &[2; 5000]).unwrap();
    assert!(read_all(reader.as_mut(), 1000).is_err());
}

#[test]
fn a_delete_that_a_child_missed_does_not_bring_the_object_back() {
    let children = three();
    let store = default_mirror("quorum", &children);
    put(&store, "a", "one").unwrap();
    children[2].down(true);
    store.delete("a", &DeleteOptions::default()).unwrap();
    children[2].down(false);
    assert_eq!(get(&store, "a"), Err(Error::NotFound));
    assert_eq!(all_keys(&store, 10).unwrap(), Vec::<String>::new());
    assert_eq!(store.delete("b", &DeleteOptions::default()), Err(Error::NotFound));
}

#[test]
fn a_delete_under_all_that_fails_can_be_repeated() {
    let children = three();
    let store = default_mirror("all", &children);
    put(&store, "a", "one").unwrap();
    children[1].down(true);
    let error = store.delete("a", &DeleteOptions::default()).unwrap_err().to_string();
    assert!(error.contains(r#"child "base-0": done; child "base-1": unavailable"#), "{error}");
    children[1].down(false);
    store.delete("a", &DeleteOptions::default()).unwrap();
    assert_eq!(store.dirty().unwrap(), []);
    assert!(children.iter().all(|child| child.holds("a").is_none()));
}

#[test]
fn preconditions_see_an_object_that_only_one_child_has() {
    let children = three();
    let store = default_mirror("all", &children);
    children[2].memory.put("a", b"x", &PutOptions::default()).unwrap();
    let absent = PutOptions { if_absent: true, ..PutOptions::default() };
    assert_eq!(store.put("a", b"y", &absent), Err(Error::AlreadyExists));
    assert!(matches!(store.write("a", &absent), Err(Error::AlreadyExists)));
    let etag = store.stat("a").unwrap().etag;
    let matching = PutOptions { if_match: etag.clone(), ..PutOptions::default() };
    store.put("a", b"y", &matching).unwrap();
    assert_eq!(store.put("a", b"z", &matching), Err(Error::PreconditionFailed));
    let stale = DeleteOptions { if_match: etag };
    assert_eq!(store.delete("a", &stale), Err(Error::PreconditionFailed));
    assert!(children.iter().all(|child| child.holds("a").unwrap() == b"y"));
}

#[test]
fn of_two_conditional_streams_the_second_loses() {
    let children = three();
    let shared = Rc::default();
    let (one, two) = (mirror(&shared, "all", &children), mirror(&shared, "all", &children));
    let absent = PutOptions { if_absent: true, ..PutOptions::default() };
    let mut first = one.write("a", &absent).unwrap();
    let mut second = two.write("a", &absent).unwrap();
    first.push(b"first").unwrap();
    second.push(b"second").unwrap();
    first.finish(Trailer::default()).unwrap();
    assert_eq!(second.finish(Trailer::default()), Err(Error::AlreadyExists));
    assert!(children.iter().all(|child| child.holds("a").unwrap() == b"first"));
}

#[test]
fn the_dirty_set_stays_bounded_and_never_forgets_a_child() {
    let children = three();
    let store = default_mirror("any", &children);
    let long = "x".repeat(900);
    children[1].down(true);
    for number in 0..12_000 {
        put(&store, &format!("{number}{long}"), "").unwrap();
    }
    children[1].down(false);
    let dirty = store.dirty().unwrap();
    assert!(dirty.len() < 10_000, "{}", dirty.len());
    assert!(dirty.iter().any(|(key, missed)| key.is_none() && missed.children.contains(&1)));
    children[0].down(true);
    children[2].down(true);
    for number in [0, 6_000, 11_999] {
        assert!(get(&store, &format!("{number}{long}")).is_err_and(|e| e != Error::NotFound));
    }
}

#[test]
fn a_mirror_of_one_is_that_one() {
    let children = [Faulty::new()];
    let store = default_mirror("all", &children);
    put(&store, "a", "x").unwrap();
    assert_eq!(get(&store, "a").unwrap(), "x");
    assert_eq!(store.capabilities(), Capabilities::ALL);
}

#[test]
fn a_write_or_delete_that_no_child_took_leaves_the_old_object_readable() {
    for policy in ["all", "quorum", "any"] {
        let (children, shared) = (three(), Rc::default());
        let store = mirror(&shared, policy, &children);
        put(&store, "a", "old").unwrap();
        children.iter().for_each(|child| child.down(true));
        for _ in 0..3 {
            assert!(put(&store, "a", "new").is_err());
            assert!(store.delete("a", &DeleteOptions::default()).is_err());
        }
        children.iter().for_each(|child| child.down(false));
        later(&shared);
        assert_eq!(get(&store, "a").unwrap(), "old", "{policy}");
        let pending =
            store.dirty().unwrap().iter().all(|(_, m)| m.is_pending() && m.children.is_empty());
        assert!(pending && !store.dirty().unwrap().is_empty(), "{policy}");
    }
}

#[test]
fn a_child_that_is_behind_decides_no_delete() {
    let children = three();
    let store = default_mirror("any", &children);
    put(&store, "a", "old").unwrap();
    children[1].down(true);
    put(&store, "a", "new").unwrap();
    children[1].down(false);
    children[0].fail(&["delete"]);
    let if_match = store.stat("a").unwrap().etag;
    store.delete("a", &DeleteOptions { if_match }).unwrap();
    assert!(children[1].holds("a").is_none() && children[2].holds("a").is_none());
}

#[test]
fn what_was_in_doubt_still_is_after_a_write_that_was_refused() {
    let mut missed = Missed::default();
    missed.begin("1", false);
    let before = missed.clone();
    missed.begin("2", true);
    missed.cancel("2");
    assert_eq!(missed, before);
}

#[test]
fn an_object_that_a_child_holds_which_missed_its_delete_refuses_no_write() {
    let children = three();
    let store = default_mirror("any", &children);
    put(&store, "a", "old").unwrap();
    children[2].down(true);
    store.delete("a", &DeleteOptions::default()).unwrap();
    children[2].down(false);
    children[..2].iter().for_each(|child| child.fail(&["put"]));
    put_new(&store, "a", "new").unwrap();
    assert_eq!(get(&store, "a").unwrap(), "new");
}

#[test]
fn a_write_is_not_taken_back_where_a_child_was_behind() {
    let children = three();
    let shared = Rc::default();
    let store = mirror(&shared, "quorum", &children);
    put(&store, "a", "old").unwrap();
    children[2].down(true);
    store.delete("a", &DeleteOptions::default()).unwrap();
    children[2].down(false);
    children[1].fail(&["put"]);
    // The other instance requires all children, so it never gets to child 2.
    let strict = mirror(&shared, "all", &children);
    let error = put_new(&strict, "a", "new").unwrap_err().to_string();
    assert!(!error.contains("taken back"), "{error}");
    assert_eq!(get(&store, "a").unwrap(), "new");
}

#[test]
fn a_write_that_can_not_be_taken_back_is_shown() {
    let children = [Faulty::new(), Faulty::new()];
    let store = default_mirror("all", &children);
    children[0].fail(&["delete"]);
    children[1].fail(&["put"]);
    assert!(put_new(&store, "a", "new").is_err());
    assert_eq!(get(&store, "a").unwrap(), "new");
}

#[test]
fn of_keys_that_are_no_longer_told_apart_those_that_are_behind_are_asked() {
    let (children, shared) = (three(), Rc::default());
    let store = mirror(&shared, "any", &children);
    let long = "x".repeat(900);
    let together = |key: &String| record::bucket_of(key) == 0;
    let mut keys = (0..).map(|number| format!("{number}{long}")).filter(together);
    let key = keys.next().unwrap();
    children[1].fail(&["put"]);
    for key in keys.take(50) {
        put(&store, &key, "").unwrap();
    }
    assert!(store.dirty().unwrap().iter().any(|(key, _)| key.is_none()));
    children[1].fail(&[]);
    later(&shared);
    assert_eq!(get(&store, &key), Err(Error::NotFound));
    children[1].memory.put(&key, b"kept", &PutOptions::default()).unwrap();
    assert!(get(&store, &key).is_err_and(|error| error != Error::NotFound));
    assert!(all_keys(&store, 1000).unwrap().contains(&key));
    store.delete(&key, &DeleteOptions::default()).unwrap();
    assert_eq!(get(&store, &key), Err(Error::NotFound));
}

#[test]
fn a_broken_read_of_other_bytes_under_the_same_etag_does_not_go_on() {
    let data: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
    let whole = Capabilities { range: false, ..Capabilities::ALL };
    let children = [Faulty::with(whole), Faulty::with(whole)];
    let store = default_mirror("all", &children);
    let etag = write_all(&store, "a", &data).unwrap().etag;
    let mut rotten = data.clone();
    rotten[7] ^= 1;
    children[0].memory.put("a", &rotten, &PutOptions { etag, ..PutOptions::default() }).unwrap();
    children[0].break_after(Some(1234));
    let read = || read_all(store.read("a", &ReadOptions::default()).unwrap().as_mut(), 1000);
    assert!(read().is_err());
    children[0].memory.put("a", &data, &PutOptions::default()).unwrap();
    children[0].down(true);
    assert_eq!(read().unwrap(), data);
}
