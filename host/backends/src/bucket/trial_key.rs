//! Keys of trials, which the store neither lists nor accepts from its users.

/// Prefix of trial keys; 32 hexadecimal digits follow.
const PREFIX: &str = ".storage-host-probe-";

/// A new random trial key.
pub(super) fn key() -> String {
    format!("{PREFIX}{:032x}", fastrand::u128(..))
}

/// Whether a key belongs to a trial, of this process or another.
pub(super) fn is_key(key: &str) -> bool {
    let digits = key.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())
}
