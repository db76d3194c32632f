//! Object store decorators as plain Rust: validation, compression, caching,
//! mirroring, key layout, over anything that implements [`Store`].
//!
//! The crate knows nothing of wasm. The component shell wraps it for every
//! runtime, and its tests and benchmarks run natively.
//!
//! - [`types`] and [`store`]: the contract, as Rust.
//! - [`source`]: the bytes of an object on their way, and where they end.
//! - [`env`]: what decorators may reach besides their bases.
//! - [`chain`]: from a description to a chain; [`kind`]: what a store type is.
//! - [`etag`]: etags that must not be taken for what they aren't.
//! - [`codec`]: decorators that change an object's bytes.
//! - [`keymap`]: decorators that change keys.
//! - [`skipped`]: what listings leave out.
//! - [`decorators`]: one file per store type. They are the feature
//!   `decorators`, on by default.
//! - [`behaviour`]: what a transformer asks for; [`transforming`]: stores made of
//!   transformers, with that feature, too.
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
