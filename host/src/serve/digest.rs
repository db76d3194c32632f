//! The MD5 and the checksums of a body, computed beside what else is done
//! with its bytes: MD5 alone takes as long as all the rest together.

use crate::objects::CHUNK;
use crate::streaming::piece;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::dto;
use s3s::{S3Result, s3_error};
use tokio::task::JoinHandle;

#[derive(Default)]
struct Sums {
    md5: Md5,
    sums: ChecksumHasher,
}

impl Sums {
    fn update(&mut self, chunks: Vec<Bytes>) {
        for chunk in chunks {
            self.md5.update(&chunk);
            self.sums.update(&chunk);
        }
    }
}

enum At {
    Here(Box<Sums>),
    Elsewhere(JoinHandle<Box<Sums>>),
    /// Its thread failed, or its future was dropped.
    Lost,
}

/// What the bytes amount to so far.
pub struct Digests {
    at: At,
    /// What is still to be added.
    pending: Vec<Bytes>,
    length: usize,
}

impl Digests {
    pub fn new(sums: ChecksumHasher) -> Self {
        let sums = Sums { md5: Md5::new(), sums };
        Self { at: At::Here(Box::new(sums)), pending: Vec::new(), length: 0 }
    }

    pub async fn update(&mut self, chunk: Bytes) -> S3Result<()> {
        // With so many streams that pieces are smaller, every processor has
        // enough to do, and what waits here would be memory.
        let many = piece() < CHUNK;
        self.length += chunk.len();
        self.pending.push(chunk);
        if self.length < CHUNK && !many {
            return Ok(());
        }
        self.length = 0;
        let chunks = std::mem::take(&mut self.pending);
        let mut sums = self.take().await?;
        self.at = if many {
            sums.update(chunks);
            At::Here(sums)
        } else {
            At::Elsewhere(tokio::task::spawn_blocking(move || {
                sums.update(chunks);
                sums
            }))
        };
        Ok(())
    }

    /// The MD5, and the checksums.
    pub async fn finish(mut self) -> S3Result<([u8; 16], dto::Checksum)> {
        let mut sums = self.take().await?;
        sums.update(self.pending);
        Ok((sums.md5.finalize().into(), sums.sums.finalize()))
    }

    async fn take(&mut self) -> S3Result<Box<Sums>> {
        let lost = || s3_error!(InternalError, "the checksum of the body was lost");
        match std::mem::replace(&mut self.at, At::Lost) {
            At::Here(sums) => Ok(sums),
            At::Elsewhere(running) => running.await.map_err(|_| lost()),
            At::Lost => Err(lost()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn digests_of_pieces_are_those_of_the_whole() {
        for (piece, count) in [(1, 10), (64 * 1024, 40), (CHUNK, 3), (3 * CHUNK + 1, 2)] {
            let whole: Vec<u8> = (0..piece * count).map(|at| (at % 251) as u8).collect();
            let mut hasher = ChecksumHasher::default();
            super::super::checksum::Algorithm::Crc32c.start(&mut hasher);
            let mut digests = Digests::new(hasher);
            for chunk in whole.chunks(piece) {
                digests.update(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            let (md5, sums) = digests.finish().await.unwrap();
            assert_eq!(md5, <[u8; 16]>::from(Md5::digest(&whole)), "{piece} × {count}");
            let mut hasher = super::super::checksum::Algorithm::Crc32c.hasher();
            hasher.update(&whole);
            assert_eq!(sums.checksum_crc32c, hasher.finalize().checksum_crc32c);
        }
    }
}
