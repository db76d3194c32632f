//! The small kind of plug-in: functions, of which the host makes a store.

use serde_json::Value as Json;
pub use storage_core::behaviour::{Behaviour, Data, KeyMap, Validation};
use storage_core::{Error, Result};

/// Functions of which the host makes a correct, streaming store.
///
/// [`behaviour`](Self::behaviour) says which of them are called; the others
/// keep their defaults. Instances are many and come and go, and calls arrive
/// in any order: nothing may depend on an earlier call.
///
/// `wit/transform.wit` has the contract of each function.
pub trait Transformer: Sized + 'static {
    /// The name of the store type: letters, digits, `-` and `_`.
    const NAME: &'static str;

    /// One line of documentation.
    const DOC: &'static str;

    /// JSON Schema of the config; `None`: there is nothing to configure.
    const CONFIG_SCHEMA: Option<&'static str> = None;

    /// One, by its config: an object that the schema allows. [`config`](fn@config)
    /// makes a struct of it.
    fn configure(config: Json) -> Result<Self>;

    /// What is to be called.
    fn behaviour(&self) -> Behaviour;

    /// What the base shall hold for these bytes.
    fn encode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let _ = part;
        Ok(data)
    }

    /// The reverse of `encode`; `InvalidData` for what `encode` can't have given.
    fn decode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let _ = part;
        Ok(data)
    }

    /// The key in the base. Two keys never give the same one.
    fn map_key(&self, key: &str) -> Result<String> {
        Ok(key.to_owned())
    }

    /// The key that `map_key` gives this one for; `None` for keys of others.
    fn unmap_key(&self, base_key: &str) -> Result<Option<String>> {
        Ok(Some(base_key.to_owned()))
    }

    /// Refuses a key, or a key with an object.
    fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()> {
        let _ = (key, data);
        Ok(())
    }
}

/// The config as a struct (with `#[serde(deny_unknown_fields)]`).
pub fn config<T: serde::de::DeserializeOwned>(config: Json) -> Result<T> {
    serde_json::from_value(config).map_err(|error| Error::InvalidConfig(error.to_string()))
}

/// Which bytes a call is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// The key, as the caller of the store gave it.
    pub key: String,
    /// Of chunks: 16 random bytes, drawn anew each time that an object is
    /// written, the same for all its chunks. Of whole objects: empty.
    pub object: Vec<u8>,
    /// Which chunk, counted from 0.
    pub index: u64,
    /// Whether it is the last chunk; true for whole objects.
    pub last: bool,
}
