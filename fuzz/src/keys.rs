//! Keys through every decorator that maps or validates them: no two keys share an
//! object, each object is found again, and foreign objects are never shown.

use crate::errors::readable;
use std::collections::BTreeMap;
use std::rc::Rc;
use storage_contract::chain::{Base, Node};
use storage_contract::env::Env;
use storage_contract::memory::Memory;
use storage_contract::types::{Error, ListOptions, PutOptions, ReadOptions};
use storage_contract::{SharedStore, Store};
use storage_core::decorators::build;

const KINDS: &[(&str, &str)] = &[
    ("PrefixStore", r#"{"prefix":"a/"}"#),
    ("PrefixStore", r#"{"prefix":"%"}"#),
    ("HashPrefixStore", "{}"),
    ("HashPrefixStore", r#"{"hash_length":1,"separator":"_"}"#),
    ("UrlEncodingStore", "{}"),
    (
        "RegexRoutingStore",
        r#"{"routes":[{"pattern":"^a","prefix":"b/"},{"pattern":"^b","prefix":"a/"},{"pattern":"","prefix":"c"}]}"#,
    ),
    (
        "RegexRoutingStore",
        r#"{"routes":[{"pattern":"[0-9]+$","prefix":"n"},{"pattern":".","prefix":"x"}]}"#,
    ),
    ("KeyValidatingStore", r#"{"validators":[{"max_bytes":40},{"no_control":true}]}"#),
    ("RegexValidatingStore", r#"{"pattern":"(a|b)*\\w"}"#),
    ("UrlValidatingStore", "{}"),
];

/// The first byte selects the decorator. The rest are keys, separated by 0xff,
/// which no text contains.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let (kind, config) = KINDS[usize::from(*first) % KINDS.len()];
    let keys: Vec<String> = rest
        .split(|byte| *byte == 0xff)
        .take(40)
        .map(|key| String::from_utf8_lossy(key).into_owned())
        .collect();
    own_keys(kind, config, &keys);
    foreign_keys(kind, config, &keys);
}

fn store(kind: &str, config: &str, base: &Memory) -> SharedStore {
    let node = Node {
        name: "fuzzed".to_owned(),
        kind: kind.to_owned(),
        config: config.to_owned(),
        bases: vec![Base::Name("base".to_owned())],
    };
    let open = |_: &str| -> Result<SharedStore, Error> { Ok(Rc::new(base.clone())) };
    let built = build(&[node], &Env::local(), open).expect("the config is right");
    built.last().expect("one store").clone()
}

fn own_keys(kind: &str, config: &str, keys: &[String]) {
    let base = Memory::default();
    let store = store(kind, config, &base);
    let mut model = BTreeMap::new();
    for (number, key) in keys.iter().enumerate() {
        let content = number.to_le_bytes();
        match store.put(key, &content, &PutOptions::default()) {
            Ok(_) => drop(model.insert(key.clone(), content)),
            Err(error) => {
                readable(&error);
                assert!(matches!(error, Error::InvalidKey(_)), "{kind} {key:?}: {error:?}");
                assert!(
                    !store.exists(key).unwrap_or(false),
                    "{kind} {key:?} is refused, and there"
                );
            }
        }
    }
    for (key, content) in &model {
        let got = store.get(key, &ReadOptions::default());
        assert_eq!(got.expect("what was put").1, content, "{kind} {key:?}");
    }
    let mut listed = list(store.as_ref(), 3);
    if store.capabilities().ordered {
        assert!(listed.is_sorted(), "{kind}: {listed:?}");
    }
    listed.sort();
    assert!(listed.iter().eq(model.keys()), "{kind}: {listed:?}, and not {model:?}");
}

fn foreign_keys(kind: &str, config: &str, keys: &[String]) {
    let base = Memory::default();
    let store = store(kind, config, &base);
    for key in keys {
        let _ = base.put(key, key.as_bytes(), &PutOptions::default());
    }
    for key in list(store.as_ref(), 1_000) {
        let got = store.get(&key, &ReadOptions::default());
        assert!(got.is_ok(), "{kind} {key:?} is listed, and reading it is {got:?}");
    }
    for key in keys {
        if let Err(error) = store.get(key, &ReadOptions::default()) {
            readable(&error);
        }
    }
}

fn list(store: &dyn Store, limit: u32) -> Vec<String> {
    let mut options = ListOptions { limit: Some(limit), ..ListOptions::default() };
    let mut keys = Vec::new();
    loop {
        let page = store.list(&options).expect("a listing");
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        assert!(keys.len() <= 1_000, "a listing without an end");
        match page.next {
            None => return keys,
            next => options.start_after = next,
        }
    }
}
