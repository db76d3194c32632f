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
mod beside;
pub mod blocking;
pub mod caching;
pub mod cli;
pub mod config;
pub mod coordinator;
pub mod engine;
pub mod factory;
pub mod graph;
mod identity;
pub mod mirrors;
pub mod notify;
pub mod objects;
pub mod observe;
pub mod oci;
mod open_stores;
mod place;
mod regular;
pub mod serve;
pub mod source;
pub mod store;
mod streaming;
pub mod transfer;
mod volume;
mod whole;

pub use factory::StoreFactory;
pub use objects::Objects;
pub use store::{Error, ObjectStore, Result};
