//! Events, counts and errors of a transfer.

use std::fmt;
use storage_store::{Error, Skipped};

/// The counts of a transfer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Objects written to the target (with `dry_run`, to be written).
    pub copied: u64,
    /// Objects written to the target and then deleted from the source.
    pub moved: u64,
    /// Objects that already existed or were equal.
    pub skipped: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Keys that failed, and why.
    pub failed: Vec<Failure>,
    /// Entries of the source that are not objects, and so were skipped. Each was
    /// reported as [`Event::LeftOut`].
    pub left_out: u64,
    /// Whether it was stopped early.
    pub stopped: bool,
}

impl Counts {
    /// Whether nothing failed and it was not stopped; see `left_out`, too.
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

/// The outcome for one key; with `dry_run`, the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Written to the target, with its bytes (with `dry_run`, the listed size).
    Copied(u64),
    /// Written to the target and deleted from the source.
    Moved(u64),
    /// Existed already, or was equal.
    Skipped,
    /// Deleted.
    Deleted,
}

/// One key that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The failed operation, such as `read`.
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

/// A transfer that could not start or could not continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aborted {
    /// What was done until then.
    pub counts: Counts,
    /// The failed operation, such as `list`.
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

/// Why a transfer can't continue, with empty counts.
pub(super) type CopyError = Box<Aborted>;

/// An event of a transfer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A listing found an object to transfer or delete, with its size if the listing
    /// has it.
    Found(Option<u64>),
    /// The current step will find no more objects.
    Listed,
    /// Bytes passed on to the target.
    Bytes(u64),
    /// A key has been processed.
    Done {
        /// The key: in the source if copied or moved, in the target if deleted.
        key: &'a str,
        /// Its size, as given to `Found`.
        size: Option<u64>,
        /// The outcome.
        result: &'a Result<Done, Failure>,
    },
    /// The source holds an entry that is not an object.
    LeftOut(&'a Skipped),
    /// A message for the user; each comes once.
    Warning(&'a str),
}
