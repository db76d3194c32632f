//! Host bindings generated from `wit/`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "decorator-pack",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "storage:object-store/object-store.store": crate::engine::state::Base,
        "storage:object-store/object-store.reader": crate::engine::state::BaseReader,
        "storage:object-store/object-store.writer": crate::engine::state::BaseWriter,
        "storage:object-store/coordinator.guard": crate::coordinator::Guard,
    },
});
