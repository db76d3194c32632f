//! Bindings generated from `wit/`.

wit_bindgen::generate!({
    path: "../../../../wit",
    generate_all,
    inline: "package example:surroundings;
        world surroundings {
            import storage:object-store/types@0.1.0;
            export storage:object-store/observer@0.1.0;
            export storage:object-store/coordinator@0.1.0;
            export storage:object-store/request-context@0.1.0;
        }",
});
