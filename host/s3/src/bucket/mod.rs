//! Buckets: which there are, and what is kept of each.

pub mod acl;
pub mod acl_document;
pub mod acl_request;
pub mod buckets;
pub mod dynamic;
pub mod gate;
mod prefixed;
pub mod state;
