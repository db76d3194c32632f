//! Bindings generated from `wit/`.

use crate::Rules;

wit_bindgen::generate!({ path: "../../wit", world: "transformer" });

export!(Rules);
