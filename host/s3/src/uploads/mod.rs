//! Multipart uploads under way, kept in a store.
//!
//! Each upload has a manifest, its parts as objects, and at last an outcome, in a folder of
//! its own: `.uploads/BUCKET/ID/`. All that is known of an upload is in these objects, so it
//! survives a restart, and any host that uses the store can go on with it.

pub mod chosen;
mod keys;
pub mod manifest;
pub mod outcome;
pub mod part;
mod removal;
mod sweep;
pub mod under_way;
