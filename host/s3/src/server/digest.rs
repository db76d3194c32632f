//! The MD5 of a body, with the checksums that its client sent or wants.

use bytes::Bytes;
use md5::{Digest as _, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::dto;
use s3s::{S3Result, s3_error};
use storage_store::digest::{AsyncHasher, Sum};

#[derive(Default)]
struct Sums {
    md5: Md5,
    sums: ChecksumHasher,
}

impl Sum for Sums {
    fn add(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.sums.update(bytes);
    }
}

/// Computes the digests of the bytes so far.
pub struct Digests(AsyncHasher<Sums>);

impl Digests {
    pub fn new(sums: ChecksumHasher) -> Self {
        Self(AsyncHasher::new(Sums { md5: Md5::new(), sums }))
    }

    pub async fn update(&mut self, chunk: Bytes) -> S3Result<()> {
        self.0.add(chunk).await.map_err(|lost| s3_error!(InternalError, "{lost}"))
    }

    /// The MD5 and the checksums.
    pub async fn finish(self) -> S3Result<([u8; 16], dto::Checksum)> {
        let sums = self.0.finish().await.map_err(|lost| s3_error!(InternalError, "{lost}"))?;
        Ok((sums.md5.finalize().into(), sums.sums.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::checksum::Algorithm;
    use super::*;

    #[tokio::test]
    async fn the_checksums_of_pieces_are_those_of_the_whole() {
        let whole: Vec<u8> = (0..1_000_000).map(|at| (at % 251) as u8).collect();
        let mut hasher = ChecksumHasher::default();
        Algorithm::Crc32c.start(&mut hasher);
        let mut digests = Digests::new(hasher);
        for chunk in whole.chunks(300_000) {
            digests.update(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let (md5, sums) = digests.finish().await.unwrap();
        assert_eq!(md5, <[u8; 16]>::from(Md5::digest(&whole)));
        let mut hasher = Algorithm::Crc32c.hasher();
        hasher.update(&whole);
        assert_eq!(sums.checksum_crc32c, hasher.finalize().checksum_crc32c);
    }
}
