//! A store under test.

use crate::strange::NESTED;
use std::rc::Rc;
use std::sync::Arc;
use storage_contract::types::{
    Access, Capabilities, Error, ListOptions, MAX_KEY_BYTES, PutOptions, ReadOptions, Result,
};
use storage_contract::{SharedStore, Store};

/// The keys and values that a store accepts.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// A prefix for every key.
    pub key_prefix: &'static str,
    /// The values that the store accepts.
    pub values: Values,
    /// Whether the store may refuse this key, as the contract allows.
    pub may_refuse: fn(&str) -> bool,
    /// The longest key, in bytes, that the store must accept; it may refuse longer
    /// ones.
    pub longest: usize,
}

impl Dialect {
    /// Every key, every value.
    pub const PLAIN: Dialect = Dialect {
        key_prefix: "",
        values: Values::Any,
        may_refuse: |_| false,
        longest: MAX_KEY_BYTES,
    };

    /// ASCII text instead of any bytes.
    pub const TEXT: Dialect = Dialect { values: Values::Text, ..Dialect::PLAIN };

    /// JSON, as Python's `json.dumps` writes it.
    pub const JSON: Dialect = Dialect { values: Values::Json, ..Dialect::PLAIN };

    /// The keys of a store that uses them as paths below a directory, and keeps no
    /// others.
    pub const PATHS: Dialect = Dialect { may_refuse: no_path, ..Dialect::PLAIN };

    /// The keys of a bucket on a server that drops a leading slash.
    pub const BUCKET: Dialect =
        Dialect { may_refuse: |key| key.starts_with('/'), longest: 1_024, ..Dialect::PLAIN };

    /// The keys of a store that uses them as names in an archive.
    pub const NAMES_IN_AN_ARCHIVE: Dialect = Dialect { may_refuse: leads_out, ..Dialect::PLAIN };

    /// The keys of a store that turns each into one file name.
    pub const FILE_NAMES: Dialect = Dialect::PLAIN.up_to(155);

    /// The same, for a store that may refuse keys of more than `longest` bytes.
    pub const fn up_to(self, longest: usize) -> Dialect {
        Dialect { longest, ..self }
    }

    /// Whether the store may refuse this key.
    pub fn refuses(&self, key: &str) -> bool {
        key.len() > self.longest || (self.may_refuse)(key)
    }
}

/// The kind of values that a store accepts; each can be made from any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Any bytes, unchanged.
    Any,
    /// A lower-case letter for each byte.
    Text,
    /// JSON without spaces; reading it returns the spaces that Python inserts.
    Json,
    /// Letters between a prefix and a suffix.
    Between(&'static str, &'static str),
}

impl Values {
    /// Makes a value from these bytes.
    pub fn made_of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Values::Any => bytes.to_vec(),
            Values::Text => letters(bytes),
            Values::Json => between("{\"is\":\"", bytes, "\"}"),
            Values::Between(before, after) => between(before, bytes, after),
        }
    }

    /// What reading returns after this value was written.
    pub fn become_of(self, value: &[u8]) -> Vec<u8> {
        match (self, value.strip_prefix(b"{\"is\":")) {
            (Values::Json, Some(rest)) => [b"{\"is\": ", rest].concat(),
            _ => value.to_vec(),
        }
    }

    /// Whether a value may be empty.
    pub fn may_be_empty(self) -> bool {
        self.made_of(b"").is_empty()
    }
}

fn letters(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|b| b'a' + (b % 26)).collect()
}

fn between(before: &str, bytes: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), &letters(bytes), after.as_bytes()].concat()
}

fn no_path(key: &str) -> bool {
    NESTED.contains(&key)
        || key
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == ".." || part.len() > 255)
}

