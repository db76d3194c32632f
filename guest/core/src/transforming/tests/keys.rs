//! Tests that keys are mapped, listed, and never mixed up.

use super::kit::*;
use crate::keymap::tests::{check_listing, listed};
use proptest::prelude::*;
use storage_contract::memory::Memory;
use storage_contract::types::*;

proptest! {
    #[test]
    fn listing_gives_every_key_once(
        keys in proptest::collection::btree_set("[a-cz/é]{1,6}", 0..40),
        prefix in "[a-cz/]{0,2}", limit in 1u32..10, order: bool, prefixes: bool,
    ) {
        let memory = Memory::default();
        // Foreign keys before, between and after ours.
        for foreign in ["a", "w/z", "x", "x/!", "x/b!c", "x0", "z/y"] {
            put(&memory, foreign, b"foreign");
        }
        let store = over(memory.clone(), under(order, prefixes));
        prop_assert_eq!(store.capabilities().ordered, order);
        check_listing(&*store, &memory, &keys, &prefix, limit);
    }

    #[test]
    fn an_ordered_listing_starts_after_any_text(
        keys in proptest::collection::btree_set("[a-c!]{1,4}", 0..30), after in "[a-c!]{0,4}",
    ) {
        let memory = Memory::default();
        let store = over(memory, under(true, false));
        let own: Vec<String> = keys.into_iter().filter(|key| !key.contains('!')).collect();
        for key in &own {
            put(&*store, key, b"");
        }
        let options = ListOptions { start_after: Some(after.clone()), ..ListOptions::default() };
        let got: Vec<String> =
            store.list(&options).unwrap().entries.into_iter().map(|entry| entry.key).collect();
        let wanted: Vec<String> = own.into_iter().filter(|key| **key > *after).collect();
        prop_assert_eq!(got, wanted);
    }
}

#[test]
fn a_key_that_there_can_not_be_is_refused() {
    let store = over(Memory::default(), under(true, true));
    assert!(matches!(store.exists("a!"), Err(Error::InvalidKey(_))));
}

#[test]
fn two_keys_never_meet_in_one_object() {
    let store = over(
        Memory::default(),
        Made {
            map: |key| Ok(key.to_lowercase()),
            unmap: |key| Ok(Some(key.to_owned())),
            ..under(false, false)
        },
    );
    put(&*store, "a", b"first");
    let error = store.put("A", b"second", &PutOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed: the transformer broke its contract: map-key gives \"a\" for \"A\", for which \
         unmap-key gives \"a\""
    );
    assert_eq!(get(&*store, "a").unwrap(), b"first");
    assert_eq!(listed(&*store, "", 10), ["a"]);
}

#[test]
fn what_listing_finds_must_lead_back() {
    // Otherwise it would claim every key of the base.
    let store = over(
        {
            let memory = Memory::default();
            put(&memory, "x/ours", b"");
            put(&memory, "foreign", b"");
            memory
        },
        Made {
            unmap: |key| Ok(Some(key.trim_start_matches("x/").to_owned())),
            ..under(false, false)
        },
    );
    assert_eq!(listed(&*store, "", 10), ["ours"]);
}

#[test]
fn an_error_while_listing_is_told() {
    let memory = Memory::default();
    put(&memory, "x/k", b"");
    let store = over(
        memory,
        Made { unmap: |_| Err(Error::Unavailable("later".to_owned())), ..under(true, false) },
    );
    assert_eq!(store.list(&ListOptions::default()), Err(Error::Unavailable("later".to_owned())));
}

#[test]
fn the_transformer_sees_the_keys_of_callers() {
    let store = over(
        Memory::default(),
        Made {
            encode: |part, _| Ok(part.key.as_bytes().to_vec()),
            decode: |part, data| {
                assert_eq!(part.key.as_bytes(), data);
                Ok(data.to_vec())
            },
            behaviour: crate::transforming::Behaviour {
                data: redacted(100).behaviour.data,
                ..under(false, false).behaviour
            },
            ..under(false, false)
        },
    );
    put(&*store, "key", b"");
    assert_eq!(get(&*store, "key").unwrap(), b"key");
}
