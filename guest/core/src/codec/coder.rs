//! The two directions of a codec, for one object.

use storage_contract::types::Result;

/// Encodes one object.
pub trait Encoder {
    /// Encodes plain bytes, appending what is ready to `out`.
    fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<()>;
    /// Appends the remaining bytes to `out`.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()>;
}

/// Decodes one object.
pub trait Decoder {
    /// The next plain bytes: at least one and about `max`; empty at the end.
    fn next(&mut self, max: usize) -> Result<Vec<u8>>;
}
