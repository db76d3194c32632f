//! The decorators in a program of one's own: the contract as Rust, and a store
//! in memory behind it. [`example`] puts them together.

/// What `wit/` generates: traits to implement for what the component imports,
/// and functions to call what it exports.
#[expect(missing_docs, reason = "generated from wit/, which documents every item")]
pub mod bindings {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "decorator-pack",
        imports: { default: trappable },
        with: {
            "storage:object-store/object-store.store": crate::memory::Memory,
            "storage:object-store/object-store.reader": crate::memory::Reader,
            "storage:object-store/object-store.writer": crate::memory::Writer,
            "storage:object-store/coordinator.guard": crate::surroundings::Guard,
        },
    });
}

pub mod example;
pub mod memory;
pub mod surroundings;
