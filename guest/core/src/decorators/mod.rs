//! The built-in decorators, and the list of their store types.

mod base64;
pub mod buffer;
pub mod caching;
#[cfg(test)]
mod faulty;
mod gzip;
mod hash_prefix;
mod identity;
mod json;
mod key_validating;
mod logging;
pub mod mirroring;
mod notifying;
mod prefix;
mod readonly;
mod regex_routing;
mod resume;
mod text_encoding;
mod url_encoding;
mod writeonly;

use crate::kind::Kind;

/// Every built-in kind, in the order of the documentation.
pub static KINDS: &[&Kind] = &[
    &identity::KIND,
    &readonly::KIND,
    &writeonly::KIND,
    &mirroring::KIND,
    &caching::KIND,
    &notifying::KIND,
    &logging::KIND,
    &logging::EXCEPTIONS,
    &text_encoding::KIND,
    &gzip::KIND,
    &base64::KIND,
    &json::KIND,
    &buffer::KIND,
    &key_validating::KIND,
    &key_validating::REGEX,
    &key_validating::URL,
    &prefix::KIND,
    &hash_prefix::KIND,
    &url_encoding::KIND,
    &regex_routing::KIND,
];

#[cfg(test)]
mod tests {
    use super::KINDS;
    use super::faulty::{Faulty, args};
    use crate::kind::{BaseShape, Keys};
    use crate::store::Store;
    use crate::types::{ListOptions, PutOptions};
    use std::rc::Rc;

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
}
