//! What every object store must do, and whether one does it.
//!
//! The tests run this over every backend, decorator and random chain there is;
//! `storage-host plugin check` runs it over the plug-ins of others.
//!
//! - [`cases`]: one thing each, picked by what a store declares.
//! - [`model`]: random operations, compared with a `BTreeMap`.
//! - [`subject`]: a store under test, and how it is observed from beside it.
//! - [`strange`]: the keys that stores tend to get wrong.

pub mod cases;
pub mod model;
pub mod strange;
pub mod subject;
