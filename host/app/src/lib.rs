#![doc = include_str!("../README.md")]
//!
//! ## Modules
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
//! - [`request_context`]: who asks, for decorators; a program sets it with `scope`.
//! - [`serve`]: the S3 endpoint.

pub mod allocator;
pub mod caching;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod factory;
#[cfg(feature = "cli")]
pub mod graph;
mod identity;
pub mod mirrors;
pub mod notify;
#[cfg(feature = "cli")]
pub mod oci;
mod open_stores;
mod trails;
pub mod transfer;
mod volume;

pub use factory::StoreFactory;
pub use storage_backends as backends;
pub use storage_s3 as serve;
pub use storage_sandbox::{self as engine, coordinator, log as observe};
pub use storage_store::{self as store, Error, ObjectStore, Objects, Result};
pub use storage_store::{blocking, objects, request_context, source};
