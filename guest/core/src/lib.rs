//! Object store decorators in plain Rust: validation, compression, caching,
//! mirroring and key mapping, over anything that implements [`Store`].
//!
//! The crate does not depend on wasm. A component shell wraps it for every runtime;
//! tests and benchmarks run natively.
//!
//! - [`types`] and [`store`]: the contract in Rust.
//! - [`source`]: object bytes in transit, and proof of their end.
//! - [`env`]: what decorators may use besides their bases.
//! - [`chain`]: builds chains from descriptions. [`kind`]: store types.
//! - [`etag`]: masks etags that would be mistaken for an MD5 of the bytes.
//! - [`codec`]: decorators that change an object's bytes.
//! - [`keymap`]: decorators that change keys.
//! - [`skipped`]: what listings leave out. [`paging`]: iterates over pages.
//! - [`decorators`]: one module per store type; they are the feature `decorators`,
//!   on by default.
//! - [`behaviour`]: the declaration of a transformer. [`transforming`]: stores made
//!   of transformers, also with that feature.
//! - [`memory`]: a complete store in memory, the reference for the others.

pub mod behaviour;
pub mod chain;
#[cfg(feature = "decorators")]
pub mod codec;
mod convert;
#[cfg(feature = "decorators")]
pub mod decorators;
pub mod env;
pub mod etag;
#[cfg(feature = "decorators")]
mod forward;
pub mod keymap;
pub mod kind;
pub mod memory;
pub mod paging;
#[cfg(feature = "decorators")]
mod pattern;
pub mod skipped;
pub mod source;
pub mod store;
#[cfg(feature = "decorators")]
pub mod transforming;
pub mod types;

pub use skipped::Skipped;
pub use store::{Reader, SharedStore, Store, Writer};
pub use types::*;
