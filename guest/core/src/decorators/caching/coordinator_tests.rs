//! Tests with a coordinator that fails, and with locks that are lost.

use super::tests::{Setup, copied, get, over, setup, stream};
use super::*;
use crate::decorators::faulty::{Faulty, Outage, Part, for_every_outage, read_all, write_all};

type Operation = fn(&CachingStore) -> Result<()>;

fn writes() -> [(&'static str, Operation); 3] {
    [
        ("put", |store| store.put("k", b"new", &PutOptions::default()).map(drop)),
        ("write", |store| write_all(store, "k", b"new").map(drop)),
        ("delete", |store| store.delete("k", &DeleteOptions::default())),
    ]
}

fn reads() -> [(&'static str, Operation); 5] {
    [
        ("get", |store| get(store, "k").map(drop)),
        ("read", |store| stream(store, "k").map(drop)),
        ("stat", |store| store.stat("k").map(drop)),
        ("exists", |store| store.exists("k").map(drop)),
        ("half a read", |store| {
            let mut reader = store.read("k", &ReadOptions::default())?;
            reader.next(1).map(drop)
        }),
    ]
}

/// Every read gives what the main store has.
fn assert_current(s: &Setup, store: &CachingStore, what: &str) {
    let main = s.main.memory.get("k", &ReadOptions::default()).map(|(info, _)| info);
    let bytes = s.main.holds("k").ok_or(Error::NotFound);
    let told = store.get("k", &ReadOptions::default());
    assert_eq!(
        told.as_ref().map(|(info, _)| info).map_err(Clone::clone),
        main.as_ref().map_err(Clone::clone),
        "{what}"
    );
    assert_eq!(told.map(|(_, data)| data), bytes, "{what}");
    assert_eq!(stream(store, "k"), bytes, "{what}");
    assert_eq!(store.stat("k"), main, "{what}");
    assert_eq!(store.exists("k"), Ok(main.is_ok()), "{what}");
}

fn setups() -> impl Iterator<Item = (&'static str, bool, bool)> {
    let configs = [
        r#"{"ttl":"never"}"#,
        r#"{"ttl":"never","max_bytes":1000}"#,
        r#"{"ttl":"never","max_bytes":5}"#,
        r#"{"ttl":"never","at_once":1}"#,
        r#"{"ttl":0}"#,
    ];
    configs.into_iter().flat_map(|config| {
        [(true, false), (true, true), (false, true)]
            .map(|(metadata, stuck)| (config, metadata, stuck))
    })
}

#[test]
fn a_coordinator_that_fails_at_any_call_leaves_no_copy_of_what_was_replaced() {
    for (config, metadata, stuck) in setups() {
        for (name, operation) in writes().into_iter().chain(reads()) {
            for cached in [true, false] {
                for_every_outage(|outage| {
                    let what =
                        format!("{name}, {config}, {metadata}, {stuck}, {cached}, {outage:?}");
                    let copies = Faulty::with(Capabilities { metadata, ..Capabilities::ALL });
                    let s = over(config, copies);
                    match cached {
                        true => drop(copied(&s.store, "k", "old")),
                        false => drop(s.main.memory.put("k", b"old", &PutOptions::default())),
                    }
                    if stuck {
                        s.copies.fail(&["delete"]);
                    }
                    let other = s.other(config);
                    s.shared.fail(Some(outage));
                    let done = operation(&s.store);
                    let calls = s.shared.fail(None);
                    match (name, done) {
                        ("put" | "write", Ok(())) => assert_eq!(s.main.holds("k").unwrap(), b"new"),
                        ("delete", Ok(())) => assert_eq!(s.main.holds("k"), None),
                        (_, Ok(())) => {}
                        (name, Err(error)) => {
                            assert!(matches!(error, Error::Unavailable(_)), "{what}: {error}");
                            assert!(writes().iter().any(|(write, _)| *write == name), "{what}");
                        }
                    }
                    // While it goes on failing, and afterwards.
                    s.shared.fail(Some(Outage { call: 1, lasting: true, ..outage }));
                    assert_current(&s, &other, &what);
                    s.shared.fail(None);
                    assert_current(&s, &other, &what);
                    assert_current(&s, &s.store, &what);
                    copied(&s.store, "k", "next");
                    assert_current(&s, &other, &what);
                    calls
                });
            }
        }
    }
}

#[test]
fn what_cannot_be_invalidated_is_not_changed() {
    for (name, operation) in writes() {
        let s = setup(r#"{"ttl":"never"}"#);
        copied(&s.store, "k", "old");
        s.main.calls();
        let first = Outage { call: 1, lasting: true, effective: false, part: Part::All };
        let outages = (1..4).map(|call| Outage { call, ..first });
        for outage in outages.chain([Outage { part: Part::Checks, ..first }]) {
            s.shared.fail(Some(outage));
            let done = operation(&s.store);
            assert!(matches!(done, Err(Error::Unavailable(_))), "{name}: {outage:?}: {done:?}");
            s.shared.fail(None);
        }
        let calls = s.main.calls();
        assert!(!calls.iter().any(|call| ["put", "finish", "delete"].contains(&&**call)));
        assert_eq!(s.main.holds("k").unwrap(), b"old");
    }
}

#[test]
fn a_writer_that_lost_its_lock_leaves_no_copy_of_another_one() {
    for (operation, at) in [(writes()[0].1, "put"), (writes()[1].1, "finish")] {
        let s = setup(r#"{"ttl":"never"}"#);
        copied(&s.store, "k", "old");
        let never = Outage { call: u32::MAX, lasting: true, effective: false, part: Part::Checks };
        s.shared.fail(Some(never));
        let (rival, main) = (s.other(r#"{"ttl":"never"}"#), s.main.memory.clone());
        let (shared, copies) = (s.shared.clone(), s.copies.clone());
        // The rival's write happens in the main store before this one.
        s.main.after(at, move || {
            copied(&rival, "k", "rival");
            main.put("k", b"new", &PutOptions::default()).unwrap();
            shared.fail(Some(Outage { call: 1, ..never }));
            copies.fail(&["delete"]);
        });
        operation(&s.store).unwrap();
        s.shared.fail(None);
        assert_current(&s, &s.store, at);
        assert_eq!(get(&s.store, "k").unwrap(), "new", "{at}");
    }
}

#[test]
fn a_large_object_is_read_whatever_the_coordinator_does() {
    let data: Vec<u8> = (0..2_000_000_u32).map(|n| (n >> 5) as u8).collect();
    for config in ["{}", r#"{"at_once":3000000,"max_bytes":9000000}"#] {
        for_every_outage(|outage| {
            let s = setup(config);
            s.main.memory.put("k", &data, &PutOptions::default()).unwrap();
            s.shared.fail(Some(outage));
            let mut reader = s.store.read("k", &ReadOptions::default()).unwrap();
            assert_eq!(read_all(reader.as_mut(), 300_000).unwrap(), data, "{outage:?}");
            drop(reader);
            let calls = s.shared.fail(None);
            assert_eq!(stream(&s.store, "k").unwrap(), data, "{outage:?}");
            calls
        });
    }
}

#[test]
fn clearing_fails_if_it_cannot_be_told_what_there_is() {
    let s = setup("{}");
    copied(&s.store, "k", "v");
    for_every_outage(|outage| {
        if outage.part == Part::Checks {
            return 0;
        }
        s.shared.fail(Some(outage));
        let cleared = s.store.clear(Some("k"));
        let calls = s.shared.fail(None);
        assert!(cleared.is_err() == (calls >= outage.call) || cleared == Ok(0), "{cleared:?}");
        copied(&s.store, "k", "v");
        calls
    });
}
