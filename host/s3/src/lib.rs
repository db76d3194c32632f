//! An S3 endpoint over object stores.
//!
//! Without the feature `server`, there are only its options, which a configuration
//! parses into.

#[cfg(feature = "server")]
mod access;
#[cfg(feature = "server")]
pub mod auth;
#[cfg(feature = "server")]
mod bucket;
pub mod bucket_name;
#[cfg(feature = "server")]
mod call;
mod cors_rule;
pub mod credentials;
#[cfg(feature = "server")]
mod endpoint;
#[cfg(feature = "server")]
mod handlers;
#[cfg(feature = "server")]
mod keyed;
#[cfg(feature = "server")]
mod listing;
#[cfg(feature = "server")]
mod memory;
#[cfg(feature = "server")]
mod object;
pub mod options;
#[cfg(feature = "server")]
mod posted_form;
#[cfg(feature = "server")]
pub mod protocol;
#[cfg(feature = "server")]
mod random;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod store_error;
#[cfg(feature = "server")]
mod uploads;
#[cfg(feature = "server")]
mod users;

#[cfg(feature = "server")]
pub use bucket::buckets::Exposed;
pub use cors_rule::Rule;
#[cfg(feature = "server")]
pub use server::{Offer, Server, Switch, check_tls};
#[cfg(feature = "server")]
pub use users::Users;
