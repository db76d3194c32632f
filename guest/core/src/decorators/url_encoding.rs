//! `UrlEncodingStore`: percent-encodes keys, segment by segment, so that any key
//! fits a base that accepts only plain ones. `/` stays.
//!
//! The encoding is that of Python's `quote(segment, safe='')`: letters, digits and
//! `_.-~` stay, and every other byte of the UTF-8 becomes `%XX`. A base key in any
//! other form is foreign.

use crate::keymap::{KeyMapping, Mapping};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;
use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind, NO_CONFIG};
use storage_contract::types::Result;

/// The store type.
pub static KIND: Kind = Kind {
    name: "UrlEncodingStore",
    aliases: &["AsyncUrlEncodingStore"],
    base: BaseShape::One,
    keys: Keys::Mapped,
    config_schema: NO_CONFIG,
    doc: "Percent-encodes keys, segment by segment",
    build: |args| Ok(Rc::new(KeyMapping::new(args.base(), UrlEncoding))),
};

/// The bytes to encode: all but those that Python keeps, and `/`.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b'/');

struct UrlEncoding;

impl Mapping for UrlEncoding {
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        Ok(utf8_percent_encode(key, ENCODED).into())
    }

    fn unmap(&self, base_key: &str) -> Result<Option<String>> {
        Ok(percent_decode_str(base_key).decode_utf8().ok().map(Cow::into_owned))
    }

    fn base_prefix(&self, prefix: &str) -> Result<String> {
        Ok(utf8_percent_encode(prefix, ENCODED).to_string())
    }

    /// `%` sorts before every plain character, so encoded keys may come earlier in
    /// the base.
    fn ordered(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::tests::check_listing;
    use proptest::prelude::*;
    use storage_contract::memory::Memory;

    #[test]
    fn base_keys_are_those_that_python_writes() {
        // '/'.join(quote(part, safe='') for part in key.split('/'))
        for (key, base) in [
            ("a b/c+d", "a%20b/c%2Bd"),
            ("100%/é~._-", "100%25/%C3%A9~._-"),
            ("//", "//"),
            ("🚀#?&=", "%F0%9F%9A%80%23%3F%26%3D"),
        ] {
            assert_eq!(UrlEncoding.map(key).unwrap(), base);
            assert_eq!(UrlEncoding.unmap(base).unwrap().as_deref(), Some(key));
        }
    }

    proptest! {
        #[test]
        fn listing_gives_every_key_once(
            keys in proptest::collection::btree_set("[a-c/é %]{1,6}", 0..40),
            prefix in "[a-c/ ]{0,2}", limit in 1u32..10,
        ) {
            let memory = Memory::default();
            let store = KeyMapping::new(Rc::new(memory.clone()), UrlEncoding);
            check_listing(&store, &memory, &keys, &prefix, limit);
        }
    }
}
