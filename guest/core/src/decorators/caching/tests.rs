//! Tests of what a cache serves and what it copies.

use super::*;
use crate::decorators::faulty::{Faulty, Shared, args, read_all, registered, write_all};
use storage_contract::types::{ByteRange, Trailer};

pub(super) struct Setup {
    pub main: Faulty,
    pub copies: Faulty,
    pub shared: Rc<Shared>,
    pub store: Rc<CachingStore>,
}

pub(super) fn over(config: &str, copies: Faulty) -> Setup {
    let (main, shared) = (Faulty::new(), Rc::default());
    let store = CachingStore::new(args(&shared, config, &[&main, &copies])).unwrap();
    Setup { main, copies, shared, store: Rc::new(store) }
}

pub(super) fn setup(config: &str) -> Setup {
    over(config, Faulty::new())
}

impl Setup {
    /// A second instance of the same chain.
    pub fn other(&self, config: &str) -> Rc<CachingStore> {
        let args = args(&self.shared, config, &[&self.main, &self.copies]);
        Rc::new(CachingStore::new(args).unwrap())
    }

    /// The same stores in a new process.
    pub fn restarted(&self, config: &str) -> Setup {
        let shared = Rc::default();
        let args = args(&shared, config, &[&self.main, &self.copies]);
        let store = Rc::new(CachingStore::new(args).unwrap());
        Setup { main: self.main.clone(), copies: self.copies.clone(), shared, store }
    }
}

/// Writes an object, and reads it, which makes a copy.
pub(super) fn copied(store: &CachingStore, key: &str, data: &str) -> ObjectInfo {
    let told = store.put(key, data.as_bytes(), &PutOptions::default()).unwrap();
    get(store, key).unwrap();
    told
}

pub(super) fn get(store: &CachingStore, key: &str) -> Result<String> {
    store.get(key, &ReadOptions::default()).map(|(_, data)| String::from_utf8(data).unwrap())
}

pub(super) fn stream(store: &CachingStore, key: &str) -> Result<Vec<u8>> {
    read_all(store.read(key, &ReadOptions::default())?.as_mut(), 64 * 1024)
}

#[test]
fn it_is_registered_and_needs_a_cache_that_can_be_written() {
    assert!(registered(&KIND));
    let readonly = Faulty::with(Capabilities { write: false, ..Capabilities::ALL });
    let wrong = args(&Rc::default(), "{}", &[&Faulty::new(), &readonly]);
    assert!(matches!(CachingStore::new(wrong), Err(Error::InvalidConfig(_))));
}

#[test]
fn a_copy_serves_everything_that_the_main_store_said() {
    let s = setup("{}");
    let options = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: vec![
            ("a".to_owned(), "b".to_owned()),
            ("storage-size".to_owned(), "9".to_owned()),
        ],
        etag: Some("0123456789abcdef0123456789abcdef".to_owned()),
        ..PutOptions::default()
    };
    s.main.memory.put("k", b"hello", &options).unwrap();
    let told = s.main.memory.stat("k").unwrap();
    assert_eq!(s.store.get("k", &ReadOptions::default()).unwrap().0, told);
    s.main.down(true);
    assert_eq!(s.store.get("k", &ReadOptions::default()).unwrap(), (told.clone(), b"hello".into()));
    assert_eq!(s.store.stat("k").unwrap(), told);
    assert_eq!(s.store.read("k", &ReadOptions::default()).unwrap().info(), &told);
    assert_eq!(stream(&s.store, "k").unwrap(), b"hello");
    assert!(s.store.exists("k").unwrap());
    let part = ReadOptions { range: Some(ByteRange::span(1, 3)), ..ReadOptions::default() };
    assert_eq!(s.store.get("k", &part).unwrap().1, b"ell");
    let same = ReadOptions { if_none_match: told.etag, ..ReadOptions::default() };
    assert_eq!(s.store.get("k", &same), Err(Error::PreconditionFailed));
    assert_eq!(s.copies.holds("k").unwrap(), b"hello");
}

