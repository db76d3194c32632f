//! Bindings generated from `wit/`.
#![expect(missing_docs, reason = "generated from wit/, which documents every item")]

wit_bindgen::generate!({
    path: "wit",
    world: "transformer",
    pub_export_macro: true,
    default_bindings_module: "storage_plugin::transform::bindings",
    with: {
        "storage:object-store/types@0.1.0": crate::pack::bindings::storage::object_store::types,
        "storage:object-store/request-context@0.1.0": crate::pack::bindings::storage::object_store::request_context,
    },
});
