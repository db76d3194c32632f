//! Listings: merging, children that fail, and what only the record knows.

use super::tests::{all_keys, default_mirror, get, put, three};
use super::*;
use crate::decorators::faulty::Faulty;

#[test]
fn a_listing_merges_in_order_without_duplicates_at_any_page_size() {
    let children = three();
    let store = default_mirror("all", &children);
    for number in 0..30 {
        let key = format!("k{number:02}");
        children[number % 3].memory.put(&key, b"x", &PutOptions::default()).unwrap();
        if number % 4 == 0 {
            children[0].memory.put(&key, b"x", &PutOptions::default()).unwrap();
        }
    }
    let wanted: Vec<String> = (0..30).map(|number| format!("k{number:02}")).collect();
    for limit in [1, 2, 7, 1000] {
        assert_eq!(all_keys(&store, limit).unwrap(), wanted, "{limit}");
    }
}

#[test]
fn children_without_an_order_are_listed_one_after_the_other() {
    let unordered = Capabilities { ordered: false, ..Capabilities::ALL };
    let children = [Faulty::new(), Faulty::with(unordered)];
    let store = default_mirror("all", &children);
    assert!(!store.capabilities().ordered);
    for key in ["a", "b", "c"] {
        put(&store, key, "x").unwrap();
    }
    children[1].memory.put("only", b"x", &PutOptions::default()).unwrap();
    for limit in [1, 2, 1000] {
        let mut keys = all_keys(&store, limit).unwrap();
        keys.sort();
        assert_eq!(keys, ["a", "b", "c", "only"], "{limit}");
    }
    for strange in ["x", "4:", "0!3:", "0!0,3:x", "3!9:", ":", "0!-1:"] {
        for skipped in [false, true] {
            let start_after = Some(strange.to_owned());
            let options = ListOptions { start_after, skipped, ..ListOptions::default() };
            let listed = store.list(&options);
            assert!(matches!(listed, Err(Error::Unsupported(_))), "{strange}: {listed:?}");
        }
    }
}

#[test]
fn a_dead_child_fails_a_listing_only_where_it_may_hold_more_than_the_others() {
    let unordered = Capabilities { ordered: false, ..Capabilities::ALL };
    for capabilities in [Capabilities::ALL, unordered] {
        for (policy, works) in [("all", true), ("quorum", true), ("any", false)] {
            let children = [0; 3].map(|_| Faulty::with(capabilities));
            let store = default_mirror(policy, &children);
            put(&store, "a", "x").unwrap();
            children[0].down(true);
            match all_keys(&store, 10) {
                Ok(keys) => assert!(works && keys == ["a"], "{policy}: {keys:?}"),
                Err(error) => {
                    assert!(!works && error.to_string().contains(r#"needs "base-0""#), "{error}");
                }
            }
            children[1].down(true);
            assert_eq!(all_keys(&store, 10).is_ok(), policy == "all", "{policy}");
            children[2].down(true);
            assert!(all_keys(&store, 10).is_err(), "{policy}");
        }
    }
}

#[test]
fn a_listing_needs_a_child_that_alone_has_the_last_version() {
    let unordered = Capabilities { ordered: false, ..Capabilities::ALL };
    for capabilities in [Capabilities::ALL, unordered] {
        let children = [0; 2].map(|_| Faulty::with(capabilities));
        let store = default_mirror("all", &children);
        for key in ["a/1", "b/1"] {
            put(&store, key, "old").unwrap();
        }
        children[1].fail(&["put"]);
        put(&store, "b/1", "new").unwrap_err();
        children[1].fail(&[]);
        children[0].down(true);
        let error = all_keys(&store, 10).unwrap_err().to_string();
        assert!(error.contains(r#"needs "base-0": the others missed the last write of "b/1""#));
        let below = ListOptions { prefix: "a/".to_owned(), ..ListOptions::default() };
        let keys: Vec<_> = store.list(&below).unwrap().entries.into_iter().map(|e| e.key).collect();
        assert_eq!(keys, ["a/1"], "what is not listed is not needed");
    }
}

#[test]
fn what_a_child_lists_that_answers_again_is_not_taken_for_listed() {
    let unordered = Capabilities { ordered: false, ..Capabilities::ALL };
    let children = [0; 2].map(|_| Faulty::with(unordered));
    let store = default_mirror("all", &children);
    for key in ["a", "b", "c"] {
        put(&store, key, "x").unwrap();
    }
    children[0].down(true);
    let first = ListOptions { limit: Some(1), ..ListOptions::default() };
    let page = store.list(&first).unwrap();
    children[0].down(false);
    let mut keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
    let mut next = page.next;
    while let Some(token) = next {
        let page = store.list(&ListOptions { start_after: Some(token), ..first.clone() }).unwrap();
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        next = page.next;
    }
    keys.sort();
    assert_eq!(keys, ["a", "b", "c"]);
}

#[test]
fn an_object_that_every_child_lost_is_listed_and_can_be_deleted() {
    for ordered in [true, false] {
        let can = Capabilities { ordered, ..Capabilities::ALL };
        let children = [Faulty::with(can), Faulty::with(can), Faulty::with(can)];
        let store = default_mirror("quorum", &children);
        put(&store, "kept", "one").unwrap();
        children[1].deny(&["put"]);
        for key in ["lost", "m/lost", "z"] {
            put(&store, key, "one").unwrap();
        }
        for child in [&children[0], &children[2]] {
            child.lose("lost");
            child.lose("m/lost");
        }
        for limit in 1..5 {
            let mut keys = all_keys(&store, limit).unwrap();
            keys.sort_unstable();
            assert_eq!(keys, ["kept", "lost", "m/lost", "z"], "ordered: {ordered}, by {limit}");
        }
        let below = ListOptions { prefix: "m/".to_owned(), ..ListOptions::default() };
        assert_eq!(store.list(&below).unwrap().entries.len(), 1);
        assert!(!matches!(get(&store, "lost"), Ok(_) | Err(Error::NotFound)));
        store.delete("lost", &DeleteOptions::default()).unwrap();
        assert_eq!(get(&store, "lost"), Err(Error::NotFound));
        assert_eq!(all_keys(&store, 2).unwrap().len(), 3);
    }
}
