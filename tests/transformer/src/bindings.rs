//! Bindings generated from `wit/`.

wit_bindgen::generate!({ path: "../../wit", world: "transformer" });
