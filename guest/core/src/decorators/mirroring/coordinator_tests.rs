//! Tests with a coordinator that fails, and with locks that are lost.

use super::tests::{all_keys, get};
use super::*;
use crate::decorators::faulty::{
    Faulty, Outage, Part, Shared, args, for_every_outage, read_all, write_all,
};

type Operation = fn(&MirroringStore) -> Result<()>;

fn operations() -> [(&'static str, Operation); 9] {
    [
        ("put", |store| store.put("k", b"new", &PutOptions::default()).map(drop)),
        ("put", |store| {
            let etag = store.stat("k")?.etag;
            store
                .put("k", b"new", &PutOptions { if_match: etag, ..PutOptions::default() })
                .map(drop)
        }),
        ("put", |store| write_all(store, "k", b"new").map(drop)),
        ("delete", |store| store.delete("k", &DeleteOptions::default())),
        ("read", |store| get(store, "k").map(drop)),
        ("read", |store| {
            let mut reader = store.read("k", &ReadOptions::default())?;
            read_all(reader.as_mut(), 2).map(drop)
        }),
        ("read", |store| store.stat("k").map(drop)),
        ("read", |store| store.exists("k").map(drop)),
        ("list", |store| all_keys(store, 1).map(drop)),
    ]
}

struct World {
    children: [Faulty; 2],
    journal: Option<Faulty>,
    policy: &'static str,
}

impl World {
    fn store(&self, shared: &Rc<Shared>) -> MirroringStore {
        let mut bases: Vec<&Faulty> = self.children.iter().collect();
        let journal = self.journal.as_ref().map_or(String::new(), |journal| {
            bases.push(journal);
            r#","journal":"base-2""#.to_owned()
        });
        let config = format!("{{\"write\":{:?}{journal}}}", self.policy);
        MirroringStore::new(args(shared, &config, &bases)).unwrap()
    }

    /// No read, from whichever child, forgets what was acknowledged.
    fn assert_remembered(
        &self,
        store: &MirroringStore,
        name: &str,
        acknowledged: bool,
        what: &str,
    ) {
        let right = |answer: Result<String>, what: &str| match (name, acknowledged, answer) {
            ("put", true, answer) => {
                assert!(!matches!(answer, Ok(ref data) if data != "new"), "{what}");
                assert_ne!(answer, Err(Error::NotFound), "{what}");
            }
            ("delete", true, answer) => assert!(answer.is_err(), "{what}: {answer:?}"),
            ("read" | "list", _, answer) => {
                assert!(!matches!(answer, Ok(ref data) if data != "old"), "{what}");
                assert_ne!(answer, Err(Error::NotFound), "{what}");
            }
            (_, false, _) | (_, true, _) => {}
        };
        for down in [None, Some(0), Some(1)] {
            for (index, child) in self.children.iter().enumerate() {
                child.down(down == Some(index));
            }
            right(get(store, "k"), &format!("{what}, without {down:?}"));
            match (name, acknowledged, all_keys(store, 10)) {
                ("put", true, Ok(keys)) | ("read" | "list", _, Ok(keys)) => {
                    assert_eq!(keys, ["k"], "{what}")
                }
                ("delete", true, Ok(keys)) => assert!(keys.is_empty(), "{what}"),
                _ => {}
            }
        }
        self.children.iter().for_each(|child| child.down(false));
    }
}

#[test]
fn a_coordinator_that_fails_at_any_call_makes_no_mirror_forget_what_a_child_missed() {
    for (name, operation) in operations() {
        for journal in [false, true] {
            for policy in ["any", "all"] {
                for failing in [None, Some(0), Some(1)] {
                    // A listing has hundreds of calls that can fail.
                    if name == "list" && (journal || policy == "all" || failing != Some(1)) {
                        continue;
                    }
                    for_every_outage(|outage| {
                        let what = format!("{name}, {policy}, {journal}, {failing:?}, {outage:?}");
                        let journal = journal.then(Faulty::new);
                        let world =
                            World { children: [Faulty::new(), Faulty::new()], journal, policy };
                        let shared = Rc::new(Shared::default());
                        let store = world.store(&shared);
                        let fail = |operations: &[&'static str]| {
                            failing.iter().for_each(|child: &usize| {
                                world.children[*child].fail(operations);
                            });
                        };
                        if ["read", "list"].contains(&name) {
                            // The child is behind from the start.
                            store.put("k", b"older", &PutOptions::default()).unwrap();
                            fail(&["put"]);
                        }
                        let written = store.put("k", b"old", &PutOptions::default());
                        if written.is_err() {
                            return 0;
                        }
                        fail(&["put", "finish", "delete"]);
                        shared.fail(Some(outage));
                        let done = operation(&store);
                        let calls = shared.fail(None);
                        if let Err(error) = &done {
                            assert!(matches!(error, Error::Unavailable(_)), "{what}: {error}");
                        }
                        fail(&[]);
                        // While it goes on failing, and afterwards.
                        shared.fail(Some(Outage { call: 1, lasting: true, ..outage }));
                        world.assert_remembered(&store, name, done.is_ok(), &what);
                        shared.fail(None);
                        world.assert_remembered(&store, name, done.is_ok(), &what);
                        if world.journal.is_some() {
                            let restarted = world.store(&Rc::default());
                            world.assert_remembered(&restarted, name, done.is_ok(), &what);
                        }
                        calls
                    });
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_put_on_record_is_not_written() {
    for (name, operation) in
        operations().into_iter().filter(|(name, _)| ["put", "delete"].contains(name))
    {
        let world =
            World { children: [Faulty::new(), Faulty::new()], journal: None, policy: "any" };
        let shared = Rc::new(Shared::default());
        let store = world.store(&shared);
        store.put("k", b"old", &PutOptions::default()).unwrap();
        let before = Outage { call: 1, lasting: true, effective: false, part: Part::All };
        for outage in [before, Outage { part: Part::Checks, ..before }] {
            shared.fail(Some(outage));
            assert!(matches!(operation(&store), Err(Error::Unavailable(_))), "{name}");
            for child in &world.children {
                assert_eq!(child.holds("k").unwrap(), b"old", "{name}");
            }
        }
    }
}

#[test]
fn a_writer_that_lost_its_lock_stops_and_leaves_the_key_on_record() {
    for (operation, at) in [(operations()[0].1, "put"), (operations()[2].1, "finish")] {
        let world =
            World { children: [Faulty::new(), Faulty::new()], journal: None, policy: "all" };
        let shared = Rc::new(Shared::default());
        let store = world.store(&shared);
        let rival = world.store(&shared);
        let never = Outage { call: u32::MAX, lasting: true, effective: false, part: Part::Checks };
        shared.fail(Some(never));
        let lost = shared.clone();
        world.children[0].after(at, move || {
            rival.put("k", b"rival", &PutOptions::default()).unwrap();
            lost.fail(Some(Outage { call: 1, ..never }));
        });
        assert!(matches!(operation(&store), Err(Error::Unavailable(_))), "{at}");
        shared.fail(None);
        assert_eq!(world.children[1].holds("k").unwrap(), b"rival", "{at}");
        let recorded = store.dirty().unwrap();
        assert!(matches!(recorded.as_slice(), [(Some(_), missed)] if missed.is_pending()), "{at}");
    }
}

#[test]
fn the_end_of_a_write_leaves_another_on_record_that_lost_its_lock() {
    let world = World { children: [Faulty::new(), Faulty::new()], journal: None, policy: "all" };
    let shared = Rc::new(Shared::default());
    let (store, rival) = (world.store(&shared), Rc::new(world.store(&shared)));
    let never = Outage { call: u32::MAX, lasting: true, effective: false, part: Part::Checks };
    shared.fail(Some(never));
    let (begun, lost) = (rival.clone(), shared.clone());
    world.children[0].after("put", move || {
        begun.mirror.dirty.begin("k", "rival", false).unwrap();
        lost.fail(Some(Outage { call: 1, ..never }));
    });
    assert!(matches!(store.put("k", b"new", &PutOptions::default()), Err(Error::Unavailable(_))));
    shared.fail(None);
    // The rival wrote both children, and the first of them after this writer did.
    rival.mirror.dirty.end("k", "rival", &[0, 1], &[], false).unwrap();
    let recorded = store.dirty().unwrap();
    assert!(matches!(recorded.as_slice(), [(Some(_), missed)] if missed.is_pending()));
}

#[test]
fn a_writer_that_is_refused_after_it_lost_its_lock_leaves_the_record_of_another() {
    let world = World { children: [Faulty::new(), Faulty::new()], journal: None, policy: "all" };
    let shared = Rc::new(Shared::default());
    let store = world.store(&shared);
    let if_match = store.put("k", b"old", &PutOptions::default()).unwrap().etag;
    let rival = world.store(&shared);
    let never = Outage { call: u32::MAX, lasting: true, effective: false, part: Part::Checks };
    shared.fail(Some(never));
    let (child, lost) = (world.children[0].clone(), shared.clone());
    // The rival begins once this writer has looked, writes to one child, and vanishes.
    world.children[0].after("stat", move || {
        child.memory.put("k", b"rival", &PutOptions::default()).unwrap();
        child.after("put", move || {
            rival.mirror.dirty.begin("k", "rival", false).unwrap();
            lost.fail(Some(Outage { call: 1, ..never }));
        });
    });
    let refused = store.put("k", b"new", &PutOptions { if_match, ..PutOptions::default() });
    assert_eq!(refused, Err(Error::PreconditionFailed));
    shared.fail(None);
    let recorded = store.dirty().unwrap();
    assert!(matches!(recorded.as_slice(), [(Some(_), missed)] if missed.is_pending()));
}
