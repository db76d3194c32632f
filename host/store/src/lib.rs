//! The traits of object stores, and the handle to use them.
//!
//! - [`ObjectStore`]: what every store implements: backends, chains, plug-ins.
//! - [`objects`]: the store handle for users.
//! - [`source`], [`carry`], [`collect`], [`digest`], [`checksum`], [`chunk_size`]: bytes on
//!   their way.
//! - [`copying`]: copies that a backend makes by itself.
//! - [`delimited`]: listings grouped by a delimiter.
//! - [`base_key`]: errors about keys, where a base has other ones.
//! - [`blocking`]: an adapter from async stores to the sync trait.
//! - [`request_context`]: who asks.
//! - [`trail`]: whether two stores share objects.
//! - [`files`], [`secret`], [`units`]: what users name in a configuration.

pub mod base_key;
pub mod blocking;
pub mod carry;
pub mod checksum;
pub mod chunk_size;
pub mod collect;
pub mod copying;
pub mod delimited;
pub mod digest;
pub mod files;
mod object_store;
pub mod objects;
pub mod request_context;
pub mod secret;
pub mod source;
pub mod trail;
pub mod units;

pub use object_store::*;
pub use objects::Objects;
