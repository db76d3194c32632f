//! The digests of a body, computed while it is written.

use super::checksum::{Hasher, Sum as Checksum};
use crate::protocol::error::{Error, Result};
use crate::store_error::internal;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use storage_store::digest::{AsyncHasher, HashLost, Sum};

struct Sums {
    md5: Option<Md5>,
    sha256: Option<Sha256>,
    checksums: Vec<Hasher>,
}

impl Sum for Sums {
    fn add(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        self.checksums.iter_mut().for_each(|checksum| checksum.update(bytes));
    }

    fn is_cheap(&self) -> bool {
        self.md5.is_none() && self.sha256.is_none() && self.checksums.iter().all(Hasher::is_crc)
    }
}

/// Computes the digests of the bytes so far.
pub struct Digests(AsyncHasher<Sums>);

/// The digests of all bytes, as far as they were asked for.
pub struct Digested {
    pub md5: Option<[u8; 16]>,
    pub sha256: Option<[u8; 32]>,
    pub checksums: Vec<Checksum>,
}

impl Digests {
    /// These checksums, the MD5 if the etag or the client needs it, and the SHA-256 if a
    /// signature covers it.
    pub fn new(checksums: Vec<Hasher>, md5: bool, sha256: bool) -> Self {
        let (md5, sha256) = (md5.then(Md5::new), sha256.then(Sha256::new));
        Self(AsyncHasher::new(Sums { md5, sha256, checksums }))
    }

    /// Adds a chunk.
    pub async fn update(&mut self, chunk: Bytes) -> Result<()> {
        self.0.add(chunk).await.map_err(|error| lost(&error))
    }

    /// The digests.
    pub async fn finish(self) -> Result<Digested> {
        let Sums { md5, sha256, checksums } =
            self.0.finish().await.map_err(|error| lost(&error))?;
        Ok(Digested {
            md5: md5.map(|md5| md5.finalize().into()),
            sha256: sha256.map(|sha256| sha256.finalize().into()),
            checksums: checksums.into_iter().map(Hasher::finish).collect(),
        })
    }
}

fn lost(error: &HashLost) -> Error {
    internal("a body could not be checked", error)
}

#[cfg(test)]
mod tests {
    use super::super::checksum::Algorithm;
    use super::*;

    #[tokio::test]
    async fn the_digests_of_pieces_are_those_of_the_whole() {
        let whole: Vec<u8> = (0..1_000_000).map(|at| (at % 251) as u8).collect();
        let mut digests = Digests::new(vec![Hasher::new(Algorithm::Crc32c)], true, true);
        for chunk in whole.chunks(300_000) {
            digests.update(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let found = digests.finish().await.unwrap();
        assert_eq!(found.md5, Some(Md5::digest(&whole).into()));
        assert_eq!(found.sha256, Some(Sha256::digest(&whole).into()));
        let mut hasher = Hasher::new(Algorithm::Crc32c);
        hasher.update(&whole);
        assert_eq!(found.checksums, [hasher.finish()]);
    }
}
