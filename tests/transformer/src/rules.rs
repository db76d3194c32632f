//! The rules of the test transformer.

use crate::bindings::exports::storage::object_store::transform::{
    Behaviour, Chunked, Data, KeyMap, Part, Validation, Whole,
};
use crate::bindings::storage::object_store::types::Error;
use crate::config::Config;

/// The most bytes of an object that is transformed as a whole.
const MOST: u32 = 8 << 20;

pub fn behaviour(config: &Config) -> Result<Behaviour, Error> {
    let chunked = |overhead| Data::Chunked(Chunked { chunk_size: config.chunk_size, overhead });
    let whole = |reversible| Data::Whole(Whole { max_size: MOST, reversible });
    let map = KeyMap { keeps_order: false, keeps_prefixes: false };
    let (data, keys, validation) = match config.rules.as_str() {
        "nothing" => (Data::Unchanged, None, Validation::Nothing),
        "sealed" => (chunked(Some(4)), None, Validation::Nothing),
        "runs" => (chunked(None), None, Validation::Nothing),
        "backwards" => (whole(true), None, Validation::Nothing),
        "redacted" => (whole(false), None, Validation::Nothing),
        "keys" => (Data::Unchanged, Some(map), Validation::Nothing),
        "checked-keys" => (Data::Unchanged, None, Validation::Keys),
        "checked" => (Data::Unchanged, None, Validation::Objects(MOST)),
        "all" => (chunked(Some(4)), Some(map), Validation::Keys),
        other => return Err(Error::InvalidConfig(format!("there are no rules {other:?}"))),
    };
    Ok(Behaviour { data, keys, validation })
}

/// A checksum over everything that identifies a part.
fn seal(part: &Part, data: &[u8]) -> [u8; 4] {
    let (index, last) = (part.index.to_le_bytes(), [u8::from(part.last)]);
    let mut sum = 0x811c_9dc5_u32;
    for piece in [part.key.as_bytes(), &part.object, &index, &last, data] {
        for byte in piece {
            sum = (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
    sum.to_le_bytes()
}

pub fn encode(config: &Config, part: &Part, mut data: Vec<u8>) -> Result<Vec<u8>, Error> {
    Ok(match config.rules.as_str() {
        "runs" => {
            let runs = data.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255));
            // Runs in a chunk are never empty.
            runs.flat_map(|run| [run.len() as u8, run[0]]).collect()
        }
        "backwards" => {
            data.reverse();
            data
        }
        "redacted" => {
            data.retain(|byte| !byte.is_ascii_digit());
            data
        }
        _ => {
            let seal = seal(part, &data);
            data.iter_mut().for_each(|byte| *byte = !*byte);
            data.extend(seal);
            data
        }
    })
}

pub fn decode(config: &Config, part: &Part, mut data: Vec<u8>) -> Result<Vec<u8>, Error> {
    let refuse = |why: &str| Err(Error::InvalidData(why.to_owned()));
    Ok(match config.rules.as_str() {
        "runs" => {
            if !data.len().is_multiple_of(2) || data.chunks(2).any(|pair| pair[0] == 0) {
                return refuse("these are not runs");
            }
            data.chunks(2).flat_map(|pair| vec![pair[1]; usize::from(pair[0])]).collect()
        }
        "backwards" => {
            data.reverse();
            data
        }
        "redacted" => data,
        _ => {
            let Some(at) = data.len().checked_sub(4) else { return refuse("the seal is missing") };
            let found = data.split_off(at);
            data.iter_mut().for_each(|byte| *byte = !*byte);
            if found != seal(part, &data) {
                return refuse("the seal is broken");
            }
            data
        }
    })
}

/// Reverses keys and prefixes them with a tilde.
pub fn map(key: &str) -> Result<String, Error> {
    Ok(std::iter::once('~').chain(key.chars().rev()).collect())
}

pub fn unmap(base_key: &str) -> Option<String> {
    base_key.strip_prefix('~').map(|rest| rest.chars().rev().collect())
}

/// Refuses whatever calls itself invalid.
pub fn validate(key: &str, data: Option<&[u8]>) -> Result<(), Error> {
    if key.starts_with("invalid") {
        return Err(Error::InvalidKey("it says so itself".to_owned()));
    }
    if data.is_some_and(|data| data.starts_with(b"invalid")) {
        return Err(Error::InvalidData("it says so itself".to_owned()));
    }
    Ok(())
}
