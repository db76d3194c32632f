//! The small kind of plug-in: functions, of which the host makes a store.

use serde_json::Value as Json;
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

/// Which functions are called, and how. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// What becomes of the bytes.
    pub data: Data,
    /// What becomes of the keys; `None`: they are those of the base.
    pub keys: Option<KeyMap>,
    /// What is refused.
    pub validation: Validation,
}

/// What `encode` and `decode` see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Data {
    /// Nothing: bytes pass unchanged, parts of them too.
    #[default]
    Unchanged,
    /// Whole objects; the base holds exactly what `encode` gave.
    Whole {
        /// The most bytes of an object, at least 1.
        max_size: u32,
        /// Whether `decode` gives back exactly what `encode` was given.
        reversible: bool,
    },
    /// Chunks, each on its own: any size streams, and parts can be read.
    Chunked {
        /// Bytes of each chunk before encoding, 1 to 4 MiB.
        chunk_size: u32,
        /// How many more an encoded chunk has, if that is the same for all.
        overhead: Option<u32>,
    },
}

/// What `map_key` keeps of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyMap {
    /// Keys and their base keys are in the same order of UTF-8 bytes.
    pub keeps_order: bool,
    /// The base keys of all keys that begin with `p` begin with `map_key(p)`.
    pub keeps_prefixes: bool,
}

/// What `validate` sees before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validation {
    /// Nothing.
    #[default]
    Nothing,
    /// Keys.
    Keys,
    /// Keys with whole objects of at most this many bytes, at least 1.
    Objects(u32),
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
