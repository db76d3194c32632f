//! The encoded bytes of an object, for a decoder.

use std::io::{self, BufRead, Read};
use storage_contract::source::Source;
use storage_contract::store::Reader;
use storage_contract::types::{Error, Result};

/// The size of a read from the base, in bytes.
const CHUNK: usize = 128 * 1024;

/// Encoded bytes, from a source or from memory. Also a [`BufRead`], whose errors
/// carry those of the reader; see [`Feed::error`].
pub struct Feed {
    source: Option<Source>,
    chunk: Vec<u8>,
    position: usize,
    consumed: u64,
}

impl Feed {
    /// A feed from a source.
    pub fn source(source: Source) -> Self {
        Self { source: Some(source), chunk: Vec::new(), position: 0, consumed: 0 }
    }

    /// A feed from memory.
    pub fn bytes(chunk: Vec<u8>) -> Self {
        Self { source: None, chunk, position: 0, consumed: 0 }
    }

    /// The number of bytes consumed so far.
    pub fn offset(&self) -> u64 {
        self.consumed
    }

    /// The buffered bytes, refilled if there are none; empty at the end.
    pub fn fill(&mut self) -> Result<&[u8]> {
        if self.position == self.chunk.len()
            && let Some(source) = &mut self.source
        {
            self.chunk = source.next(CHUNK)?;
            self.position = 0;
            if self.chunk.is_empty() {
                self.source = None;
            }
        }
        Ok(self.chunk.get(self.position..).unwrap_or_default())
    }

    /// Consumes up to `count` of the buffered bytes.
    pub fn take(&mut self, count: usize) {
        let count = count.min(self.chunk.len() - self.position);
        self.position += count;
        self.consumed += count as u64;
    }

    /// The reader's error inside an error from [`BufRead`].
    pub fn error(error: &io::Error) -> Option<Error> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).cloned()
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let held = self.fill_buf()?;
        let count = held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill().map_err(io::Error::other)
    }

    fn consume(&mut self, count: usize) {
        self.take(count);
    }
}
