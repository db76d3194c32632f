//! The contract's values, generated from `wit/` by themselves: the store in memory is made
//! of them, and the other bindings refer to both.
#![expect(missing_docs, reason = "generated from wit/, which documents every item")]

wasmtime::component::bindgen!({
    path: "../../../wit",
    inline: "package example:types; world types { import storage:object-store/types@0.1.0; }",
});

pub use storage::object_store::types::*;

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

// Generated only where a function of the same bindings fails with it.
impl std::error::Error for Error {}
