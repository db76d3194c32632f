//! What a configuration must know of a store type.

use serde_json::Value;
pub use storage_contract::kind::BaseShape;

/// A store type that a configuration may use.
#[derive(Debug, Clone)]
pub struct TypeInfo {
    /// The name, as given in `type`.
    pub name: String,
    /// Alternative names of the type.
    pub aliases: Vec<String>,
    /// The shape of `base`; `None` for a backend.
    pub base: Option<BaseShape>,
    /// The JSON Schema of its config.
    pub schema: Value,
    /// One line of documentation.
    pub doc: String,
    /// The plug-in that provides it; `None` if built in.
    pub plugin: Option<String>,
}
