//! Events and the final report of a healing run.

use std::sync::Arc;

/// Counts for one child.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChildCounts {
    /// The store's name.
    pub name: String,
    /// Objects copied to it (with `dry_run`, to be copied).
    pub copied: u64,
    /// Bytes copied (with `dry_run`, as far as sizes are known).
    pub bytes: u64,
    /// Objects removed from it.
    pub removed: u64,
    /// Keys left unchanged on it, although they may differ.
    pub left: u64,
}

/// Counts for one mirror.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The children, in configuration order.
    pub children: Vec<ChildCounts>,
    /// Keys processed.
    pub keys: u64,
    /// Keys that could not be healed on every child.
    pub left: u64,
}

/// Why a key could not be healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The child that may differ; `None` if the right copy is unknown.
    pub child: Option<usize>,
    /// Why.
    pub why: String,
}

/// An event for one key.
#[derive(Debug)]
pub enum Event<'a> {
    /// A child received the right copy (with `dry_run`, would receive it).
    Copied {
        /// The store's name.
        child: &'a str,
        /// The key.
        key: &'a str,
        /// The object's size in bytes, if known.
        bytes: u64,
    },
    /// An object deleted elsewhere was removed from a child.
    Removed {
        /// The store's name.
        child: &'a str,
        /// The key.
        key: &'a str,
    },
    /// A child is left unchanged.
    Left {
        /// The store's name; `None` means all children.
        child: Option<&'a str>,
        /// The key.
        key: &'a str,
        /// Why.
        why: &'a str,
    },
    /// A key has been processed.
    Done,
}

/// Receives events.
pub type Watcher = Arc<dyn Fn(Event<'_>) + Send + Sync>;
