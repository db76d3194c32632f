//! Object store decorators in plain Rust: validation, compression, caching,
//! mirroring and key mapping, over anything that implements
//! [`Store`](storage_contract::Store).
//!
//! The crate does not depend on wasm. A component shell wraps it for every runtime;
//! tests and benchmarks run natively.
//!
//! - [`decorators`]: one module per store type, and the list of them.
//! - [`codec`]: decorators that change an object's bytes.
//! - [`keymap`]: decorators that change keys.
//! - [`transforming`]: stores made of transformers.

pub mod codec;
pub mod decorators;
mod forward;
pub mod keymap;
mod pattern;
pub mod transforming;
