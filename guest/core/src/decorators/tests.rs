use super::KINDS;
use super::faulty::{Faulty, args};
use std::rc::Rc;
use storage_contract::env::Env;
use storage_contract::kind::{Args, BaseShape, Keys};
use storage_contract::memory::Memory;
use storage_contract::store::Store;
use storage_contract::types::{Access, ListOptions, Location, PutOptions};

/// Where each kind locates the key `http://host/k` for reads, writes and deletes:
/// `.` under this key in the base, `!` nowhere since it refuses, `-` it does it itself.
#[test]
fn kinds_locate_what_they_leave_alone() {
    for kind in KINDS {
        let (config, wanted) = match kind.name {
            "IdentityStore" | "UrlValidatingStore" => ("{}", "..."),
            "ReadonlyStore" => ("{}", ".!!"),
            "WriteonlyStore" => ("{}", "!.."),
            "NotifyingStore" => ("{}", ".--"),
            "JsonStore" => ("{}", ".-."),
            "BufferStore" => ("{}", "-.."),
            "RegexValidatingStore" => (r#"{"pattern":"h"}"#, "..."),
            "KeyValidatingStore" => (r#"{"validators":[{"prefix":"i"}]}"#, "!!!"),
            "PrefixStore" => (r#"{"prefix":"under/"}"#, "..."),
            "HashPrefixStore" | "UrlEncodingStore" => ("{}", "..."),
            "RegexRoutingStore" => (r#"{"routes":[{"pattern":"","prefix":"r/"}]}"#, "..."),
            _ => ("{}", "---"),
        };
        let base = Rc::new(Memory::default().named("base"));
        let args = Args {
            name: "under-test".to_owned(),
            config: serde_json::from_str(config).unwrap(),
            bases: vec![base.clone(), base],
            names: Vec::new(),
            env: Env::local(),
        };
        let store = (kind.build)(args).unwrap();
        let key = "http://host/k";
        let in_base = match kind.name {
            "PrefixStore" => "under/http://host/k",
            "HashPrefixStore" => "67577385/http://host/k",
            "UrlEncodingStore" => "http%3A//host/k",
            "RegexRoutingStore" => "r/http://host/k",
            _ => key,
        };
        let found: String = [Access::Read, Access::Write, Access::Delete]
            .map(|access| match store.locate(key, access) {
                Ok(Some(location)) => {
                    let Location { base, key } = location;
                    assert_eq!((&*base, &*key), ("base", in_base), "{}", kind.name);
                    '.'
                }
                Ok(None) => '-',
                Err(_) => '!',
            })
            .into_iter()
            .collect();
        assert_eq!(found, wanted, "{}", kind.name);
    }
}

#[test]
fn kinds_do_to_keys_what_they_declare() {
    for kind in KINDS {
        let config = match kind.name {
            "PrefixStore" => r#"{"prefix":"under/"}"#,
            "RegexValidatingStore" => r#"{"pattern":"h"}"#,
            "KeyValidatingStore" => r#"{"validators":[{"prefix":"h"}]}"#,
            // One refuses writes, the other needs names of stores.
            "ReadonlyStore" | "RegexRoutingStore" => continue,
            _ => "{}",
        };
        let bases = [Faulty::new(), Faulty::new()];
        let bases: Vec<&Faulty> = match kind.base {
            BaseShape::One => bases.iter().take(1).collect(),
            BaseShape::Many | BaseShape::MainAndCache => bases.iter().collect(),
        };
        let store = (kind.build)(args(&Rc::default(), config, &bases));
        let store = store.unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        let key = "http://host/k";
        store.put(key, b"1", &PutOptions::default()).unwrap();
        let listed = bases[0].memory.list(&ListOptions::default()).unwrap().entries;
        let keys: Vec<&str> = listed.iter().map(|entry| entry.key.as_str()).collect();
        match kind.keys {
            Keys::Same => assert_eq!(keys, [key], "{}", kind.name),
            Keys::Prefix => assert_eq!(keys, ["under/http://host/k"], "{}", kind.name),
            Keys::Mapped => assert!(keys.len() == 1 && keys[0] != key, "{}", kind.name),
            Keys::Opaque => panic!("{}: every built-in kind declares its keys", kind.name),
        }
    }
}
