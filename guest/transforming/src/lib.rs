//! The other half of every transformer: imports its functions, and is the
//! world `decorator-pack` with them. One instance holds one store.
//!
//! What has to do with stores is the same as in the component of the built-in
//! decorators.

#[path = "../../component/src/base.rs"]
mod base;
mod bindings;
#[path = "../../component/src/convert.rs"]
mod convert;
mod exports;
mod functions;
#[path = "../../component/src/store.rs"]
mod store;
