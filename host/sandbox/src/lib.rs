//! Runs chains of decorators as instances of a sandboxed wasm component.
//!
//! A chain crosses the sandbox boundary once on the way in and once per operation on a
//! base store, however many decorators it has. Instances are disposable: lasting data
//! is in the base stores, shared state is in the
//! [`Coordinator`](crate::coordinator::Coordinator).

mod bindings;
mod cache;
mod chain;
mod check;
mod circuit_breaker;
mod convert;
pub mod coordinator;
mod engine;
mod epoch;
mod guests;
mod imports;
mod instance;
mod limits;
mod locating;
pub mod log;
mod offload;
pub mod options;
mod pack;
pub mod plugin;
mod pool;
// For build.rs, and the tests here.
#[cfg(test)]
mod precompile;
mod precompiled;
mod runtime;
mod settings;
mod state;
mod stream_instances;
mod stream_slot;
mod streams;
pub mod type_info;
mod zero_copy;

pub use chain::Chain;
pub use circuit_breaker::Counts;
pub use engine::{Engine, shared};
pub use guests::{DECORATORS, TRANSFORMING};
pub use limits::MAX_MEMORY;
pub use offload::offload_compute;
pub use plugin::Plugin;
pub use state::{Base, BaseReader, BaseWriter, HostServices, Observer};

#[cfg(test)]
mod tests;
