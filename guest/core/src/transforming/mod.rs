//! Stores made of transformers: the interface `transform` of the contract, as
//! a [`Transform`], becomes a [`Store`](crate::Store) that streams.
//!
//! Each thing that a transformer may do is a layer of its own, and is left out
//! where it is not asked for: validation above, then bytes, then keys.
//! `docs/transformers.md` describes what comes of it.

mod checked;
mod chunked;
mod decoder;
mod encoder;
mod format;
mod keys;
mod validating;
mod whole;

#[cfg(test)]
mod tests;

pub use crate::behaviour::{Behaviour, Data, KeyMap, Validation};
use crate::keymap::KeyMapping;
use crate::store::SharedStore;
use crate::types::{Error, Result};
use checked::Checked;
use std::rc::Rc;

/// The functions of a transformer; the interface `transform` documents them.
pub trait Transform: 'static {
    /// Takes the config, before anything else is called.
    fn configure(&self, config: &str) -> Result<Behaviour>;
    /// What the base shall hold for these bytes.
    fn encode(&self, part: &Part<'_>, data: &[u8]) -> Result<Vec<u8>>;
    /// The reverse of `encode`.
    fn decode(&self, part: &Part<'_>, data: &[u8]) -> Result<Vec<u8>>;
    /// The key in the base.
    fn map_key(&self, key: &str) -> Result<String>;
    /// The key that has this one in the base; `None`: it is not ours.
    fn unmap_key(&self, base_key: &str) -> Result<Option<String>>;
    /// Refuses what may not be written.
    fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()>;
}

/// Which bytes a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The key, as the caller of the store gave it.
    pub key: &'a str,
    /// 16 random bytes of the object's, for chunks; else empty.
    pub object: &'a [u8],
    /// Which chunk, from 0.
    pub index: u64,
    /// Whether it is the last one.
    pub last: bool,
}

/// Draws the random number of an object.
pub type Draw = Rc<dyn Fn() -> [u8; 16]>;

/// The most bytes of a chunk.
pub const MAX_CHUNK: u32 = 4 * 1024 * 1024;

/// How many bytes encoding may add beyond a multiple of what it was given.
const ROOM: u64 = 64 * 1024;

/// Configures the transformer and makes a store of it over `base`. `name` is
/// the store's own, for messages.
pub fn build<T: Transform>(
    name: &str,
    transform: T,
    config: &str,
    base: SharedStore,
    draw: Draw,
) -> Result<SharedStore> {
    let transform = Rc::new(Checked::new(transform));
    let behaviour = transform.configure(config).map_err(|error| match error {
        Error::InvalidConfig(text) => Error::InvalidConfig(format!("store {name:?}: {text}")),
        other => other,
    })?;
    behaviour.check().map_err(|problem| {
        Error::InvalidConfig(format!("store {name:?}: the transformer asks for {problem}"))
    })?;
    let mut store = base;
    if let Some(map) = behaviour.keys {
        store = Rc::new(KeyMapping::new(store, keys::Keys::new(transform.clone(), map)));
    }
    store = match behaviour.data {
        Data::Unchanged => store,
        Data::Whole { max_size, reversible } => {
            Rc::new(whole::Whole::new(store, transform.clone(), max_size, reversible))
        }
        Data::Chunked { chunk_size, overhead } => {
            Rc::new(chunked::Chunked::new(store, transform.clone(), chunk_size, overhead, draw))
        }
    };
    Ok(match behaviour.validation {
        Validation::Nothing => store,
        Validation::Keys => Rc::new(validating::Validating::new(store, transform, None)),
        Validation::Objects(most) => {
            Rc::new(validating::Validating::new(store, transform, Some(most)))
        }
    })
}

impl Behaviour {
    /// What of it can't be.
    fn check(&self) -> Result<(), String> {
        match self.data {
            Data::Whole { max_size: 0, .. } => return Err("objects of no bytes".to_owned()),
            Data::Chunked { chunk_size, .. } if !(1..=MAX_CHUNK).contains(&chunk_size) => {
                return Err(format!("chunks of {chunk_size} bytes: there are 1 to {MAX_CHUNK}"));
            }
            Data::Chunked { chunk_size, overhead: Some(more) }
                if u64::from(more) > format::most_encoded(chunk_size) - u64::from(chunk_size) =>
            {
                return Err(format!("{more} bytes more for each chunk: that is too many"));
            }
            _ => {}
        }
        if self.validation == Validation::Objects(0) {
            return Err("validation of objects of no bytes".to_owned());
        }
        Ok(())
    }
}
