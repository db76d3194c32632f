//! The plain values of the contract. They mirror the interface
//! `storage:object-store/types`, which documents their meaning.

use std::fmt;

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. The messages are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The key has no object.
    NotFound,
    /// The key has an object, which the operation must not replace.
    AlreadyExists,
    /// A precondition (`if-match`, `if-none-match`) did not hold.
    PreconditionFailed,
    /// The key can't be used with this store.
    InvalidKey(String),
    /// A store's configuration is wrong.
    InvalidConfig(String),
    /// Bytes are corrupt or not acceptable.
    InvalidData(String),
    /// The byte range is outside the object.
    InvalidRange,
    /// The store does not support the operation; nothing was changed.
    Unsupported(String),
    /// The backend denied access.
    PermissionDenied(String),
    /// A limit was exceeded; nothing was published.
    LimitExceeded(String),
    /// A temporary failure: the same call may succeed later.
    Unavailable(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, detail) = match self {
            Error::NotFound => ("no such object", ""),
            Error::AlreadyExists => ("the object already exists", ""),
            Error::PreconditionFailed => ("a precondition did not hold", ""),
            Error::InvalidRange => ("the byte range lies outside the object", ""),
            Error::InvalidKey(m) => ("invalid key", m.as_str()),
            Error::InvalidConfig(m) => ("invalid config", m.as_str()),
            Error::InvalidData(m) => ("invalid data", m.as_str()),
            Error::Unsupported(m) => ("unsupported", m.as_str()),
            Error::PermissionDenied(m) => ("permission denied", m.as_str()),
            Error::LimitExceeded(m) => ("limit exceeded", m.as_str()),
            Error::Unavailable(m) => ("unavailable", m.as_str()),
            Error::Other(m) => ("failed", m.as_str()),
        };
        if detail.is_empty() { f.write_str(what) } else { write!(f, "{what}: {detail}") }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The stable name of the case, as the contract spells it.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NotFound => "not-found",
            Error::AlreadyExists => "already-exists",
            Error::PreconditionFailed => "precondition-failed",
            Error::InvalidKey(_) => "invalid-key",
            Error::InvalidConfig(_) => "invalid-config",
            Error::InvalidData(_) => "invalid-data",
            Error::InvalidRange => "invalid-range",
            Error::Unsupported(_) => "unsupported",
            Error::PermissionDenied(_) => "permission-denied",
            Error::LimitExceeded(_) => "limit-exceeded",
            Error::Unavailable(_) => "unavailable",
            Error::Other(_) => "other",
        }
    }

    /// The error of a full medium, as `explanation` says.
    pub fn out_of_space(explanation: &str) -> Self {
        Self::LimitExceeded(format!("{NO_ROOM}: {explanation}; nothing was written"))
    }

    /// Whether the medium of a store is full.
    pub fn is_out_of_space(&self) -> bool {
        matches!(self, Error::LimitExceeded(text) if text.starts_with(NO_ROOM))
    }

    /// Whether a key is too long for its store.
    pub fn is_key_too_long(&self) -> bool {
        matches!(self, Error::InvalidKey(text) if text.starts_with(KEY_TOO_LONG))
    }
}

/// What a store supports; see the contract's `capabilities`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `get`, `exists`, `stat` and `read`.
    pub read: bool,
    /// `put` and `write`.
    pub write: bool,
    /// Writes may replace an object; otherwise that is `AlreadyExists`.
    pub replace: bool,
    /// `delete`.
    pub delete: bool,
    /// `list`.
    pub list: bool,
    /// `ReadOptions::range`.
    pub range: bool,
    /// Content type, user metadata and a given etag are stored.
    pub metadata: bool,
    /// `if_absent` and `if_match` are atomic.
    pub conditional: bool,
    /// `list` is in ascending order of the keys' bytes.
    pub ordered: bool,
}

impl Capabilities {
    /// Every flag set.
    pub const ALL: Capabilities = Capabilities {
        read: true,
        write: true,
        replace: true,
        delete: true,
        list: true,
        range: true,
        metadata: true,
        conditional: true,
        ordered: true,
    };

    /// The flags set in both.
    #[must_use]
    pub fn and(self, other: Capabilities) -> Capabilities {
        Capabilities {
            read: self.read && other.read,
            write: self.write && other.write,
            replace: self.replace && other.replace,
            delete: self.delete && other.delete,
            list: self.list && other.list,
            range: self.range && other.range,
            metadata: self.metadata && other.metadata,
            conditional: self.conditional && other.conditional,
            ordered: self.ordered && other.ordered,
        }
    }

