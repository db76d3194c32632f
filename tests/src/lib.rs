//! What the tests of the workspace share.

pub mod clients;
pub mod server;
