//! What a transfer tells: while it runs, at the end, and when it can't go on.

use crate::store::{Error, Skipped};
use std::fmt;

/// What was done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Objects written to the target (with `dry_run`: that would be).
    pub copied: u64,
    /// Objects written to the target and then deleted from the source.
    pub moved: u64,
    /// Objects that were there already, or equal.
    pub skipped: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Bytes written.
    pub bytes: u64,
    /// What failed, and why.
    pub failed: Vec<Failure>,
    /// Entries of the source that are no objects there, so that no listing has
    /// them: nothing was done with them. Each was told as [`Event::LeftOut`].
    pub left_out: u64,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Counts {
    /// Whether everything was done that could be; see `left_out`, too.
    pub fn complete(&self) -> bool {
        self.failed.is_empty() && !self.stopped
    }

    pub(super) fn add(&mut self, result: Result<Done, Failure>) {
        match result {
            Ok(Done::Copied(bytes)) => {
                self.copied += 1;
                self.bytes = self.bytes.saturating_add(bytes);
            }
            Ok(Done::Moved(bytes)) => {
                self.moved += 1;
                self.bytes = self.bytes.saturating_add(bytes);
            }
            Ok(Done::Skipped) => self.skipped += 1,
            Ok(Done::Deleted) => self.deleted += 1,
            Err(failure) => self.failed.push(failure),
        }
    }
}

/// What became of one key; with `dry_run`, what would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Written to the target: so many bytes (with `dry_run`, as listed).
    Copied(u64),
    /// Written to the target and deleted from the source.
    Moved(u64),
    /// There already, or equal.
    Skipped,
    /// Deleted.
    Deleted,
}

/// One key that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was tried, such as `read`.
    pub what: &'static str,
    /// The store's name.
    pub store: String,
    /// The key in that store.
    pub key: String,
    /// Why.
    pub cause: Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { what, store, key, cause } = self;
        write!(f, "{what} {key:?} in store {store:?}: {cause}")
    }
}

impl std::error::Error for Failure {}

/// A transfer that could not go on, or not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aborted {
    /// What was done before.
    pub counts: Counts,
    /// What was tried, such as `list`.
    pub what: &'static str,
    /// The store's name.
    pub store: String,
    /// The prefix in that store.
    pub prefix: String,
    /// Why.
    pub cause: Error,
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Aborted { what, store, prefix, cause, .. } = self;
        match prefix.as_str() {
            "" => write!(f, "{what} store {store:?}: {cause}"),
            prefix => write!(f, "{what} {prefix:?} in store {store:?}: {cause}"),
        }
    }
}

impl std::error::Error for Aborted {}

/// Why a transfer can't go on; [`Aborted`] without what was done before.
pub(super) type Fault = Box<Aborted>;

/// What happens, for whoever watches.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A listing came upon an object that may have to be moved or deleted; its
    /// size, where the listing tells.
    Found(Option<u64>),
    /// No more objects will be found for what is being done now.
    Listed,
    /// So many bytes went on to the target.
    Bytes(u64),
    /// A key is done with.
    Done {
        /// The key, in the source when it was copied or moved, in the target
        /// when it was deleted.
        key: &'a str,
        /// Its size, as given to `Found`.
        size: Option<u64>,
        /// What became of it.
        result: &'a Result<Done, Failure>,
    },
    /// The source holds something that is no object there.
    LeftOut(&'a Skipped),
    /// Something that the user should know; each is told once.
    Warning(&'a str),
}