    /// The names of the set flags, as the contract spells them.
    pub fn names(self) -> Vec<&'static str> {
        [
            (self.read, "read"),
            (self.write, "write"),
            (self.replace, "replace"),
            (self.delete, "delete"),
            (self.list, "list"),
            (self.range, "range"),
            (self.metadata, "metadata"),
            (self.conditional, "conditional"),
            (self.ordered, "ordered"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect()
    }
}

/// The metadata of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectInfo {
    /// Size in bytes; absent if it can't be known without reading.
    pub size: Option<u64>,
    /// Opaque, without quotes.
    pub etag: Option<String>,
    /// Last change, in milliseconds since 1970-01-01T00:00:00Z.
    pub modified: Option<u64>,
    /// The content type given when the object was written.
    pub content_type: Option<String>,
    /// User metadata, and the stores' own entries (`storage-…`).
    pub metadata: Metadata,
}

/// Names and values stored with an object, in the order given.
pub type Metadata = Vec<(String, String)>;

/// The prefix of metadata names that belong to the stores.
pub const RESERVED_METADATA: &str = "storage-";

/// The metadata entry with a checksum of an object's bytes.
pub const CHECKSUM: &str = ":checksum";

/// Metadata for a write, and its preconditions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutOptions {
    /// The content type.
    pub content_type: Option<String>,
    /// The user metadata.
    pub metadata: Metadata,
    /// The etag to store; absent: the store derives one.
    pub etag: Option<String>,
    /// Write only if the key has no object.
    pub if_absent: bool,
    /// Write only over an object with this etag.
    pub if_match: Option<String>,
}

/// Metadata that is known only after the last byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailer {
    /// The etag to store; replaces the one given at the start.
    pub etag: Option<String>,
    /// Added to the metadata given at the start; replaces entries of the same name.
    pub metadata: Metadata,
}

impl PutOptions {
    /// Adds the trailer of a streamed write.
    pub fn absorb(&mut self, trailer: Trailer) {
        if trailer.etag.is_some() {
            self.etag = trailer.etag;
        }
        for (name, value) in trailer.metadata {
            self.metadata.retain(|(n, _)| *n != name);
            self.metadata.push((name, value));
        }
    }
}

/// The range and the preconditions of a read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Absent: the whole object.
    pub range: Option<ByteRange>,
    /// Read only if the object has this etag.
    pub if_match: Option<String>,
    /// Read only if the object has another etag.
    pub if_none_match: Option<String>,
}

impl ReadOptions {
    /// Checks the preconditions against the current object.
    pub fn check(&self, info: &ObjectInfo) -> Result<()> {
        let etag = info.etag.as_deref();
        let wrong = self.if_match.as_deref().is_some_and(|m| etag != Some(m));
        let same = self.if_none_match.as_deref().is_some_and(|m| etag == Some(m));
        if wrong || same {
            return Err(Error::PreconditionFailed);
        }
        Ok(())
    }
}

/// What an operation does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `get`, `read`, `stat` and `exists`.
    Read,
    /// `put` and `write`.
    Write,
    /// `delete`.
    Delete,
}

/// Where an object is, for whoever gave a component its stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The name under which the store was opened.
    pub base: String,
    /// The key in that store.
    pub key: String,
}

/// The preconditions of a delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// Delete only an object with this etag.
    pub if_match: Option<String>,
}

/// Checks `if_absent` and `if_match` of a write against the current object (`None`
/// if there is none).
pub fn check_write(options: &PutOptions, current: Option<&ObjectInfo>) -> Result<()> {
    if options.if_absent && current.is_some() {
        return Err(Error::AlreadyExists);
    }
    match (&options.if_match, current) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Error::NotFound),
        (Some(wanted), Some(info)) if info.etag.as_deref() == Some(wanted) => Ok(()),
        (Some(_), Some(_)) => Err(Error::PreconditionFailed),
    }
}

/// A part of an object; see the contract's `byte-range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    /// The first byte, counted from 0.
    pub offset: Option<u64>,
    /// The number of bytes.
    pub length: Option<u64>,
}

impl ByteRange {
    /// `length` bytes from `offset`.
    pub fn span(offset: u64, length: u64) -> Self {
        Self { offset: Some(offset), length: Some(length) }
    }

