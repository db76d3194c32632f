//! Transformers: the small kind of plug-in, functions that the host turns into a
//! store.

use serde_json::Value as Json;
pub use storage_contract::behaviour::{Behaviour, Data, KeyMap, Validation};
use storage_contract::options::Property;
use storage_contract::{Error, Result};

/// Functions that the host turns into a correct, streaming store.
///
/// [`behaviour`](Self::behaviour) declares which of them are called; the others
/// keep their defaults. Instances are many and come and go, and calls arrive in any
/// order, so nothing may depend on an earlier call.
///
/// `wit/transform.wit` has the contract of each function.
pub trait Transformer: Sized + 'static {
    /// The name of the store type: letters, digits, `-` and `_`.
    const NAME: &'static str;

    /// One line of documentation.
    const DOC: &'static str;

    /// JSON Schema of the config; `None` if there is nothing to configure.
    const CONFIG_SCHEMA: Option<&'static str> = None;

    /// Creates a transformer from its config, an object that the schema allows.
    /// [`config`](fn@config) parses it into a struct.
    fn configure(config: Json) -> Result<Self>;

    /// Declares which functions the host calls.
    fn behaviour(&self) -> Behaviour;

    /// Encodes bytes for the base.
    fn encode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let _ = part;
        Ok(data)
    }

    /// The inverse of `encode`; `InvalidData` for bytes that `encode` can't have
    /// returned.
    fn decode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let _ = part;
        Ok(data)
    }

    /// The base key of a key. Different keys must have different base keys.
    fn map_key(&self, key: &str) -> Result<String> {
        Ok(key.to_owned())
    }

    /// The key for a base key; `None` if it is foreign.
    fn unmap_key(&self, base_key: &str) -> Result<Option<String>> {
        Ok(Some(base_key.to_owned()))
    }

    /// Rejects a key, or a key with an object.
    fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()> {
        let _ = (key, data);
        Ok(())
    }
}

/// Reads the config into a struct of [`options!`](crate::options!).
pub fn config<T: Property>(config: Json) -> Result<T> {
    T::read(&config).map_err(Error::InvalidConfig)
}

/// Identifies the bytes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The key, as the caller of the store gave it.
    pub key: String,
    /// For chunks: 16 random bytes, new for each write of an object and the same
    /// for all its chunks. Empty for whole objects.
    pub object: Vec<u8>,
    /// The index of the chunk, from 0.
    pub index: u64,
    /// Whether it is the last chunk; true for whole objects.
    pub last: bool,
}
