//! WebAssembly components in OCI registries, in the layout of `wkg`: a manifest with
//! one WebAssembly layer.
//!
//! - [`reference`]: names of artifacts.
//! - [`credentials`]: registry credentials.
//! - [`client`]: the distribution protocol and its safety limits.
//! - [`layout`]: manifests and their configs.
//! - [`pull`] and [`push`]: download and upload of one artifact.
//!
//! Registries are not trusted: answers are bounded, digests are computed here, and
//! redirects from https to http are refused.

pub mod client;
pub mod credentials;
pub mod layout;
pub mod pull;
pub mod push;
pub mod reference;

pub use client::Client;
pub use credentials::Credentials;
pub use reference::Reference;

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

/// A registry's text, shortened for a message.
fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let mut short: String =
        text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
