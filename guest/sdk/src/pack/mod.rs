//! Wraps kinds as a component of the world `decorator-pack`. Used through
//! [`pack!`](crate::pack!).

mod base;
pub mod bindings;
pub(crate) mod convert;
mod exports;
mod store;
mod surroundings;

pub use exports::Pack;
pub(crate) use surroundings::context;

use storage_contract::kind::Kind;

/// The store types of a pack.
pub trait Kinds: 'static {
    /// All store types.
    fn kinds() -> &'static [&'static Kind];
}
