//! Digests computed while the bytes are processed, those that take long on other threads:
//! MD5 alone takes as long as everything else together.

use crate::chunk_size::{CHUNK, piece};
use bytes::Bytes;
use md5::{Digest as _, Md5};
use tokio::task::{JoinHandle, spawn_blocking};

/// A digest that is computed incrementally.
pub trait Sum: Send + 'static {
    /// Adds more bytes.
    fn add(&mut self, bytes: &[u8]);

    /// Whether adding bytes takes less time than to give them to another thread, as with
    /// the CRCs that processors have instructions for.
    fn is_cheap(&self) -> bool {
        false
    }
}

impl Sum for Md5 {
    fn add(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

enum At<S> {
    Here(Box<S>),
    Elsewhere(JoinHandle<Box<S>>),
    /// The thread failed, or the future was dropped.
    HashLost,
}

/// A digest of the bytes added so far.
pub struct AsyncHasher<S> {
    at: At<S>,
    /// Chunks that are not yet hashed.
    pending: Vec<Bytes>,
    length: usize,
}

/// The error when the computing thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("the digest of the bytes was lost")]
pub struct HashLost;

impl<S: Sum> AsyncHasher<S> {
    /// The digest of no bytes yet.
    pub fn new(sum: S) -> Self {
        Self { at: At::Here(Box::new(sum)), pending: Vec::new(), length: 0 }
    }

    /// Adds a chunk; waits while earlier chunks are being hashed.
    pub async fn add(&mut self, chunk: Bytes) -> Result<(), HashLost> {
        if let At::Here(sum) = &mut self.at
            && sum.is_cheap()
        {
            sum.add(&chunk);
            return Ok(());
        }
        // With so many streams that pieces shrink, all processors are busy
        // anyway, and waiting chunks would occupy memory.
        let many = piece() < CHUNK;
        self.length += chunk.len();
        self.pending.push(chunk);
        if self.length < CHUNK && !many {
            return Ok(());
        }
        self.length = 0;
        let chunks = std::mem::take(&mut self.pending);
        let mut sum = self.take().await?;
        let add = move || {
            chunks.iter().for_each(|chunk| sum.add(chunk));
            sum
        };
        self.at = if many { At::Here(add()) } else { At::Elsewhere(spawn_blocking(add)) };
        Ok(())
    }

    /// Hashes the rest and returns the digest.
    pub async fn finish(mut self) -> Result<S, HashLost> {
        let mut sum = self.take().await?;
        self.pending.iter().for_each(|chunk| sum.add(chunk));
        Ok(*sum)
    }

    async fn take(&mut self) -> Result<Box<S>, HashLost> {
        match std::mem::replace(&mut self.at, At::HashLost) {
            At::Here(sum) => Ok(sum),
            At::Elsewhere(running) => running.await.map_err(|_| HashLost),
            At::HashLost => Err(HashLost),
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
            let mut digest = AsyncHasher::new(Md5::new());
            for chunk in whole.chunks(piece) {
                digest.add(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            let md5 = digest.finish().await.unwrap().finalize();
            assert_eq!(md5, Md5::digest(&whole), "{piece} × {count}");
        }
    }
}
