//! Bindings generated from `wit/`: traits to implement for the component's imports, and
//! functions to call its exports.
#![expect(missing_docs, reason = "generated from wit/, which documents every item")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "decorator-pack",
    imports: { default: trappable },
    with: {
        "storage:object-store/types@0.1.0": crate::types,
        "storage:object-store/object-store.store": crate::memory::Memory,
        "storage:object-store/object-store.reader": crate::memory::Reader,
        "storage:object-store/object-store.writer": crate::memory::Writer,
        "storage:object-store/coordinator.guard": crate::guard::Guard,
    },
});
