//! How large the pieces of streams are: the more streams, the smaller.
//!
//! A stream holds a few pieces on its way (the connection's, the sandbox's,
//! the file's), so what all of them hold stays the same from some number on.

use crate::objects::CHUNK;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that one piece of every open stream may take together: 32 streams
/// have pieces of the largest size.
const TOGETHER: usize = 8 * 1024 * 1024;

/// The smallest piece: below it, each trip through a chain costs more than
/// the bytes do.
const SMALLEST: usize = 16 * 1024;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Counts as a stream as long as it lives.
#[derive(Debug)]
pub struct Open(());

impl Open {
    /// One more.
    pub fn new() -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many bytes a piece should have now, at most [`CHUNK`].
pub fn piece() -> usize {
    of(OPEN.load(Ordering::Relaxed))
}

fn of(open: usize) -> usize {
    (TOGETHER / open.max(1)).clamp(SMALLEST, CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_shrink_as_streams_are_opened() {
        for (open, piece) in [(0, CHUNK), (1, CHUNK), (32, CHUNK), (64, CHUNK / 2), (512, SMALLEST)]
        {
            assert_eq!(of(open), piece, "{open}");
        }
        assert_eq!(of(100_000), SMALLEST);
    }
}
