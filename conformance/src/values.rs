//! Bytes to store.

use crate::subject::Subject;
use storage_contract::types::PutOptions;

/// Bytes that depend on the seed and compress a little.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut data = Vec::with_capacity(length + 8);
    while data.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&(state & 0x7fff_ff7f_ff00_ffff).to_le_bytes());
    }
    data.truncate(length);
    data
}

/// Lengths at which stores and transformers tend to go wrong.
pub const LENGTHS: &[usize] = &[
    0,
    1,
    2,
    3,
    4,
    1_023,
    4_096,
    65_535,
    65_536,
    65_537,
    262_143,
    262_144,
    262_145,
    1_048_577,
    5 * 1024 * 1024 + 1,
];

/// Puts a value made from `seed` under the key, through [`Subject::beside`].
/// Returns what reading it must return.
pub fn place(s: &Subject, key: &str, seed: u64) -> anyhow::Result<Vec<u8>> {
    let (value, becomes) = s.value(&bytes(100 + usize::try_from(seed % 50)?, seed));
    s.beside.put(key, &value, &PutOptions::default())?;
    Ok(becomes)
}
