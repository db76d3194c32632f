//! What the tests of the workspace share: stores for the conformance suite
//! (`storage_conformance`) to run over, and the real binary with its clients.
//!
//! - [`kinds`]: how each decorator is configured here, and what it accepts.
//! - [`chains`]: subjects made of decorators, natively and in the sandbox.
//! - [`backends`]: subjects that are native backends.
//! - [`recorded`]: the cases as data, for other runtimes.
//! - [`embedded`]: a chain in wasmtime alone, without the host; [`composed`]:
//!   one among other components; [`exported`]: what both export.
//! - [`artifacts`]: the component and what belongs to it, for embedders.
//! - [`embedding`]: the packages in `examples/embed`, installed and built.
//! - [`interop`]: what the Python library wrote, and what it must be read as.
//! - [`released`]: what earlier versions wrote, kept for later ones.
//! - [`lying`]: a registry that answers as a test says; [`ill`]: a store whose objects don't end well.
//! - [`servers`]: real S3 servers and an OCI registry; [`proxy`]: faults on the way to them.
//! - [`server`], [`clients`]: the real binary, and real clients against it.
//! - [`templates`]: what `plugin new` writes, built as its README says.
//! - [`guests`]: plug-ins for the tests; [`transformers`]: subjects made of one.
//! - [`mounts`]: filesystems that are mounted for a test.
//! - [`plugins`]: the plug-ins in `examples/plugins`, built.
//! - [`wasm`]: crates built for wasm.
//! - [`figures`]: what the benches print, and where it is kept.
//! - [`signing`]: signed requests by hand; [`forging`]: those of attackers.
//! - [`strace`]: calls to the system that fail; [`tidy`]: what stores may leave behind.
//! - [`linear`]: whether a history of requests is that of a whole store.
//! - [`corpus`]: the files that they move around.
//! - [`process`]: what the kernel says of a process, and how large tests are.

pub mod archive;
pub mod artifacts;
pub mod backends;
pub mod chains;
pub mod clients;
pub mod composed;
pub mod corpus;
pub mod embedded;
pub mod embedding;
pub mod exported;
pub mod figures;
pub mod forging;
pub mod guests;
pub mod http;
pub mod ill;
pub mod interop;
pub mod kinds;
pub mod linear;
pub mod lying;
pub mod mounts;
pub mod plugins;
pub mod process;
pub mod proxy;
pub mod recorded;
pub mod released;
pub mod server;
pub mod servers;
pub mod signing;
pub mod strace;
pub mod templates;
pub mod tidy;
pub mod transformers;
pub mod wasm;
