//! The guests, compiled to wasm with this crate.

/// The built-in decorators.
pub static DECORATORS: &[u8] = include_bytes!(env!("DECORATORS_WASM"));

/// The adapter that makes a pack of a transformer.
pub static TRANSFORMING: &[u8] = include_bytes!(env!("TRANSFORMING_WASM"));
