//! Host bindings generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "decorator-pack",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "storage:object-store/object-store.store": crate::state::Base,
        "storage:object-store/object-store.reader": crate::state::BaseReader,
        "storage:object-store/object-store.writer": crate::state::BaseWriter,
        "storage:object-store/coordinator.guard": crate::coordinator::Guard,
    },
});
