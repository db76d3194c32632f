//! Paths made of the hash of the key.

use crate::filesystem::Filesystem;
use crate::filesystem::key_mapped::Naming;
use async_trait::async_trait;
use sha2::{Digest, Sha256};
use storage_store::{Capabilities, Error, ListOptions, Page, Result, check_key};

#[derive(Clone, Copy)]
pub(super) struct Hashed {
    pub(super) width: usize,
    pub(super) depth: usize,
}

#[async_trait]
impl Naming for Hashed {
    fn capabilities(&self, files: Capabilities) -> Capabilities {
        Capabilities { list: false, ordered: false, ..files }
    }

    fn path(&self, key: &str) -> Result<String> {
        check_key(key)?;
        Ok(self.place(&Sha256::digest(key)))
    }

    async fn list(&self, _: &Filesystem, _: ListOptions) -> Result<Page> {
        Err(Error::Unsupported(
            "a HashdirStore knows hashes, not keys; with `index: true` it keeps the keys of what \
             is written from then on, and lists them"
                .to_owned(),
        ))
    }
}

impl Hashed {
    /// The file path for a hash.
    pub(super) fn place(self, hash: &[u8]) -> String {
        let hash = hex::encode(hash);
        let mut path = String::with_capacity(hash.len() + self.depth);
        for (at, character) in hash.chars().enumerate() {
            if at > 0 && at % self.width == 0 && at / self.width <= self.depth {
                path.push('/');
            }
            path.push(character);
        }
        path
    }
}