#[test]
fn a_copy_holds_what_the_main_store_returns_and_not_what_it_was_sent() {
    let (base, copies, shared) = (
        Faulty::with(Capabilities { metadata: false, ..Capabilities::ALL }),
        Faulty::new(),
        Rc::default(),
    );
    let main = (crate::decorators::json::KIND.build)(args(&shared, "{}", &[&base])).unwrap();
    let mut bases = args(&shared, r#"{"ttl":"never"}"#, &[&base, &copies]);
    bases.bases[0] = main;
    let store = CachingStore::new(bases).unwrap();
    let options = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: vec![("a".to_owned(), "b".to_owned())],
        ..PutOptions::default()
    };
    store.put("put", b"[ 1 ]", &options).unwrap();
    let mut writer = store.write("streamed", &options).unwrap();
    writer.push(b"[ 1 ]").unwrap();
    writer.finish(Trailer::default()).unwrap();
    for key in ["put", "streamed"] {
        let told = (base.memory.stat(key).unwrap(), b"[1]".to_vec());
        for _ in 0..2 {
            assert_eq!(store.get(key, &ReadOptions::default()).unwrap(), told);
            assert_eq!(stream(&store, key).unwrap(), told.1);
            assert_eq!(store.stat(key).unwrap(), told.0);
        }
        assert_eq!(copies.holds(key).unwrap(), told.1);
    }
}

#[test]
fn a_hit_costs_one_shared_value_and_one_call_of_the_cache() {
    let s = setup("{}");
    copied(&s.store, "k", "v");
    drop((s.main.calls(), s.copies.calls()));
    s.shared.loads.set(0);
    get(&s.store, "k").unwrap();
    assert_eq!(s.shared.loads.get(), 1);
    assert_eq!((s.main.calls(), s.copies.calls()), (vec![], vec!["get".to_owned()]));
}

#[test]
fn a_write_is_read_back_by_every_instance() {
    let s = setup("{}");
    let other = s.other("{}");
    for data in ["one", "two", "three"] {
        copied(&s.store, "k", data);
        assert_eq!(get(&other, "k").unwrap(), data);
        write_all(other.as_ref(), "k", data.as_bytes()).unwrap();
        assert_eq!(get(&s.store, "k").unwrap(), data);
    }
    other.delete("k", &DeleteOptions::default()).unwrap();
    assert_eq!(get(&s.store, "k"), Err(Error::NotFound));
    assert_eq!(s.store.exists("k"), Ok(false));
    assert_eq!(s.copies.holds("k"), None);
}

#[test]
fn a_failing_cache_fails_nothing_and_never_shows_an_older_object() {
    for failing in [
        vec!["delete"],
        vec!["delete", "put", "finish"],
        vec!["delete", "put", "write"],
        vec!["delete", "push", "put"],
        vec!["get", "read", "stat"],
        vec!["get", "put", "exists", "delete", "stat", "list", "read", "write"],
    ] {
        let s = setup("{}");
        copied(&s.store, "k", "old");
        copied(&s.store, "gone", "old");
        s.copies.fail(&failing);
        copied(&s.store, "k", "new");
        s.store.delete("gone", &DeleteOptions::default()).unwrap();
        assert_eq!(get(&s.store, "k").unwrap(), "new", "{failing:?}");
        write_all(s.store.as_ref(), "k", b"newer").unwrap();
        for _ in 0..2 {
            assert_eq!(get(&s.store, "k").unwrap(), "newer", "{failing:?}");
            assert_eq!(stream(&s.store, "k").unwrap(), b"newer", "{failing:?}");
            assert_eq!(get(&s.store, "gone"), Err(Error::NotFound), "{failing:?}");
            s.copies.fail(&[]);
        }
        let after = s.restarted("{}");
        assert_eq!(get(&after.store, "k").unwrap(), "newer");
        assert_eq!(get(&after.store, "gone"), Err(Error::NotFound));
    }
}

