//! Wraps kinds as a component of the world `decorator-pack`. Used through
//! [`pack!`](crate::pack!).

mod base;
pub mod bindings;
pub(crate) mod convert;
mod exports;
mod store;
mod surroundings;

pub use exports::{Kinds, Pack};
pub(crate) use surroundings::context;
