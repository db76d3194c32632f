//! What healing tells: while it runs, and at the end.

use std::sync::Arc;

/// What was done to one child.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChildCounts {
    /// The store's name.
    pub name: String,
    /// Objects copied to it (with `dry_run`: that would be).
    pub copied: u64,
    /// Their bytes (with `dry_run`, as far as they are known).
    pub bytes: u64,
    /// Objects removed from it.
    pub removed: u64,
    /// Keys for which it stays as it is, although it may differ.
    pub left: u64,
}

/// What was done to one mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The children, in their order.
    pub children: Vec<ChildCounts>,
    /// Keys that were looked at.
    pub keys: u64,
    /// Keys that could not be healed on every child.
    pub left: u64,
}

/// Why a key could not be healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The child that may differ; `None` where it is not known which copy is
    /// right.
    pub child: Option<usize>,
    /// Why.
    pub why: String,
}

/// What happens to one key.
#[derive(Debug)]
pub enum Event<'a> {
    /// A child got the right copy (with `dry_run`: would get).
    Copied {
        /// The store's name.
        child: &'a str,
        /// The key.
        key: &'a str,
        /// The object's bytes, where they are known.
        bytes: u64,
    },
    /// An object that was deleted elsewhere is removed from a child.
    Removed {
        /// The store's name.
        child: &'a str,
        /// The key.
        key: &'a str,
    },
    /// A child stays as it is; without a name, all of them do.
    Left {
        /// The store's name.
        child: Option<&'a str>,
        /// The key.
        key: &'a str,
        /// Why.
        why: &'a str,
    },
    /// A key was looked at.
    Done,
}

/// Who hears of it.
pub type Watcher = Arc<dyn Fn(Event<'_>) + Send + Sync>;
