//! An S3 endpoint over object stores.
//!
//! Without the feature `server`, there are only its options, which a configuration
//! parses into.

#[cfg(feature = "server")]
pub mod auth;
pub mod bucket_name;
mod cors_rule;
pub mod credentials;
pub mod options;
#[cfg(feature = "server")]
pub mod protocol;
#[cfg(feature = "server")]
mod server;

pub use cors_rule::{CORS_SCHEMA, Rule};
#[cfg(feature = "server")]
pub use server::*;
