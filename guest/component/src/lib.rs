//! The component shell: shows the decorators of `storage-core` as the world
//! `decorator-pack`. One instance holds one chain.

mod base;
mod bindings;
mod convert;
mod exports;
mod store;
mod surroundings;
