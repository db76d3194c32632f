//! Test support of the workspace: stores for the conformance suite
//! (`storage_conformance`), the real binary, and real clients and servers.
//!
//! - [`kinds`]: the test configuration of each decorator.
//! - [`chains`]: subjects made of decorators, natively and in the sandbox.
//! - [`backends`]: subjects that are native backends.
//! - [`recorded`]: the cases as data, for other runtimes.
//! - [`embedded`]: a chain in plain wasmtime, without the host; [`composed`]: one among
//!   other components; [`exported`]: the interface that both export.
//! - [`artifacts`]: the component and related files, for embedders.
//! - [`embedding`]: the packages in `examples/embed`, installed and built.
//! - [`interop`]: data of the Python library, and what a reader must get.
//! - [`released`]: data of earlier versions.
//! - [`lying`]: a registry with scripted answers; [`ill`]: a store whose objects end
//!   wrongly.
//! - [`servers`]: real S3 servers and an OCI registry; [`proxy`]: faults on the way to
//!   them.
//! - [`server`], [`clients`]: the real binary, and real clients against it; [`heads`]: what
//!   they send.
//! - [`templates`]: the output of `plugin new`, built as its README says.
//! - [`guests`]: plug-ins for the tests; [`transformers`]: subjects made of one.
//! - [`mounts`]: filesystems mounted for a test.
//! - [`packages`]: the published crates, packaged.
//! - [`plugins`]: the plug-ins in `examples/plugins`, built.
//! - [`wasm`]: crates built for wasm.
//! - [`figures`]: helpers of the benchmarks, and their results in documents.
//! - [`signing`]: hand-signed requests; [`forging`]: forged ones.
//! - [`strace`]: system calls that fail; [`tidy`]: the files that a store may leave.
//! - [`linear`]: a linearizability checker.
//! - [`corpus`]: files that the clients transfer.
//! - [`process`]: process statistics, and the size of long tests.

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
pub mod heads;
pub mod http;
pub mod ill;
pub mod interop;
pub mod kinds;
pub mod linear;
pub mod lying;
pub mod mounts;
pub mod packages;
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
