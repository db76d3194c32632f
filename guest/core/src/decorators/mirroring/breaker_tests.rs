//! Tests with a child that does not answer.

use super::*;
use crate::decorators::faulty::{Faulty, Shared, args_in, write_all};
use std::cell::RefCell;
use storage_contract::env::{Event, Level, Observer};

/// Records log lines.
#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Observer for Log {
    fn log(&self, _: Level, _: &str, message: &str) {
        self.0.borrow_mut().push(message.to_owned());
    }
    fn changed(&self, _: Event) {}
}

struct Setup {
    children: [Faulty; 3],
    shared: Rc<Shared>,
    log: Rc<Log>,
}

impl Setup {
    fn new() -> Self {
        let children = [Faulty::new(), Faulty::new(), Faulty::new()];
        Self { children, shared: Rc::default(), log: Rc::default() }
    }

    /// One of several instances.
    fn instance(&self, policy: &str) -> MirroringStore {
        let env =
            Env { observer: self.log.clone(), coordinator: self.shared.clone(), ..Env::local() };
        let children: Vec<&Faulty> = self.children.iter().collect();
        let config = format!(r#"{{"write":{policy:?}}}"#);
        MirroringStore::new(args_in(env, &config, &children)).unwrap()
    }

    fn log(&self) -> Vec<String> {
        self.log.0.take()
    }

    fn wait(&self, milliseconds: u64) {
        self.shared.time.set(self.shared.time.get() + milliseconds);
    }

    /// How often the first child was asked since the last call of this.
    fn asked(&self) -> usize {
        self.children[0].calls().len()
    }
}

fn put(store: &MirroringStore, key: &str) -> Result<ObjectInfo> {
    store.put(key, b"x", &PutOptions::default())
}

#[test]
fn a_child_that_is_down_is_asked_a_few_times_and_logged_once_when_it_goes_and_comes_back() {
    let setup = Setup::new();
    setup.children[0].down(true);
    for number in 0..50 {
        // Each time through another instance.
        put(&setup.instance("any"), &format!("k{number}")).unwrap();
    }
    assert_eq!(setup.asked(), 3);
    let log = setup.log();
    assert!(log.len() == 1 && log[0].contains(r#"child "base-0" does not answer"#), "{log:?}");
    // It is tried again after increasing pauses.
    for (milliseconds, asked) in [(500, 0), (600, 1), (1_500, 0), (600, 1), (3_500, 0), (600, 1)] {
        setup.wait(milliseconds);
        for number in 0..5 {
            put(&setup.instance("any"), &format!("l{number}")).unwrap();
        }
        assert_eq!(setup.asked(), asked, "after {milliseconds}");
    }
    assert_eq!(setup.log(), Vec::<String>::new());
    setup.children[0].down(false);
    setup.wait(60_000);
    for number in 0..5 {
        put(&setup.instance("any"), &format!("m{number}")).unwrap();
    }
    assert_eq!(setup.asked(), 5);
    assert_eq!(setup.log(), [r#"child "base-0" answers again"#]);
}

#[test]
fn one_failure_that_took_long_is_enough() {
    let setup = Setup::new();
    let store = setup.instance("any");
    setup.children[0].down(true);
    let shared = setup.shared.clone();
    setup.children[0].on_failure(move || shared.time.set(shared.time.get() + 2_000));
    for _ in 0..5 {
        assert_eq!(store.exists("a").unwrap_err().code(), Error::Unavailable(String::new()).code());
    }
    assert_eq!(setup.asked(), 1);
}

#[test]
fn under_all_nothing_is_written_or_deleted_while_a_child_is_down_and_the_error_names_it() {
    for policy in ["all", "quorum"] {
        let setup = Setup::new();
        let store = setup.instance(policy);
        put(&store, "a").unwrap();
        let down = if policy == "all" { 1 } else { 2 };
        setup.children[..down].iter().for_each(|child| child.down(true));
        for _ in 0..3 {
            store.exists("none").unwrap_err();
        }
        setup.children.iter().for_each(|child| drop(child.calls()));
        let errors = [
            put(&store, "b").map(drop),
            write_all(&store, "c", b"x").map(drop),
            store.delete("a", &DeleteOptions::default()),
        ];
        for done in errors {
            let error = done.unwrap_err();
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
            let error = error.to_string();
            assert!(
                error.contains(r#"child "base-0": unavailable: it does not answer"#),
                "{error}"
            );
        }
        assert_eq!(setup.asked(), 0, "{policy}");
        let last = &setup.children[2];
        assert!(
            last.holds("a").is_some() && last.holds("b").is_none() && last.holds("c").is_none()
        );
        assert_eq!(store.dirty().unwrap(), [], "{policy}");
        // The child that is tried again comes first, so nothing is half done.
        setup.wait(60_000);
        put(&store, "b").unwrap_err();
        setup.wait(60_000);
        store.delete("a", &DeleteOptions::default()).unwrap_err();
        assert!(last.holds("a").is_some() && last.holds("b").is_none(), "{policy}");
    }
}

#[test]
fn a_child_that_answers_now_and_then_is_not_left_out() {
    let setup = Setup::new();
    let store = setup.instance("any");
    for number in 0..20 {
        setup.children[0].down(number % 3 != 0);
        let _ = store.exists("none");
    }
    assert_eq!(setup.asked(), 20);
    // An error other than "unavailable" is an answer, too.
    setup.children[0].down(false);
    assert_eq!(store.exists("none"), Ok(false));
    assert_eq!(setup.log(), Vec::<String>::new());
}

#[test]
fn a_child_that_answers_and_can_not_be_listed_is_said_once_and_when_it_is_listed_again() {
    let setup = Setup::new();
    put(&setup.instance("all"), "a").unwrap();
    setup.children[1].deny(&["list"]);
    for _ in 0..5 {
        let store = setup.instance("all");
        assert_eq!(store.list(&ListOptions::default()).unwrap().entries.len(), 1);
        store.stat("a").unwrap();
    }
    setup.children[1].deny(&[]);
    for _ in 0..5 {
        setup.instance("all").list(&ListOptions::default()).unwrap();
    }
    let log = setup.log();
    assert!(log.len() == 2 && log[0].contains("listings go on without it: "), "{log:?}");
    assert_eq!(log[1], r#"child "base-1" is listed again"#);
}

#[test]
fn streams_that_can_only_fail_at_their_end_count_as_failures() {
    let setup = Setup::new();
    let store = setup.instance("any");
    setup.children[0].fail(&["finish"]);
    for number in 0..10 {
        write_all(&store, &format!("k{number}"), b"x").unwrap();
    }
    assert_eq!(setup.children[0].calls().iter().filter(|call| *call == "finish").count(), 3);
    setup.children[0].fail(&[]);
    setup.wait(60_000);
    write_all(&store, "k", b"x").unwrap();
    let log = setup.log();
    assert!(log.len() == 2 && log[1].contains("answers again"), "{log:?}");
}
