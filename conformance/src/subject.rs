//! A store under test.

use std::rc::Rc;
use std::sync::Arc;
use storage_core::types::{
    Capabilities, Error, ListOptions, MAX_KEY_BYTES, PutOptions, ReadOptions, Result,
};
use storage_core::{SharedStore, Store};

/// Which keys and values a store accepts, and what it makes of them.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// Put before every key.
    pub key_prefix: &'static str,
    /// The values that the store accepts.
    pub values: Values,
    /// Whether the store may refuse this key, which the contract allows.
    pub may_refuse: fn(&str) -> bool,
    /// The longest key, in bytes, that the store must take: longer ones it may
    /// refuse.
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

    /// JSON, kept with the spaces that Python puts in.
    pub const JSON: Dialect = Dialect { values: Values::Json, ..Dialect::PLAIN };

    /// The keys of a store that keeps paths under a directory.
    pub const PATHS: Dialect = Dialect { may_refuse: no_path, ..Dialect::PLAIN };

    /// The keys of a bucket whose server drops a leading slash.
    pub const BUCKET: Dialect =
        Dialect { may_refuse: |key| key.starts_with('/'), longest: 1_024, ..Dialect::PLAIN };

    /// The keys of a store that makes names in an archive of them.
    pub const NAMES_IN_AN_ARCHIVE: Dialect = Dialect { may_refuse: leads_out, ..Dialect::PLAIN };

    /// The keys of a store that makes one file name of each.
    pub const FILE_NAMES: Dialect = Dialect::PLAIN.up_to(155);

    /// The same for a store that may refuse keys of more than `longest` bytes.
    pub const fn up_to(self, longest: usize) -> Dialect {
        Dialect { longest, ..self }
    }

    /// Whether the store may refuse this key.
    pub fn refuses(&self, key: &str) -> bool {
        key.len() > self.longest || (self.may_refuse)(key)
    }
}

/// What values a store accepts: one is made of any bytes, another of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// The bytes themselves.
    Any,
    /// A lower-case letter for each byte.
    Text,
    /// JSON without spaces, which is read with those that Python puts in.
    Json,
    /// Letters between two texts.
    Between(&'static str, &'static str),
}

impl Values {
    /// The value made of these bytes.
    pub fn made_of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Values::Any => bytes.to_vec(),
            Values::Text => letters(bytes),
            Values::Json => between("{\"is\":\"", bytes, "\"}"),
            Values::Between(before, after) => between(before, bytes, after),
        }
    }

    /// What is read where that value was written.
    pub fn become_of(self, value: &[u8]) -> Vec<u8> {
        match (self, value.strip_prefix(b"{\"is\":")) {
            (Values::Json, Some(rest)) => [b"{\"is\": ", rest].concat(),
            _ => value.to_vec(),
        }
    }

    /// Whether there is a value of no bytes.
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
    key.split('/').any(|part| part.is_empty() || part == "." || part == ".." || part.len() > 255)
}

fn leads_out(key: &str) -> bool {
    let drive = matches!(key.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive
        || key.starts_with(['/', '\\'])
        || key.ends_with('/')
        || key.split(['/', '\\']).any(|part| part == "..")
}

/// What is held, key by key: bytes and etag.
pub type Snapshot = Vec<(String, Vec<u8>, Option<String>)>;

/// A fresh store, and a way around it.
pub struct Subject {
    /// The store under test.
    pub store: SharedStore,
    /// The same objects through a store that can read, write and delete them.
    pub beside: SharedStore,
    /// Where the objects are in the end.
    pub bases: Vec<SharedStore>,
    /// What the store accepts.
    pub dialect: Dialect,
    /// What must live as long as the store: temporary directories.
    pub keep: Option<Rc<dyn std::any::Any>>,
}

impl Subject {
    /// A store that can do everything itself.
    pub fn new(store: SharedStore, dialect: Dialect) -> Self {
        Subject { beside: store.clone(), bases: vec![store.clone()], store, dialect, keep: None }
    }

    /// A key that the store accepts.
    pub fn key(&self, text: &str) -> String {
        format!("{}{text}", self.dialect.key_prefix)
    }

    /// A value made from these bytes, and what it is when read.
    pub fn value(&self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let value = self.dialect.values.made_of(bytes);
        let becomes = self.dialect.values.become_of(&value);
        (value, becomes)
    }

    /// What the store can do, once it has found out: one that has to ask a
    /// server about preconditions does so with the first change that has one.
    pub fn settled(&self) -> Capabilities {
        if self.store.capabilities().conditional {
            let options =
                PutOptions { if_match: Some("no etag".to_owned()), ..PutOptions::default() };
            // There is no such object: nothing is written.
            let _ = self.store.put(&self.key("settled"), &self.value(b"v").0, &options);
        }
        self.store.capabilities()
    }

    /// Everything in the bases.
    pub fn snapshot(&self) -> Result<Vec<Snapshot>> {
        self.bases.iter().map(|base| snapshot(base.as_ref())).collect()
    }
}

/// Everything in a store, or nothing where it can't be listed.
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

/// The bytes of an object or range, streamed.
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

/// How a fresh subject is made, with its name.
#[derive(Clone)]
pub struct Maker {
    /// The name in reports.
    pub name: String,
    /// Makes a fresh one.
    pub make: Arc<dyn Fn() -> anyhow::Result<Subject> + Send + Sync>,
    /// How many random sequences it gets.
    pub sequences: u32,
    /// Cases that the server behind it fails by itself, and why.
    pub server: &'static [(&'static str, &'static str)],
}

impl Maker {
    /// A named way to make subjects.
    pub fn new(
        name: impl Into<String>,
        sequences: u32,
        make: impl Fn() -> anyhow::Result<Subject> + Send + Sync + 'static,
    ) -> Self {
        Maker { name: name.into(), make: Arc::new(make), sequences, server: &[] }
    }
}
