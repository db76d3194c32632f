//! Bindings generated from `wit/`.
#![expect(missing_docs, reason = "generated from wit/, which documents every item")]

wit_bindgen::generate!({
    path: "wit",
    world: "decorator-pack",
    pub_export_macro: true,
    default_bindings_module: "storage_plugin::pack::bindings",
});
