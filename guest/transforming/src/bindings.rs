//! Bindings generated from `wit/`.

wit_bindgen::generate!({
    path: "../../wit",
    inline: "
        package storage:transforming;

        world transforming {
            include storage:object-store/decorator-pack@0.1.0;
            import storage:object-store/transform@0.1.0;
        }
    ",
    generate_all,
});
