//! The imported transformer as a [`Transform`].

use crate::bindings::storage::object_store::transform as wit;
use crate::convert;
use storage_contract::Result;
use storage_core::transforming::{Behaviour, Data, KeyMap, Part, Transform, Validation};

/// The imported functions.
pub struct Functions;

fn part(part: &Part<'_>) -> wit::Part {
    wit::Part {
        key: part.key.to_owned(),
        object: part.object.to_vec(),
        index: part.index,
        last: part.last,
    }
}

impl Transform for Functions {
    fn configure(&self, config: &str) -> Result<Behaviour> {
        wit::configure(config).map(behaviour).map_err(convert::error_in)
    }

    fn encode(&self, of: &Part<'_>, data: &[u8]) -> Result<Vec<u8>> {
        wit::encode(&part(of), data).map_err(convert::error_in)
    }

    fn decode(&self, of: &Part<'_>, data: &[u8]) -> Result<Vec<u8>> {
        wit::decode(&part(of), data).map_err(convert::error_in)
    }

    fn map_key(&self, key: &str) -> Result<String> {
        wit::map_key(key).map_err(convert::error_in)
    }

    fn unmap_key(&self, base_key: &str) -> Result<Option<String>> {
        wit::unmap_key(base_key).map_err(convert::error_in)
    }

    fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()> {
        wit::validate(key, data).map_err(convert::error_in)
    }
}

fn behaviour(behaviour: wit::Behaviour) -> Behaviour {
    Behaviour {
        data: match behaviour.data {
            wit::Data::Unchanged => Data::Unchanged,
            wit::Data::Whole(wit::Whole { max_size, reversible }) => {
                Data::Whole { max_size, reversible }
            }
            wit::Data::Chunked(wit::Chunked { chunk_size, overhead }) => {
                Data::Chunked { chunk_size, overhead }
            }
        },
        keys: behaviour
            .keys
            .map(|map| KeyMap { keeps_order: map.keeps_order, keeps_prefixes: map.keeps_prefixes }),
        validation: match behaviour.validation {
            wit::Validation::Nothing => Validation::Nothing,
            wit::Validation::Keys => Validation::Keys,
            wit::Validation::Objects(most) => Validation::Objects(most),
        },
    }
}

/// 16 random bytes. WASI always has them; a runtime without must trap here rather
/// than reuse another object's number.
pub fn draw() -> [u8; 16] {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}
