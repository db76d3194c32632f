//! The conformance suite for object stores.
//!
//! The tests run it over every backend, decorator and random chain there is;
//! `storage-host plugin check` runs it over other people's plug-ins.
//!
//! - [`cases`]: one requirement each, selected by the capabilities of a store.
//! - [`model`]: random operations, compared with a `BTreeMap`.
//! - [`locating`]: operations done where `locate` says, compared with them here.
//! - [`subject`]: a store under test, and a second way to its objects.
//! - [`strange`]: keys that stores tend to get wrong.

pub mod cases;
pub mod locating;
pub mod model;
pub mod strange;
pub mod subject;
mod values;
