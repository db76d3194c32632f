//! The plain values of the contract, as Rust. They mirror the interface
//! `storage:object-store/types`, which documents their meaning.

use std::fmt;

/// What an operation gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. The messages are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is no object under this key.
    NotFound,
    /// The key is taken and the operation must not replace it.
    AlreadyExists,
    /// A precondition (`if-match`, `if-none-match`) did not hold.
    PreconditionFailed,
    /// The key can't be used with this store.
    InvalidKey(String),
    /// A store was described wrongly.
    InvalidConfig(String),
    /// Bytes are corrupt, or not acceptable.
    InvalidData(String),
    /// The byte range lies outside the object.
    InvalidRange,
    /// The store does not offer the operation; nothing was touched.
    Unsupported(String),
    /// Whoever keeps the objects refused.
    PermissionDenied(String),
    /// A limit was met; nothing was published.
    LimitExceeded(String),
    /// A passing fault: the same call may succeed later.
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
}

/// What a store says of itself; see the contract's `capabilities`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// `get`, `exists`, `stat` and `read`.
    pub read: bool,
    /// `put` and `write`.
    pub write: bool,
    /// Writing may replace an object; without, it is `AlreadyExists`.
    pub replace: bool,
    /// `delete`.
    pub delete: bool,
    /// `list`.
    pub list: bool,
    /// `ReadOptions::range`.
    pub range: bool,
    /// Content type, user metadata and a given etag are kept.
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

    /// What both promise.
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

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectInfo {
    /// Size in bytes; absent when it can't be known without reading.
    pub size: Option<u64>,
    /// Opaque, without quotes.
    pub etag: Option<String>,
    /// Last change, in milliseconds since 1970-01-01T00:00:00Z.
    pub modified: Option<u64>,
    /// The media type given when the object was written.
    pub content_type: Option<String>,
    /// User metadata, and entries of the stores' own (`storage-…`).
    pub metadata: Metadata,
}

/// Names and values kept with an object, in the order they were given.
pub type Metadata = Vec<(String, String)>;

/// Metadata names that begin with this are the stores' own.
pub const RESERVED_METADATA: &str = "storage-";

/// What is kept with an object and what must hold for it to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutOptions {
    /// The media type to keep.
    pub content_type: Option<String>,
    /// User metadata to keep.
    pub metadata: Metadata,
    /// The etag to keep; absent: the store derives one.
    pub etag: Option<String>,
    /// Write only when no object is under the key.
    pub if_absent: bool,
    /// Write only over the object with this etag.
    pub if_match: Option<String>,
}

/// What a writer knows only at the end of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailer {
    /// The etag to keep; wins over the one given at the start.
    pub etag: Option<String>,
    /// Added to the metadata given at the start; an equal name replaces.
    pub metadata: Metadata,
}

impl PutOptions {
    /// Takes in what became known at the end of a streamed write.
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

/// What to read, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Absent: the whole object.
    pub range: Option<ByteRange>,
    /// Read only when the etag is this one.
    pub if_match: Option<String>,
    /// Read only when the etag is not this one.
    pub if_none_match: Option<String>,
}

impl ReadOptions {
    /// Checks the preconditions against what the object is now.
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

/// What must hold for an object to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteOptions {
    /// Delete only the object with this etag.
    pub if_match: Option<String>,
}

/// Checks `if_absent` and `if_match` of a write against the object that is
/// there now (`None`: there is none).
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

/// Part of an object; see the contract's `byte-range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    /// First byte, counted from 0.
    pub offset: Option<u64>,
    /// How many bytes.
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

    /// Start and end (exclusive) in an object of `size` bytes.
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

/// Which keys to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// Only keys that begin with this string.
    pub prefix: String,
    /// Only keys after this one, or a `Page::next` of the same store.
    pub start_after: Option<String>,
    /// At most this many entries.
    pub limit: Option<u32>,
    /// What the listing of objects leaves out, instead of the objects.
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

pub use crate::skipped::Skipped;

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The objects.
    pub entries: Vec<Entry>,
    /// What is left out, where that was asked for.
    pub skipped: Vec<Skipped>,
    /// Give this as the next `start_after`; absent at the end.
    pub next: Option<String>,
}

impl Page {
    /// Whether it tells of nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.skipped.is_empty()
    }

    /// A part of the listing of objects.
    pub fn of(entries: Vec<Entry>, next: Option<String>) -> Self {
        Self { entries, skipped: Vec::new(), next }
    }

    /// A part of the listing of what is left out.
    pub fn of_skipped(skipped: Vec<Skipped>, next: Option<String>) -> Self {
        Self { entries: Vec::new(), skipped, next }
    }
}

/// Entries in a page when the caller sets no limit, and the most in any page.
pub const PAGE_LIMIT: u32 = 1_000;

/// The most bytes a key may have, in UTF-8: what most systems take as a path.
/// A backend may take fewer.
pub const MAX_KEY_BYTES: usize = 4_096;

/// What the refusal of a key says that is longer than its store takes:
/// protocols have an error of their own for that.
pub const KEY_TOO_LONG: &str = "the key is too long";

/// `get` may refuse larger results; `read` streams them.
pub const MAX_INLINE_BYTES: u64 = 8 * 1024 * 1024;

/// Checks what the contract asks of every key.
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

/// The refusal of a key that is longer than `what` may be.
pub fn key_too_long(key: &str, most: usize, what: &str) -> Error {
    let (long, shown) = (key.len(), shorten(key));
    Error::InvalidKey(format!(
        "{KEY_TOO_LONG}: {shown:?} has {long} bytes of UTF-8, and {what} has at most {most}"
    ))
}

/// The beginning of a key, for messages that a long one would fill.
pub fn shorten(key: &str) -> String {
    const SHOWN: usize = 64;
    match key.len() > SHOWN {
        true => format!("{}…", key.get(..key.floor_char_boundary(SHOWN)).unwrap_or_default()),
        false => key.to_owned(),
    }
}
