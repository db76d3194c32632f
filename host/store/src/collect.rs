//! Whole objects in memory.

use crate::chunk_size::CHUNK;
use crate::object_store::{Error, Result};
use crate::source::Source;
use bytes::{Bytes, BytesMut};

/// The error for an object larger than the caller allows.
pub fn larger_than(max: u64) -> Error {
    Error::LimitExceeded(format!("the object is larger than {max} bytes"))
}

/// The most memory to reserve because a store announced a size; more only for
/// bytes that have arrived.
const BELIEVED: u64 = 64 * 1024 * 1024;

/// Reads a source to its end; `length` is its size, if known. A single chunk is
/// returned without copying.
pub async fn collect(source: &mut Source, length: Option<u64>, max: u64) -> Result<Bytes> {
    if length.is_some_and(|length| length > max) {
        return Err(larger_than(max));
    }
    let ask = length.map_or(CHUNK as u64, |length| length.clamp(1, BELIEVED));
    let ask = usize::try_from(ask).unwrap_or(CHUNK);
    let first = source.next(ask).await?;
    if first.len() as u64 > max {
        return Err(larger_than(max));
    }
    if first.is_empty() {
        return Ok(first);
    }
    let mut chunk = source.next(CHUNK).await?;
    if chunk.is_empty() {
        return Ok(first);
    }
    let room = length.unwrap_or(0).min(BELIEVED).max(first.len() as u64 + chunk.len() as u64);
    let mut data = BytesMut::with_capacity(usize::try_from(room).unwrap_or(0));
    data.extend_from_slice(&first);
    drop(first);
    while !chunk.is_empty() {
        if (data.len() + chunk.len()) as u64 > max {
            return Err(larger_than(max));
        }
        data.extend_from_slice(&chunk);
        chunk = source.next(CHUNK).await?;
    }
    Ok(data.freeze())
}
