//! The decorators embedded in a Rust program: bindings of the contract and a store in
//! memory. [`example`] puts them together.

pub mod bindings;
mod clock;
pub mod example;
pub mod guard;
pub mod memory;
pub mod surroundings;
pub mod types;
