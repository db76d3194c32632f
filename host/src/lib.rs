//! Object stores with behaviour: chains of sandboxed decorators over native
//! backends.
//!
//! - [`store`]: the traits behind which every store stands.
//! - [`objects`]: the face of a store for whoever uses it.
//! - [`backends`]: one file per native backend.
//! - [`blocking`]: an async store, shown as the sync trait.
//! - [`config`]: from YAML to a checked description; [`factory`]: from that to
//!   open stores.
//! - [`transfer`]: many objects at once: copy, sync, move, clear.
//! - [`caching`]: the copies of CachingStores, looked at from outside.
//! - [`mirrors`]: what the children of mirrors missed; healing and comparing.
//! - [`notify`]: where the events of notifying stores go.

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