    /// Everything from `offset`.
    pub fn from(offset: u64) -> Self {
        Self { offset: Some(offset), length: None }
    }

    /// The last `length` bytes.
    pub fn last(length: u64) -> Self {
        Self { offset: None, length: Some(length) }
    }

    /// Start and end (exclusive) in an object of `size` bytes. `InvalidRange` if it
    /// would be empty, except for the whole of an empty object.
    pub fn resolve(self, size: u64) -> Result<(u64, u64)> {
        if self.length == Some(0) {
            return Err(Error::InvalidRange);
        }
        match (self.offset, self.length) {
            (None, None) => Ok((0, size)),
            (None, Some(_)) if size == 0 => Err(Error::InvalidRange),
            (None, Some(length)) => Ok((size.saturating_sub(length), size)),
            (Some(offset), _) if offset >= size => Err(Error::InvalidRange),
            (Some(offset), None) => Ok((offset, size)),
            (Some(offset), Some(length)) => Ok((offset, offset.saturating_add(length).min(size))),
        }
    }
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Only keys after this one; or the `Page::next` of the same store.
    pub start_after: Option<String>,
    /// The most entries in a page.
    pub limit: Option<u32>,
    /// List what the listing of objects leaves out, instead of objects.
    pub skipped: bool,
}

/// One listed object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// What the store knows without opening the object.
    pub info: ObjectInfo,
}

/// Something stored among the objects that is not an object of the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Skipped {
    /// Its name, as written by [`printable`](crate::skipped::printable).
    pub entry: String,
    /// Why it is not an object; the same text for all entries of a kind.
    pub reason: String,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The objects.
    pub entries: Vec<Entry>,
    /// What the listing leaves out, if requested.
    pub skipped: Vec<Skipped>,
    /// The next `start_after`; absent on the last page.
    pub next: Option<String>,
}

impl Page {
    /// Whether it has neither objects nor skipped entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.skipped.is_empty()
    }

    /// A page of objects.
    pub fn of(entries: Vec<Entry>, next: Option<String>) -> Self {
        Self { entries, skipped: Vec::new(), next }
    }

    /// A page of what the listing leaves out.
    pub fn of_skipped(skipped: Vec<Skipped>, next: Option<String>) -> Self {
        Self { entries: Vec::new(), skipped, next }
    }
}

/// The default number of entries in a page, and the most in any page.
pub const PAGE_LIMIT: u32 = 1_000;

/// The longest key, in bytes of UTF-8: the longest path on most systems. A backend
/// may accept less.
pub const MAX_KEY_BYTES: usize = 4_096;

/// How the message of `invalid-key` begins if the key is too long for its store, by the
/// contract (`error` in `wit/types.wit`): protocols have an error of their own for that.
const KEY_TOO_LONG: &str = "the key is too long";

/// How the message of `limit-exceeded` begins if the medium is full, by the contract.
const NO_ROOM: &str = "no room is left";

/// Above this many bytes `get` may be refused; use `read`.
pub const MAX_INLINE_BYTES: u64 = 8 * 1024 * 1024;

/// Checks a key against the contract's rules for all keys.
pub fn check_key(key: &str) -> Result<()> {
    let problem = if key.is_empty() {
        "a key must not be empty".to_owned()
    } else if key.len() > MAX_KEY_BYTES {
        return Err(key_too_long(key, MAX_KEY_BYTES, "a key"));
    } else if key.contains('\0') {
        "a key must not contain NUL".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::InvalidKey(problem))
}

/// The error for a key that is longer than `what` may be.
pub fn key_too_long(key: &str, most: usize, what: &str) -> Error {
    let (long, shown) = (key.len(), shorten(key));
    too_long(&format!("{shown:?} has {long} bytes of UTF-8, and {what} has at most {most}"))
}

/// The error for a key that is too long as `explanation` says.
pub fn too_long(explanation: &str) -> Error {
    Error::InvalidKey(format!("{KEY_TOO_LONG}: {explanation}"))
}

/// The start of a long key, for messages.
pub fn shorten(key: &str) -> String {
    const SHOWN: usize = 64;
    match key.len() > SHOWN {
        true => format!("{}…", key.get(..key.floor_char_boundary(SHOWN)).unwrap_or_default()),
        false => key.to_owned(),
    }
}
