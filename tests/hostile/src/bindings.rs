//! Bindings generated from `wit/`.

use crate::Hostile;

wit_bindgen::generate!({ path: "../../wit", world: "decorator-pack" });

export!(Hostile);
