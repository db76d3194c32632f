//! Object store decorators as plain Rust: validation, compression, caching,
//! mirroring, key layout, over anything that implements [`Store`].
//!
//! The crate knows nothing of wasm. The component shell wraps it for every
//! runtime, and its tests and benchmarks run natively.
//!
//! - [`types`] and [`store`]: the contract, as Rust.
//! - [`env`]: what decorators may reach besides their bases.
//! - [`chain`]: from a description to a chain; [`kind`]: what a store type is.
//! - [`codec`]: decorators that change an object's bytes.
//! - [`keymap`]: decorators that change keys.
//! - [`decorators`]: one file per store type.
//! - [`transforming`]: stores made of transformers.
//! - [`memory`]: a complete store in memory, the reference for the others.

pub mod chain;
pub mod codec;
mod convert;
pub mod decorators;
pub mod env;
mod forward;
pub mod keymap;
pub mod kind;
pub mod memory;
mod pattern;
pub mod store;
pub mod transforming;
pub mod types;

pub use store::{Reader, SharedStore, Store, Writer};
pub use types::*;
