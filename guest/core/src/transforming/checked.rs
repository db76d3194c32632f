//! Checks a transformer's answers before they are used.

use super::transform::{Part, ROOM, Transform};
use storage_contract::behaviour::Behaviour;
use storage_contract::types::{Error, Result};

/// Forwards calls, and rejects answers that break the contract.
pub struct Checked<T>(T);

/// Rejects errors that only the base may return.
fn own(error: Error) -> Error {
    match error {
        Error::NotFound
        | Error::AlreadyExists
        | Error::PreconditionFailed
        | Error::InvalidRange => {
            broken(&format!("it answered {:?}, which only the base can say", error.code()))
        }
        other => other,
    }
}

/// The error for a broken contract.
fn broken(how: &str) -> Error {
    Error::Other(format!("the transformer broke its contract: {how}"))
}

impl<T: Transform> Checked<T> {
    pub fn new(transform: T) -> Self {
        Self(transform)
    }

    pub fn configure(&self, config: &str) -> Result<Behaviour> {
        self.0.configure(config).map_err(own)
    }

    /// Limits `encoded` to `times` the size of `basis`, plus [`ROOM`].
    fn bounded(&self, encoded: Vec<u8>, times: u64, basis: u32) -> Result<Vec<u8>> {
        let most = u64::from(basis).saturating_mul(times).saturating_add(ROOM);
        if encoded.len() as u64 > most {
            return Err(broken(&format!(
                "encode gave {} bytes, and {most} are the most",
                encoded.len()
            )));
        }
        Ok(encoded)
    }

    /// Encodes a whole object of at most `max_size` bytes.
    pub fn encode_whole(&self, key: &str, data: &[u8], max_size: u32) -> Result<Vec<u8>> {
        let encoded = self.0.encode(&whole(key), data).map_err(own)?;
        self.bounded(encoded, 4, max_size)
    }

    pub fn decode_whole(&self, key: &str, data: &[u8], max_size: u32) -> Result<Vec<u8>> {
        let decoded = self.0.decode(&whole(key), data).map_err(own)?;
        if decoded.len() as u64 > u64::from(max_size) {
            return Err(Error::LimitExceeded(format!(
                "the object decodes to {} bytes, and {max_size} are the most",
                decoded.len()
            )));
        }
        Ok(decoded)
    }

    /// Encodes a chunk. The result must be exactly `overhead` bytes larger, if that
    /// is constant.
    pub fn encode_chunk(
        &self,
        part: &Part<'_>,
        data: &[u8],
        chunk_size: u32,
        overhead: Option<u32>,
    ) -> Result<Vec<u8>> {
        let encoded = self.0.encode(part, data).map_err(own)?;
        if let Some(more) = overhead
            && encoded.len() as u64 != data.len() as u64 + u64::from(more)
        {
            return Err(broken(&format!(
                "encode gave {} bytes for {}, and said that it gives {more} more",
                encoded.len(),
                data.len()
            )));
        }
        self.bounded(encoded, 2, chunk_size)
    }

    /// Decodes a chunk. It must have exactly `wanted` bytes, or with `None` 1 to
    /// `chunk_size` (0 are allowed for the first).
    pub fn decode_chunk(
        &self,
        part: &Part<'_>,
        data: &[u8],
        wanted: Option<u32>,
        chunk_size: u32,
    ) -> Result<Vec<u8>> {
        let decoded = self.0.decode(part, data).map_err(own)?;
        let size = decoded.len() as u64;
        let right = match wanted {
            Some(wanted) => size == u64::from(wanted),
            None => size <= u64::from(chunk_size) && (size > 0 || part.index == 0),
        };
        if !right {
            let wanted = match wanted {
                Some(wanted) => format!("instead of {wanted}"),
                None => format!("where 1 to {chunk_size} can be"),
            };
            let index = part.index;
            let text = format!("chunk {index} of the object decodes to {size} bytes {wanted}");
            return Err(Error::InvalidData(text));
        }
        Ok(decoded)
    }

    /// Maps a key to its base key, and checks that this maps back to the key.
    pub fn map_key(&self, key: &str) -> Result<String> {
        let mapped = self.map_text(key)?;
        match self.unmap_key(&mapped)? {
            Some(back) if back == key => Ok(mapped),
            Some(back) => Err(broken(&format!(
                "map-key gives {mapped:?} for {key:?}, for which unmap-key gives {back:?}"
            ))),
            None => Err(broken(&format!(
                "map-key gives {mapped:?} for {key:?}, for which unmap-key gives nothing"
            ))),
        }
    }

    /// Calls `map-key` without that check.
    pub fn map_text(&self, text: &str) -> Result<String> {
        self.0.map_key(text).map_err(own)
    }

    pub fn unmap_key(&self, base_key: &str) -> Result<Option<String>> {
        self.0.unmap_key(base_key).map_err(own)
    }

    pub fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()> {
        self.0.validate(key, data).map_err(own)
    }
}

fn whole(key: &str) -> Part<'_> {
    Part { key, object: &[], index: 0, last: true }
}
