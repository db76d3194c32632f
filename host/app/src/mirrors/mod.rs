//! Maintenance of mirrors: tracks what children missed, heals them, and compares them.
//!
//! The decorator in the sandbox records what a child missed; this module opens the
//! children and the journal directly. Within a process both share locks and memory.
//! Across processes, conditional writes keep one from overwriting another's changes,
//! where the store has them.

mod background;
mod compare;
mod conflict;
mod copy;
mod heal;
mod journal;
mod liveness;
mod merge_listing;
mod mirror;
#[cfg(test)]
mod model_tests;
mod repair;
mod report;

pub use background::Background;
pub use compare::{Finding, Seen, compare, compare_keys, read_keys_through, read_through};
pub use heal::{Heal, heal};
pub use mirror::Mirror;
pub use report::{ChildCounts, Event, Left, Report, Watcher};
