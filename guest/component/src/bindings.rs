//! What `wit/` generates.
#![expect(unsafe_code, reason = "generated from wit/, which documents every item")]

use crate::exports::Pack;

wit_bindgen::generate!({
    path: "../../wit",
    world: "decorator-pack",
});

export!(Pack);
