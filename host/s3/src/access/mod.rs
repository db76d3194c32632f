//! Authorization: by the rights of the configuration, and then by owners and ACLs.

pub mod owners;
pub mod rights;
