//! Objects: their bytes, and what the endpoint keeps with them.

pub mod checksum;
pub mod conditions;
mod digest;
pub mod encryption;
pub mod incoming;
pub mod layout;
pub mod metadata;
pub mod options;
pub mod outgoing;
pub mod rewriting;
pub mod tags;
