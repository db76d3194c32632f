//! The functions of a transformer, and the limits of what they return.

use std::rc::Rc;
use storage_contract::behaviour::Behaviour;
use storage_contract::types::Result;

/// The functions of a transformer; the interface `transform` documents them.
pub trait Transform: 'static {
    /// Sets the config. Called before anything else.
    fn configure(&self, config: &str) -> Result<Behaviour>;
    /// Encodes bytes for the base.
    fn encode(&self, part: &Part<'_>, data: &[u8]) -> Result<Vec<u8>>;
    /// The inverse of `encode`.
    fn decode(&self, part: &Part<'_>, data: &[u8]) -> Result<Vec<u8>>;
    /// Maps a key to its base key.
    fn map_key(&self, key: &str) -> Result<String>;
    /// Maps a base key back to its key; `None` if it is foreign.
    fn unmap_key(&self, base_key: &str) -> Result<Option<String>>;
    /// Rejects what must not be written.
    fn validate(&self, key: &str, data: Option<&[u8]>) -> Result<()>;
}

/// Identifies the bytes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The key, as the caller of the store gave it.
    pub key: &'a str,
    /// For chunks, 16 random bytes per object; otherwise empty.
    pub object: &'a [u8],
    /// The index of the chunk, from 0.
    pub index: u64,
    /// Whether this is the last chunk.
    pub last: bool,
}

/// Returns the random number for a new object.
pub type Draw = Rc<dyn Fn() -> [u8; 16]>;

/// The most bytes of a chunk.
pub const MAX_CHUNK: u32 = 4 * 1024 * 1024;

/// How many bytes encoding may add beyond a multiple of its input.
pub(super) const ROOM: u64 = 64 * 1024;
