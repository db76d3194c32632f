//! Calls a transformer for an object as the host does.

use crate::transformer::{Data, Part, Transformer};
use storage_contract::{Error, Result};

/// Encodes an object into its parts, in order; there is one if it is transformed as
/// a whole. `object` stands for the host's random number.
pub fn encode<T: Transformer>(
    transformer: &T,
    key: &str,
    object: [u8; 16],
    data: &[u8],
) -> Result<Vec<(Part, Vec<u8>)>> {
    let (size, number) = match transformer.behaviour().data {
        Data::Unchanged => return Ok(vec![(whole(key), data.to_vec())]),
        Data::Whole { max_size, .. } if data.len() as u64 > u64::from(max_size) => {
            return Err(Error::LimitExceeded(format!("more than {max_size} bytes")));
        }
        Data::Whole { .. } => {
            let part = whole(key);
            let encoded = transformer.encode(&part, data.to_vec())?;
            return Ok(vec![(part, encoded)]);
        }
        Data::Chunked { chunk_size, .. } => (chunk_size as usize, object.to_vec()),
    };
    let mut chunks: Vec<&[u8]> = data.chunks(size).collect();
    // An empty object has one empty chunk.
    if chunks.is_empty() {
        chunks.push(data);
    }
    let count = chunks.len();
    chunks
        .into_iter()
        .enumerate()
        .map(|(index, chunk)| {
            let last = index + 1 == count;
            let part =
                Part { key: key.to_owned(), object: number.clone(), index: index as u64, last };
            let encoded = transformer.encode(&part, chunk.to_vec())?;
            overhead(transformer, chunk.len(), encoded.len())?;
            Ok((part, encoded))
        })
        .collect()
}

/// Decodes the parts of an object.
pub fn decode<T: Transformer>(transformer: &T, parts: &[(Part, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    for (part, encoded) in parts {
        match transformer.behaviour().data {
            Data::Unchanged => data.extend_from_slice(encoded),
            _ => data.extend(transformer.decode(part, encoded.clone())?),
        }
    }
    Ok(data)
}

fn whole(key: &str) -> Part {
    Part { key: key.to_owned(), object: Vec::new(), index: 0, last: true }
}

/// Checks the declared overhead, as the host does.
fn overhead<T: Transformer>(transformer: &T, before: usize, after: usize) -> Result<()> {
    match transformer.behaviour().data {
        Data::Chunked { overhead: Some(overhead), .. } if before + overhead as usize != after => {
            Err(Error::Other(format!(
                "{before} bytes became {after}, where the overhead is said to be {overhead}"
            )))
        }
        _ => Ok(()),
    }
}