#[test]
fn copies_outlive_a_restart_if_the_object_is_still_the_same() {
    let s = setup("{}");
    copied(&s.store, "same", "v");
    copied(&s.store, "changed", "old");
    s.main.memory.put("changed", b"new", &PutOptions::default()).unwrap();
    let after = s.restarted(r#"{"revalidate":"never"}"#);
    s.main.calls();
    assert_eq!(get(&after.store, "same").unwrap(), "v");
    assert_eq!(s.main.calls(), ["stat"]);
    assert_eq!(get(&after.store, "changed").unwrap(), "new");
    s.main.down(true);
    assert_eq!(get(&after.store, "same").unwrap(), "v");
    assert_eq!(get(&after.store, "changed").unwrap(), "new");
}

#[test]
fn what_someone_else_put_into_the_cache_is_not_served() {
    let s = setup("{}");
    s.copies.memory.put("k", b"foreign", &PutOptions::default()).unwrap();
    assert_eq!(get(&s.store, "k"), Err(Error::NotFound));
    assert_eq!(s.copies.holds("k").unwrap(), b"foreign");
}

#[test]
fn a_reader_of_the_old_object_does_not_leave_it_in_the_cache() {
    let old = vec![1; 3_000_000];
    let s = setup("{}");
    s.main.memory.write("k", &PutOptions::default()).map(drop).unwrap();
    write_all(&s.main.memory, "k", &old).unwrap();
    let mut reader = s.store.read("k", &ReadOptions::default()).unwrap();
    reader.next(100_000).unwrap();
    copied(&s.other("{}"), "k", "new");
    read_all(reader.as_mut(), 100_000).unwrap();
    drop(reader);
    assert_eq!(get(&s.store, "k").unwrap(), "new");
    assert_eq!(s.copies.holds("k").unwrap(), b"new");
}

#[test]
fn a_write_in_the_middle_of_a_fetch_waits_for_it() {
    let s = setup("{}");
    s.main.memory.put("k", b"old", &PutOptions::default()).unwrap();
    let other = s.other("{}");
    let refused = Rc::new(std::cell::Cell::new(false));
    let seen = refused.clone();
    // The fetch holds the lock, and a coordinator that can't wait reports an error.
    s.main.after("get", move || {
        let put = other.put("k", b"new", &PutOptions::default());
        seen.set(matches!(put, Err(Error::Unavailable(_))));
    });
    assert_eq!(get(&s.store, "k").unwrap(), "old");
    assert!(refused.get());
    assert_eq!(s.main.holds("k").unwrap(), b"old");
}

#[test]
fn a_fetch_in_the_middle_of_a_write_leaves_nothing_old() {
    let s = setup("{}");
    copied(&s.store, "k", "old");
    let other = s.other("{}");
    let read = Rc::new(std::cell::RefCell::new(String::new()));
    let seen = read.clone();
    s.main.after("put", move || *seen.borrow_mut() = get(&other, "k").unwrap());
    copied(&s.store, "k", "new");
    assert_eq!(*read.borrow(), "new");
    assert_eq!(get(&s.store, "k").unwrap(), "new");
}

#[test]
fn a_write_that_vanished_keeps_copies_from_being_made_for_a_while() {
    let s = setup("{}");
    copied(&s.store, "k", "old");
    // The main store reports a failure, and completes the write later.
    s.main.fail(&["put"]);
    s.store.put("k", b"new", &PutOptions::default()).unwrap_err();
    assert_eq!(get(&s.store, "k").unwrap(), "old");
    assert_eq!(s.copies.holds("k"), None);
    s.main.memory.put("k", b"new", &PutOptions::default()).unwrap();
    assert_eq!(get(&s.store, "k").unwrap(), "new");
    s.shared.time.set(100_000);
    assert_eq!(get(&s.store, "k").unwrap(), "new");
    assert_eq!(s.copies.holds("k").unwrap(), b"new");
}

#[test]
fn a_large_object_is_copied_while_it_is_read_and_only_when_complete() {
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n >> 5) as u8).collect();
    let s = setup("{}");
    write_all(&s.main.memory, "k", &data).unwrap();
    let mut reader = s.store.read("k", &ReadOptions::default()).unwrap();
    reader.next(1_000_000).unwrap();
    drop(reader);
    assert_eq!(s.copies.holds("k"), None);
    assert_eq!(stream(&s.store, "k").unwrap(), data);
    assert_eq!(s.copies.holds("k").unwrap(), data);
    s.main.down(true);
    assert_eq!(stream(&s.store, "k").unwrap(), data);
}

