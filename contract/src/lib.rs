//! The contract of object stores in Rust, as `wit/` defines it, for both sides: the
//! decorators, which are compiled to wasm, and the host.
//!
//! - [`types`] and [`store`]: values and traits.
//! - [`source`]: object bytes in transit, and proof of their end.
//! - [`env`]: what decorators may use besides their bases.
//! - [`kind`]: store types. [`chain`]: builds chains of them from descriptions.
//! - [`options`]: a store type's config: struct, JSON Schema and defaults in one.
//! - [`behaviour`]: the declaration of a transformer.
//! - [`etag`]: masks etags that would be mistaken for an MD5 of the bytes.
//! - [`skipped`]: what listings leave out. [`paging`]: iterates over pages.
//! - [`memory`]: a complete store in memory, the reference for the others.
//! - [`conversions!`]: between these types and generated bindings.

mod base_key;
pub mod behaviour;
pub mod chain;
mod convert;
pub mod env;
pub mod etag;
pub mod kind;
pub mod memory;
pub mod options;
pub mod paging;
pub mod schema;
pub mod skipped;
pub mod source;
pub mod store;
pub mod types;

pub use base_key::MappedWriter;
pub use store::{Reader, SharedStore, Store, Writer};
pub use types::*;
