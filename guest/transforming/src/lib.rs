//! The other half of every transformer: imports its functions, and is the
//! world `decorator-pack` with them. One instance holds one store.
//!
//! What has to do with stores is the same as in the component of the built-in
//! decorators.

#[path = "../../sdk/src/pack/base.rs"]
mod base;
mod bindings;
#[path = "../../sdk/src/pack/convert.rs"]
mod convert;
mod exports;
mod functions;
#[path = "../../sdk/src/pack/store.rs"]
mod store;