#[test]
fn two_readers_of_a_large_object_make_one_copy() {
    let s = setup("{}");
    write_all(&s.main.memory, "k", &[7; 2_000_000]).unwrap();
    let mut one = s.store.read("k", &ReadOptions::default()).unwrap();
    let mut two = s.other("{}").read("k", &ReadOptions::default()).unwrap();
    assert_eq!(s.copies.calls().iter().filter(|call| *call == "write").count(), 1);
    assert_eq!(read_all(two.as_mut(), 70_000).unwrap().len(), 2_000_000);
    assert_eq!(read_all(one.as_mut(), 70_000).unwrap().len(), 2_000_000);
    assert_eq!(s.copies.holds("k").unwrap().len(), 2_000_000);
}

#[test]
fn a_main_store_that_breaks_leaves_no_copy() {
    let s = setup("{}");
    write_all(&s.main.memory, "k", &[7; 2_000_000]).unwrap();
    s.main.break_after(Some(1_500_000));
    assert!(stream(&s.store, "k").is_err());
    assert_eq!(s.copies.holds("k"), None);
    s.main.break_after(None);
    assert_eq!(stream(&s.store, "k").unwrap().len(), 2_000_000);
}

#[test]
fn a_cache_that_breaks_in_the_middle_of_a_read_is_not_noticed() {
    let s = setup("{}");
    let data: Vec<u8> = (0..5_000_u32).map(|n| n as u8).collect();
    write_all(&s.main.memory, "k", &data).unwrap();
    stream(&s.store, "k").unwrap();
    s.copies.break_after(Some(1_234));
    let range = Some(ByteRange::from(10));
    let mut part = s.store.read("k", &ReadOptions { range, ..ReadOptions::default() }).unwrap();
    assert_eq!(read_all(part.as_mut(), 1_000).unwrap(), data[10..]);
    assert_eq!(stream(&s.store, "k").unwrap(), data);
}

