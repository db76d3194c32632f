//! `HashPrefixStore`: prefixes every key with the start of its hash, which spreads
//! keys evenly over directories or partitions.
//!
//! The base key consists of the first `hash_length` hexadecimal digits of the
//! SHA-256 of the key's UTF-8, the `separator`, and the key. A base key with the
//! wrong digits is foreign. Listings are in the order of the hashes.

use crate::keymap::{KeyMapping, Mapping};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::SharedStore;
use storage_contract::types::Result;

/// The store type.
pub static KIND: Kind = Kind {
    name: "HashPrefixStore",
    aliases: &["AsyncHashPrefixStore"],
    base: BaseShape::One,
    keys: Keys::Mapped,
    config_schema: HashPrefix::JSON_SCHEMA,
    doc: "Puts the start of a key's hash before the key",
    build,
};

options! {
    struct HashPrefix {
        /// How many hexadecimal digits of the hash
        #[schema(minimum: 1, maximum: 64)]
        hash_length: usize = 8,
        /// What stands between the digits and the key
        separator: String = "/",
    }
}

fn build(args: Args) -> Result<SharedStore> {
    let mapping: HashPrefix = args.config()?;
    Ok(Rc::new(KeyMapping::new(args.base(), mapping)))
}

impl Mapping for HashPrefix {
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        let mut mapped = hex::encode(Sha256::digest(key.as_bytes()));
        mapped.truncate(self.hash_length);
        mapped.push_str(&self.separator);
        mapped.push_str(key);
        Ok(mapped.into())
    }

    fn unmap(&self, base_key: &str) -> Result<Option<String>> {
        let rest = base_key.get(self.hash_length..);
        Ok(rest.and_then(|rest| rest.strip_prefix(&self.separator)).map(str::to_owned))
    }

    fn base_prefix(&self, _: &str) -> Result<String> {
        Ok(String::new())
    }

    fn ordered(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::tests::check_listing;
    use proptest::prelude::*;
    use storage_contract::env::Env;
    use storage_contract::memory::Memory;
    use storage_contract::options::Property;

    fn mapping() -> HashPrefix {
        HashPrefix::read(&serde_json::json!({})).unwrap()
    }

    #[test]
    fn base_keys_are_those_that_python_writes() {
        // hashlib.sha256(key.encode()).hexdigest()[:8] + '/' + key
        for (key, base) in [("a", "ca978112/a"), ("é/ü", "172f7ec3/é/ü"), ("key", "2c70e12b/key")]
        {
            assert_eq!(mapping().map(key).unwrap(), base);
        }
    }

    proptest! {
        #[test]
        fn listing_gives_every_key_once(
            keys in proptest::collection::btree_set("[a-c/é]{1,6}", 0..40),
            prefix in "[a-c/]{0,2}", limit in 1u32..10,
        ) {
            let memory = Memory::default();
            let bases = vec![Rc::new(memory.clone()) as SharedStore];
            let config = serde_json::json!({});
            let store = build(Args { name: "h".to_owned(), config, bases, names: Vec::new(), env: Env::local() }).unwrap();
            check_listing(&*store, &memory, &keys, &prefix, limit);
        }
    }
}
