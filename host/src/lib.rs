//! Object stores with behaviour: chains of sandboxed decorators over native
//! backends.
//!
//! - [`store`]: the traits that every store implements.
//! - [`objects`]: the store handle for users.
//! - [`backends`]: one module per native backend.
//! - [`blocking`]: an adapter from async stores to the sync trait.
//! - [`config`]: parses and checks YAML; [`factory`]: opens the stores.
//! - [`transfer`]: copies, syncs, moves and clears many objects.
//! - [`caching`]: removes the copies of CachingStores.
//! - [`mirrors`]: heals and compares the children of mirrors.
//! - [`notify`]: delivers the events of NotifyingStores.
//! - [`serve`]: the S3 endpoint.

pub mod allocator;
pub mod backends;
pub mod blocking;
pub mod caching;
mod chunk_size;
pub mod cli;
mod collect;
pub mod config;
pub mod coordinator;
mod digest;
pub mod engine;
pub mod factory;
pub mod graph;
mod identity;
mod location;
pub mod mirrors;
pub mod notify;
pub mod objects;
pub mod observe;
pub mod oci;
mod open_stores;
mod regular;
pub mod serve;
pub mod source;
pub mod store;
pub mod transfer;
mod volume;

pub use factory::StoreFactory;
pub use objects::Objects;
pub use store::{Error, ObjectStore, Result};
