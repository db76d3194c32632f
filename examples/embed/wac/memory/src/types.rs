//! The contract's values, where the store in memory looks for them.

pub use crate::bindings::storage::object_store::types::*;