#[test]
fn a_copy_is_compared_when_it_is_stale_or_always_or_never() {
    for (config, compared, replaced) in [
        (r#"{"ttl":"10s"}"#, 1, 1),
        (r#"{"revalidate":"always"}"#, 2, 1),
        (r#"{"ttl":"never","revalidate":"never"}"#, 0, 0),
        (r#"{"ttl":"never"}"#, 0, 0),
        (r#"{"ttl":10,"revalidate":"never"}"#, 0, 2),
    ] {
        let s = setup(config);
        copied(&s.store, "k", "old");
        s.main.calls();
        get(&s.store, "k").unwrap();
        s.shared.time.set(10_000);
        get(&s.store, "k").unwrap();
        let calls = s.main.calls();
        assert_eq!(calls.iter().filter(|call| *call == "stat").count(), compared, "{config}");
        s.main.memory.put("k", b"new", &PutOptions::default()).unwrap();
        s.shared.time.set(30_000);
        let wanted = if replaced > 0 { "new" } else { "old" };
        assert_eq!(get(&s.store, "k").unwrap(), wanted, "{config}");
        assert_eq!(get(&s.store, "k").unwrap(), wanted, "{config}");
    }
}

/// What a kind of read returns for `k`: its bytes, or `None`.
type Read = fn(&CachingStore) -> Option<Vec<u8>>;

fn reads() -> [(&'static str, Read); 6] {
    fn none<T>(answer: Result<T>) -> Option<T> {
        match answer {
            Err(Error::NotFound) => None,
            answer => Some(answer.unwrap()),
        }
    }
    /// Stands for the bytes where only their size is returned.
    fn sized(info: ObjectInfo) -> Vec<u8> {
        match info.size {
            Some(3) => b"old".to_vec(),
            Some(5) => b"newer".to_vec(),
            size => panic!("{size:?}"),
        }
    }
    [
        ("get", |s| none(s.get("k", &ReadOptions::default())).map(|(_, data)| data)),
        ("a part", |s| {
            let range = Some(ByteRange::from(0));
            none(s.get("k", &ReadOptions { range, ..ReadOptions::default() })).map(|(_, data)| data)
        }),
        ("read", |s| none(stream(s, "k"))),
        ("stat", |s| none(s.stat("k")).map(sized)),
        ("exists", |s| s.exists("k").unwrap().then(|| s.stat("k").map(sized).unwrap_or_default())),
        ("list", |s| s.list(&ListOptions::default()).unwrap().entries.pop().map(|e| sized(e.info))),
    ]
}

#[test]
fn what_others_change_is_seen_alike_by_every_call_after_the_ttl() {
    let bare = || Faulty::with(Capabilities { metadata: false, ..Capabilities::ALL });
    for (config, ttl) in [
        ("{}", 60_000),
        (r#"{"ttl":null}"#, 60_000),
        (r#"{"ttl":"5s"}"#, 5_000),
        (r#"{"ttl":"5s","max_bytes":1000}"#, 5_000),
        (r#"{"ttl":"1h","revalidate":"always"}"#, 0),
        (r#"{"revalidate":"never"}"#, 60_000),
    ] {
        for (from, to) in [(Some("old"), Some("newer")), (Some("old"), None), (None, Some("newer"))]
        {
            for copies in [Faulty::new(), bare()] {
                let keeps = copies.capabilities().metadata;
                // The first reader must not have to correct it for the others.
                for first in 0..6 {
                    let s = over(config, copies.clone());
                    s.shared.time.set(1_000_000);
                    if let Some(from) = from {
                        copied(&s.store, "k", from);
                    }
                    match to {
                        Some(to) => {
                            s.main.memory.put("k", to.as_bytes(), &PutOptions::default()).unwrap();
                        }
                        None => s.main.memory.delete("k", &DeleteOptions::default()).unwrap(),
                    }
                    if from.is_some() && keeps && ttl > 0 {
                        s.shared.time.set(1_000_000 + ttl - 1);
                        assert_eq!(get(&s.store, "k").as_deref(), Ok("old"), "{config}");
                    }
                    s.shared.time.set(1_000_000 + ttl);
                    let mut reads = reads();
                    reads.rotate_left(first);
                    for (call, read) in reads {
                        let wanted = to.map(|to| to.as_bytes().to_vec());
                        assert_eq!(read(&s.store), wanted, "{config} {from:?} {to:?} {call}");
                    }
                    // A stale copy that is never compared is not looked at.
                    if !config.contains("never") {
                        assert_eq!(s.copies.holds("k").is_some(), to.is_some(), "{config}");
                    }
                    let _ = s.copies.memory.delete("k", &DeleteOptions::default());
                }
            }
        }
    }
}

#[test]
fn a_clock_that_is_set_back_makes_no_copy_good_for_longer() {
    let s = setup("{}");
    s.shared.time.set(100_000_000);
    copied(&s.store, "k", "old");
    s.main.memory.put("k", b"new", &PutOptions::default()).unwrap();
    s.shared.time.set(1_000);
    assert_eq!(get(&s.store, "k").unwrap(), "new");
}

#[test]
fn an_object_that_others_deleted_is_gone_when_compared() {
    let s = setup(r#"{"revalidate":"always"}"#);
    copied(&s.store, "k", "v");
    s.main.memory.delete("k", &DeleteOptions::default()).unwrap();
    assert_eq!(get(&s.store, "k"), Err(Error::NotFound));
    assert_eq!(s.store.exists("k"), Ok(false));
}

#[test]
fn a_cache_of_bare_bytes_asks_the_main_store_what_they_are() {
    let bare = Faulty::with(Capabilities { metadata: false, ..Capabilities::ALL });
    let s = over("{}", bare);
    let told = copied(&s.store, "k", "v");
    s.main.calls();
    assert_eq!(s.store.get("k", &ReadOptions::default()).unwrap(), (told, b"v".into()));
    assert_eq!(s.main.calls(), ["stat"]);
    s.main.memory.put("k", b"new", &PutOptions::default()).unwrap();
    assert_eq!(get(&s.store, "k").unwrap(), "new");
    let after = s.restarted("{}");
    s.main.memory.put("k", b"newer", &PutOptions::default()).unwrap();
    assert_eq!(get(&after.store, "k").unwrap(), "newer");
}

#[test]
fn a_part_of_an_uncached_object_makes_no_copy() {
    let s = setup("{}");
    s.main.memory.put("k", b"hello", &PutOptions::default()).unwrap();
    let part = ReadOptions { range: Some(ByteRange::last(2)), ..ReadOptions::default() };
    assert_eq!(s.store.get("k", &part).unwrap().1, b"lo");
    assert_eq!(read_all(s.store.read("k", &part).unwrap().as_mut(), 9).unwrap(), b"lo");
    assert_eq!(s.copies.holds("k"), None);
}

#[test]
fn clearing_removes_copies_and_nothing_else() {
    let s = setup("{}");
    copied(&s.store, "a", "1");
    copied(&s.store, "b", "2");
    s.copies.memory.put("foreign", b"x", &PutOptions::default()).unwrap();
    let after = s.restarted("{}");
    assert_eq!(after.store.clear(Some("a")), Ok(1));
    assert_eq!(after.store.clear(Some("a")), Ok(0));
    assert_eq!(after.store.clear(Some("foreign")), Ok(0));
    assert_eq!(after.store.clear(None), Ok(1));
    assert!(s.copies.holds("foreign").is_some() && s.copies.holds("b").is_none());
    assert_eq!(get(&s.store, "b").unwrap(), "2");
}

#[test]
fn one_cache_over_another_gives_what_the_main_store_said() {
    let inner = setup("{}");
    let outer_copies = Faulty::new();
    let shared: Rc<Shared> = Rc::default();
    let mut outer = args(&shared, "{}", &[&outer_copies]);
    let main = Faulty::new();
    outer.name = "outer".to_owned();
    outer.bases = vec![main.shared(), inner.store.clone()];
    let outer = CachingStore::new(outer).unwrap();
    let told = copied(&outer, "k", "v");
    main.down(true);
    assert_eq!(outer.get("k", &ReadOptions::default()).unwrap(), (told, b"v".into()));
}

#[test]
fn a_dropped_write_changes_nothing() {
    let s = setup("{}");
    copied(&s.store, "k", "old");
    let mut writer = s.store.write("k", &PutOptions::default()).unwrap();
    writer.push(b"new").unwrap();
    drop(writer);
    s.main.down(true);
    assert_eq!(get(&s.store, "k").unwrap(), "old");
    let writer = s.store.write("k", &PutOptions::default());
    assert!(writer.is_err());
}

#[test]
fn a_streamed_write_keeps_what_its_end_told() {
    let s = setup("{}");
    let mut writer = s.store.write("k", &PutOptions::default()).unwrap();
    writer.push(b"v").unwrap();
    let trailer = Trailer {
        etag: Some("e-1".to_owned()),
        metadata: vec![("storage-size".to_owned(), "4".to_owned())],
    };
    let told = writer.finish(trailer).unwrap();
    get(&s.store, "k").unwrap();
    s.main.down(true);
    assert_eq!(s.store.get("k", &ReadOptions::default()).unwrap().0, told);
}
