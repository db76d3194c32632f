//! Tests of the journal across restarts. A restart is a new coordinator over the
//! same stores.

use super::image::{decode, image_key};
use super::*;
use crate::decorators::faulty::{Faulty, Shared, args, write_all};

struct Journaled {
    children: [Faulty; 2],
    journal: Faulty,
    policy: &'static str,
}

impl Journaled {
    fn new(policy: &'static str) -> Self {
        Self { children: [Faulty::new(), Faulty::new()], journal: Faulty::new(), policy }
    }

    /// Starts the mirror in a new process.
    fn start(&self) -> MirroringStore {
        self.start_with(&Rc::default())
    }

    fn start_with(&self, shared: &Rc<Shared>) -> MirroringStore {
        let config = format!(r#"{{"write":{:?},"journal":"base-2"}}"#, self.policy);
        let [near, far] = &self.children;
        MirroringStore::new(args(shared, &config, &[near, far, &self.journal])).unwrap()
    }

    /// The text of the journal object about a key.
    fn noted(&self, key: &str) -> String {
        let image = self.journal.holds(&image_key("s", record::bucket_of(key)));
        String::from_utf8(image.unwrap_or_default()).unwrap()
    }
}

fn put(store: &MirroringStore, key: &str, data: &str) -> Result<ObjectInfo> {
    store.put(key, data.as_bytes(), &PutOptions::default())
}

fn get(store: &MirroringStore, key: &str) -> Result<String> {
    store.get(key, &ReadOptions::default()).map(|(_, data)| String::from_utf8(data).unwrap())
}

#[test]
fn a_child_that_missed_a_write_is_not_read_after_a_restart() {
    for streamed in [false, true] {
        let setup = Journaled::new("any");
        let store = setup.start();
        put(&store, "a", "old").unwrap();
        setup.children[0].down(true);
        match streamed {
            true => write_all(&store, "a", b"new").map(drop).unwrap(),
            false => put(&store, "a", "new").map(drop).unwrap(),
        }
        setup.children[0].down(false);
        let store = setup.start();
        assert_eq!(get(&store, "a").unwrap(), "new");
        setup.children[1].down(true);
        assert!(
            matches!(get(&store, "a"), Err(Error::Unavailable(_))),
            "the old one must not show"
        );
        setup.children[1].down(false);
        // A later write that reaches the child repairs it, also after the next
        // restart.
        put(&store, "a", "newer").unwrap();
        setup.children[1].down(true);
        assert_eq!(get(&store, "a").unwrap(), "newer");
    }
}

#[test]
fn an_object_that_every_child_lost_is_listed_after_a_restart_too() {
    let setup = Journaled::new("any");
    let running = Rc::default();
    let listed = |store: &MirroringStore| {
        let entries = store.list(&ListOptions::default()).unwrap().entries;
        entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    // Before anything is on record, in one process and for a later one.
    assert_eq!(listed(&setup.start_with(&running)), Vec::<String>::new());
    setup.children[1].deny(&["put"]);
    put(&setup.start_with(&running), "a", "one").unwrap();
    setup.children[0].lose("a");
    assert_eq!(listed(&setup.start_with(&running)), ["a"]);
    let store = setup.start();
    assert_eq!(listed(&store), ["a"]);
    store.delete("a", &DeleteOptions::default()).unwrap();
    assert_eq!(listed(&store), Vec::<String>::new());
}

#[test]
fn a_child_that_missed_a_delete_does_not_bring_the_object_back_after_a_restart() {
    let setup = Journaled::new("any");
    let store = setup.start();
    put(&store, "a", "one").unwrap();
    setup.children[1].down(true);
    store.delete("a", &DeleteOptions::default()).unwrap();
    setup.children[1].down(false);
    let store = setup.start();
    assert_eq!(get(&store, "a"), Err(Error::NotFound));
    assert!(store.list(&ListOptions::default()).unwrap().entries.is_empty());
}

#[test]
fn a_write_under_way_is_on_record_before_any_child_is_written() {
    let setup = Journaled::new("all");
    let (store, journal) = (setup.start(), setup.journal.clone());
    let noted = move || journal.holds(&image_key("s", record::bucket_of("a"))).unwrap();
    let seen = Rc::new(std::cell::RefCell::new(Vec::new()));
    let keep = seen.clone();
    setup.children[0].after("put", move || *keep.borrow_mut() = noted());
    put(&store, "a", "one").unwrap();
    let names = ["base-0".to_owned(), "base-1".to_owned()];
    let (bucket, ..) = decode(&seen.borrow(), &names).unwrap();
    assert!(bucket.keys["a"].is_pending());
    // As if the process had died here.
    let dirty = setup.start().dirty().unwrap();
    assert_eq!(dirty, [(Some("a".to_owned()), bucket.keys["a"].clone())]);
}

#[test]
fn a_write_costs_one_write_of_the_journal() {
    let setup = Journaled::new("all");
    let store = setup.start();
    put(&store, "a", "one").unwrap();
    setup.journal.calls();
    for _ in 0..3 {
        put(&store, "a", "two").unwrap();
    }
    assert_eq!(setup.journal.calls(), ["put"; 3]);
    // Reads don't write the journal.
    get(&store, "a").unwrap();
    assert_eq!(setup.journal.calls(), Vec::<String>::new());
}

#[test]
fn without_its_journal_nothing_is_written_and_nothing_is_read_that_may_be_old() {
    let setup = Journaled::new("any");
    let store = setup.start();
    put(&store, "a", "one").unwrap();
    setup.journal.down(true);
    let error = put(&store, "a", "two").unwrap_err().to_string();
    assert!(error.contains("journal can't be written"), "{error}");
    assert!(setup.children.iter().all(|child| child.holds("a").unwrap() == b"one"));
    assert_eq!(get(&store, "a").unwrap(), "one", "what is known in memory is enough to read");
    let error = get(&setup.start(), "a").unwrap_err().to_string();
    assert!(error.contains("journal can't be read"), "{error}");
}

#[test]
fn a_write_that_a_child_missed_is_not_acknowledged_when_that_can_not_be_noted() {
    let setup = Journaled::new("any");
    let store = setup.start();
    setup.children[0].down(true);
    let journal = setup.journal.clone();
    setup.children[1].after("put", move || journal.down(true));
    assert!(matches!(put(&store, "a", "one"), Err(Error::Unavailable(_))));
    assert!(setup.noted("a").contains("pending"), "that it was begun is on record");
    setup.journal.down(false);
    assert_eq!(store.dirty().unwrap()[0].1.children, [0].into(), "it knows itself");
}

#[test]
fn what_another_process_healed_is_seen_with_the_next_write_to_the_journal() {
    let setup = Journaled::new("any");
    let store = setup.start();
    setup.children[0].down(true);
    put(&store, "a", "one").unwrap();
    setup.children[0].down(false);
    assert!(setup.noted("a").contains(r#""a":{"missed":["base-0"]}"#), "{}", setup.noted("a"));
    // Another process heals it.
    put(&setup.start(), "a", "one").unwrap();
    setup
        .journal
        .memory
        .delete(&image_key("s", record::bucket_of("a")), &Default::default())
        .unwrap();
    put(&store, "a", "two").unwrap();
    assert_eq!(store.dirty().unwrap(), []);
}

#[test]
fn garbage_in_the_journal_counts_as_writes_under_way() {
    let setup = Journaled::new("any");
    let key = image_key("s", record::bucket_of("a"));
    setup.journal.memory.put(&key, b"\0{", &PutOptions::default()).unwrap();
    let store = setup.start();
    assert_eq!(get(&store, "a"), Err(Error::NotFound));
    put(&store, "a", "one").unwrap();
    assert_eq!(get(&store, "a").unwrap(), "one");
    let mut every = Missed::default();
    every.begin(record::UNKNOWN, false);
    assert_eq!(setup.start().dirty().unwrap().first(), Some(&(None, every)));
    let newer = br#"{"format":99}"#;
    setup.journal.memory.put(&key, newer, &PutOptions::default()).unwrap();
    assert!(get(&setup.start(), "a").is_err());
    assert_eq!(setup.journal.holds(&key).unwrap(), newer, "it is not overwritten");
}

#[test]
fn a_journal_must_be_the_last_base_and_no_child() {
    let (one, two) = (Faulty::new(), Faulty::new());
    let shared = Rc::default();
    for (config, bases) in [
        (r#"{"journal":"elsewhere"}"#, vec![&one, &two]),
        (r#"{"journal":"base-0"}"#, vec![&one, &two]),
        (r#"{"journal":"base-0"}"#, vec![&one]),
    ] {
        let made = MirroringStore::new(args(&shared, config, &bases));
        assert!(matches!(made, Err(Error::InvalidConfig(_))), "{config}");
    }
    let readonly = Faulty::with(Capabilities { write: false, ..Capabilities::ALL });
    let made = MirroringStore::new(args(&shared, r#"{"journal":"base-1"}"#, &[&one, &readonly]));
    assert!(made.is_err_and(|error| error.to_string().contains("must be able to")));
}

#[test]
fn a_journal_of_very_many_missed_writes_stays_bounded() {
    let setup = Journaled::new("any");
    let shared = Rc::default();
    let store = setup.start_with(&shared);
    setup.children[0].down(true);
    let long = "x".repeat(900);
    for number in 0..6_000 {
        put(&store, &format!("{number}{long}"), "").unwrap();
    }
    setup.children[0].down(false);
    let journal = setup.journal.memory.list(&ListOptions::default()).unwrap();
    let bytes: u64 = journal.entries.iter().filter_map(|entry| entry.info.size).sum();
    assert!(journal.entries.len() <= 256 && bytes < 256 * 40 * 1024, "{bytes}");
    setup.children[1].down(true);
    let again = setup.start();
    for number in [0, 3_000, 5_999] {
        assert!(get(&again, &format!("{number}{long}")).is_err_and(|e| e != Error::NotFound));
    }
}
