//! The host's half of every transformer: a component that imports the transformer's
//! functions and exports the world `decorator-pack`. One instance holds one store.
//!
//! The code for stores is shared with the component of the built-in decorators.

#[path = "../../sdk/src/pack/base.rs"]
mod base;
mod bindings;
#[path = "../../sdk/src/pack/convert.rs"]
mod convert;
mod exports;
mod functions;
#[path = "../../sdk/src/pack/store.rs"]
mod store;
