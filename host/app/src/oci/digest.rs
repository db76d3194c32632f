//! Digests of what a registry holds.

use super::shown::shown;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 digest in OCI form: `sha256:` and 64 lower-case hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(Sha256::new_with_prefix(bytes))
    }

    /// The digest of a hasher's input.
    pub fn from_hash(hash: Sha256) -> Self {
        Self(format!("sha256:{}", hex::encode(hash.finalize())))
    }

    /// Parses a digest.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64);
        let hex = |digits: &&str| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match digits.filter(hex) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(format!(
                "{:?} is not a digest: sha256: and 64 hexadecimal digits in lower case",
                shown(text)
            )),
        }
    }

    /// The 64 digits.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or_default()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
