//! What the tests of the workspace share: stores for the conformance suite
//! (`storage_conformance`) to run over, and the real binary with its clients.
//!
//! - [`kinds`]: how each decorator is configured here, and what it accepts.
//! - [`chains`]: subjects made of decorators, natively and in the sandbox.
//! - [`backends`]: subjects that are native backends.
//! - [`recorded`]: the cases as data, for other runtimes.
//! - [`embedded`]: a chain in wasmtime alone, without the host.
//! - [`artifacts`]: the component and what belongs to it, for embedders.
//! - [`embedding`]: the packages in `examples/embed`, installed and built.
//! - [`interop`]: what the Python library wrote, and what it must be read as.
//! - [`servers`]: real S3 servers; [`proxy`]: faults on the way to them.
//! - [`server`], [`clients`]: the real binary, and real clients against it.
//! - [`hostile`]: a plug-in that does harm.
//! - [`templates`]: what `plugin new` writes, built as its README says.
//! - [`plugins`]: the plug-ins in `examples/plugins`, built.
//! - [`wasm`]: crates built for wasm.
//! - [`signing`]: signed requests by hand.
//! - [`corpus`]: the files that they move around.

pub mod archive;
pub mod artifacts;
pub mod backends;
pub mod chains;
pub mod clients;
pub mod corpus;
pub mod embedded;
pub mod embedding;
pub mod hostile;
pub mod http;
pub mod interop;
pub mod kinds;
pub mod plugins;
pub mod proxy;
pub mod recorded;
pub mod server;
pub mod servers;
pub mod signing;
pub mod templates;
pub mod wasm;
