//! Bindings generated from `wit/`.

wit_bindgen::generate!({
    path: "../../../../wit",
    generate_all,
    inline: "package example:memory;
        world memory {
            import storage:object-store/types@0.1.0;
            export storage:object-store/object-store@0.1.0;
        }",
});
