//! WebAssembly components in OCI registries, in the layout of `wkg`: a manifest with
//! one WebAssembly layer.
//!
//! - [`reference`]: names of artifacts.
//! - [`credentials`]: registry credentials.
//! - [`client`]: the distribution protocol and its safety limits.
//! - [`layout`]: manifests and their configs.
//! - [`pull`] and [`push`]: download and upload of one artifact.
//!
//! Registries are not trusted: answers are bounded, digests are computed here, and
//! redirects from https to http are refused.

pub mod client;
pub mod credentials;
pub mod digest;
pub mod layout;
pub mod pull;
pub mod push;
pub mod reference;
mod shown;

pub use client::Client;
pub use credentials::Credentials;
pub use digest::Digest;
pub use reference::Reference;
