//! The test configuration of each decorator, and the keys and values that it accepts.

use anyhow::{Context, Result};
use storage_conformance::subject::Dialect;
use storage_contract::MAX_KEY_BYTES;
use storage_core::decorators::KINDS;

/// Where the tests can reach the objects of a store directly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Through the store itself.
    Itself,
    /// Through its base, because the store refuses some operations.
    Base,
}

/// A decorator as the suite builds it.
pub struct Entry {
    /// The name of its kind.
    pub kind: &'static str,
    /// What distinguishes this entry from others of the kind; may be empty.
    pub variant: &'static str,
    /// Its config, as JSON text.
    pub config: &'static str,
    /// The keys and values that it accepts.
    pub dialect: Dialect,
    /// Whether it passes every key and value, and so may stand anywhere in a chain.
    pub composes: bool,
    /// Where its objects can be reached directly.
    pub beside: Beside,
}

const PLAIN: Entry = Entry {
    kind: "",
    variant: "",
    config: "{}",
    dialect: Dialect::PLAIN,
    composes: true,
    beside: Beside::Itself,
};

/// A decorator that accepts any key and value.
const fn plain(kind: &'static str, variant: &'static str, config: &'static str) -> Entry {
    Entry { kind, variant, config, ..PLAIN }
}

/// A decorator that lengthens keys by up to this many bytes.
const fn longer(bytes: usize, entry: Entry) -> Entry {
    Entry { dialect: entry.dialect.up_to(MAX_KEY_BYTES - bytes), ..entry }
}

/// One or more entries for every kind.
pub const ENTRIES: &[Entry] = &[
    plain("IdentityStore", "", "{}"),
    Entry { beside: Beside::Base, composes: false, ..plain("ReadonlyStore", "", "{}") },
    Entry { beside: Beside::Base, composes: false, ..plain("WriteonlyStore", "", "{}") },
    plain("MirroringStore", "", "{}"),
    plain("MirroringStore", "quorum", r#"{"write":"quorum"}"#),
    plain("CachingStore", "", "{}"),
    plain("CachingStore", "small", r#"{"max_bytes":1000}"#),
    plain("NotifyingStore", "", "{}"),
    plain("LoggingStore", "", "{}"),
    plain("ExceptionLoggingStore", "", "{}"),
    Entry {
        dialect: Dialect::TEXT,
        composes: false,
        ..plain("TextEncodingStore", "latin-1", r#"{"encoding":"latin-1"}"#)
    },
    Entry {
        dialect: Dialect::TEXT,
        composes: false,
        ..plain("TextEncodingStore", "utf-16", r#"{"encoding":"utf-16"}"#)
    },
    plain("GzipStore", "", "{}"),
    plain("GzipStore", "fastest", r#"{"level":1}"#),
    plain("Base64Store", "", "{}"),
    plain("Base64Store", "lenient", r#"{"lenient":true}"#),
    Entry { dialect: Dialect::JSON, composes: false, ..plain("JsonStore", "", "{}") },
    plain("BufferStore", "", "{}"),
    plain("KeyValidatingStore", "", r#"{"validators":[{"max_bytes":4096}]}"#),
    Entry {
        dialect: Dialect { key_prefix: "ok/", ..Dialect::PLAIN },
        composes: false,
        ..plain("RegexValidatingStore", "", r#"{"pattern":"ok/"}"#)
    },
    Entry {
        // Some keys do not make a valid URL.
        dialect: Dialect {
            key_prefix: "https://example.com/",
            may_refuse: |_| true,
            ..Dialect::PLAIN
        },
        composes: false,
        ..plain("UrlValidatingStore", "", "{}")
    },
    longer(11, plain("PrefixStore", "", r#"{"prefix":"some/where/"}"#)),
    longer(9, plain("HashPrefixStore", "", "{}")),
    longer(5, plain("HashPrefixStore", "configured", r#"{"hash_length":4,"separator":"_"}"#)),
    // Every byte may become three.
    longer(MAX_KEY_BYTES - MAX_KEY_BYTES / 3, plain("UrlEncodingStore", "", "{}")),
    longer(
        7,
        plain(
            "RegexRoutingStore",
            "",
            r#"{"routes":[{"pattern":"^c","prefix":"see/"},{"pattern":"","prefix":"others/"}]}"#,
        ),
    ),
];

/// The entries of all kinds. Fails if a kind has none, so that no kind goes untested.
pub fn entries() -> Result<Vec<&'static Entry>> {
    for kind in KINDS {
        ENTRIES
            .iter()
            .find(|entry| entry.kind == kind.name)
            .with_context(|| format!("{} has no entry in tests/src/kinds.rs", kind.name))?;
    }
    let known = |entry: &&Entry| KINDS.iter().any(|kind| kind.name == entry.kind);
    Ok(ENTRIES.iter().filter(known).collect())
}
