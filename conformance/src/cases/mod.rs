//! The requirements for every store: functions over a [`Subject`], each with the
//! capabilities that it needs.

mod conditional;
mod deleting;
mod keys;
mod listing;
mod metadata;
mod ranges;
mod reading;
mod refusing;
mod writing;

use crate::subject::Subject;
use storage_contract::types::{Capabilities, Error, ObjectInfo, PutOptions, Result as StoreResult};

/// One requirement for stores.
pub struct Case {
    /// `test_<operation>_<condition>`.
    pub name: &'static str,
    /// Whether the case applies, given the capabilities of the store and of
    /// [`Subject::beside`].
    pub applies: fn(Capabilities, Capabilities) -> bool,
    /// Returns an error that says what was wrong.
    pub run: fn(&Subject) -> anyhow::Result<()>,
}

/// Whether all named capabilities are present: those of the store and, after a
/// semicolon, those of [`Subject::beside`].
macro_rules! needs {
    ($caps:ident, $beside:ident, [$($need:ident),* $(; $($other:ident),*)?]) => {{
        let _ = $beside;
        true $(&& $caps.$need)* $($(&& $beside.$other)*)?
    }};
}
use needs;

/// Declares functions as cases that need the given capabilities.
macro_rules! cases {
    ($($needs:tt $($name:ident)+;)+) => {
        pub(super) const CASES: &[$crate::cases::Case] = &[$($($crate::cases::Case {
            name: stringify!($name),
            applies: |caps, beside| $crate::cases::needs!(caps, beside, $needs),
            run: $name,
        }),+),+];
    };
}
use cases;

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        reading::CASES,
        ranges::CASES,
        writing::CASES,
        deleting::CASES,
        listing::CASES,
        conditional::CASES,
        metadata::CASES,
        keys::CASES,
        refusing::CASES,
    ]
    .into_iter()
    .flatten()
}

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
fn place(s: &Subject, key: &str, seed: u64) -> anyhow::Result<Vec<u8>> {
    let (value, becomes) = s.value(&bytes(100 + usize::try_from(seed % 50)?, seed));
    s.beside.put(key, &value, &PutOptions::default())?;
    Ok(becomes)
}

/// The error of a result; fails if it succeeded.
fn refused<T>(result: StoreResult<T>, what: &str) -> anyhow::Result<Error> {
    match result {
        Ok(_) => anyhow::bail!("{what} succeeded"),
        Err(error) => Ok(error),
    }
}

/// Fails unless the result is the wanted error.
fn expect<T>(result: StoreResult<T>, wanted: &Error, what: &str) -> anyhow::Result<()> {
    let error = refused(result, what)?;
    anyhow::ensure!(error.code() == wanted.code(), "{what} gave {error:?} instead of {wanted:?}");
    Ok(())
}

fn etag(info: &ObjectInfo) -> anyhow::Result<String> {
    info.etag.clone().ok_or_else(|| anyhow::anyhow!("there is no etag in {info:?}"))
}
