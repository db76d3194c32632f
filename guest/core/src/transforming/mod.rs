//! Stores made of transformers: turns a [`Transform`], which is the contract's
//! interface `transform`, into a [`Store`](storage_contract::Store) that streams.
//!
//! Each capability of a transformer is a layer of its own, left out if not
//! declared: validation on top, then bytes, then keys. `docs/transformers.md`
//! describes the result.

mod checked;
mod chunked;
mod decoder;
mod encoder;
mod format;
mod keys;
mod transform;
mod validating;
mod whole;

#[cfg(test)]
mod tests;

use crate::keymap::KeyMapping;
use checked::Checked;
use std::rc::Rc;
pub use storage_contract::behaviour::{Behaviour, Data, KeyMap, Validation};
use storage_contract::store::SharedStore;
use storage_contract::types::{Error, Result};
pub use transform::{Draw, MAX_CHUNK, Part, Transform};

/// Configures the transformer and builds a store of it over `base`. `name` is the
/// store's name, for messages.
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
    check(&behaviour).map_err(|problem| {
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

/// Checks the limits of a declaration; the error says what is out of range.
fn check(behaviour: &Behaviour) -> Result<(), String> {
    match behaviour.data {
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
    if behaviour.validation == Validation::Objects(0) {
        return Err("validation of objects of no bytes".to_owned());
    }
    Ok(())
}