fn leads_out(key: &str) -> bool {
    let drive = matches!(key.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive
        || key.starts_with(['/', '\\'])
        || key.ends_with('/')
        || key.split(['/', '\\']).any(|part| part == "..")
}

/// The contents of a store: key, bytes and etag of every object.
pub type Snapshot = Vec<(String, Vec<u8>, Option<String>)>;

/// A fresh store under test, and a second way to its objects.
pub struct Subject {
    /// The store under test.
    pub store: SharedStore,
    /// A store with the same objects that can read, write and delete them.
    pub beside: SharedStore,
    /// The stores that finally hold the objects.
    pub bases: Vec<SharedStore>,
    /// The keys and values that the store accepts.
    pub dialect: Dialect,
    /// How to follow its locations, if the suite is to compare them.
    pub located: Option<Located>,
    /// Keeps alive what the store needs, such as temporary directories.
    pub keep: Option<Rc<dyn std::any::Any>>,
}

/// Where a store says that operations may be done instead.
pub struct Located {
    /// The same store, which does every operation itself.
    pub here: SharedStore,
    /// The store and key of a location.
    pub there: There,
}

/// Finds the location for a key and an access.
pub type There = Rc<dyn Fn(&str, Access) -> Result<Option<(SharedStore, String)>>>;

impl Subject {
    /// A subject whose store has every capability itself.
    pub fn new(store: SharedStore, dialect: Dialect) -> Self {
        let bases = vec![store.clone()];
        Subject { beside: store.clone(), bases, store, dialect, located: None, keep: None }
    }

    /// Makes a key that the store accepts.
    pub fn key(&self, text: &str) -> String {
        format!("{}{text}", self.dialect.key_prefix)
    }

    /// Makes a value from these bytes; also returns what reading it must return.
    pub fn value(&self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let value = self.dialect.values.made_of(bytes);
        let becomes = self.dialect.values.become_of(&value);
        (value, becomes)
    }

    /// The store's final capabilities. A store that has to ask a server about
    /// preconditions does so on the first conditional change.
    pub fn settled(&self) -> Capabilities {
        if self.store.capabilities().conditional {
            let options =
                PutOptions { if_match: Some("no etag".to_owned()), ..PutOptions::default() };
            // There is no such object, so nothing is written.
            let _ = self.store.put(&self.key("settled"), &self.value(b"v").0, &options);
        }
        self.store.capabilities()
    }

    /// The contents of all bases.
    pub fn snapshot(&self) -> Result<Vec<Snapshot>> {
        self.bases.iter().map(|base| snapshot(base.as_ref())).collect()
    }
}

/// The contents of a store; empty if it can't be listed or read.
pub fn snapshot(store: &dyn Store) -> Result<Snapshot> {
    if !store.capabilities().list || !store.capabilities().read {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    let mut options = ListOptions::default();
    loop {
        let page = store.list(&options)?;
        for entry in page.entries {
            let data = read_all(store, &entry.key, &ReadOptions::default())?;
            all.push((entry.key, data, entry.info.etag));
        }
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => break,
        }
    }
    all.sort();
    Ok(all)
}

/// Reads an object or range by streaming.
pub fn read_all(store: &dyn Store, key: &str, options: &ReadOptions) -> Result<Vec<u8>> {
    let mut reader = store.read(key, options)?;
    let mut data = Vec::new();
    loop {
        let chunk = reader.next(64 * 1024)?;
        if chunk.is_empty() {
            return Ok(data);
        }
        if chunk.len() > 64 * 1024 {
            return Err(Error::Other(format!("a chunk of {} bytes, 65536 asked", chunk.len())));
        }
        data.extend_from_slice(&chunk);
    }
}

/// A named factory of fresh subjects.
#[derive(Clone)]
pub struct Maker {
    /// The name in reports.
    pub name: String,
    /// Makes a fresh subject.
    pub make: Arc<dyn Fn() -> anyhow::Result<Subject> + Send + Sync>,
    /// The number of random sequences to run.
    pub sequences: u32,
    /// Cases that fail because of the server behind the store, and why.
    pub server: &'static [(&'static str, &'static str)],
}

impl Maker {
    /// A factory without expected failures.
    pub fn new(
        name: impl Into<String>,
        sequences: u32,
        make: impl Fn() -> anyhow::Result<Subject> + Send + Sync + 'static,
    ) -> Self {
        Maker { name: name.into(), make: Arc::new(make), sequences, server: &[] }
    }
}
