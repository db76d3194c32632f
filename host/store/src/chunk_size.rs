//! The chunk size of streams, which shrinks as more streams are open.
//!
//! A stream holds a few chunks on their way (for the connection, the sandbox,
//! the file). Shrinking them bounds the total memory.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes to request at once when streaming.
pub const CHUNK: usize = 256 * 1024;

/// The bytes that one chunk of every open stream may take together: up to 32
/// streams get chunks of full size.
const TOGETHER: usize = 8 * 1024 * 1024;

/// The smallest chunk: below it, a call through a chain costs more than moving
/// the bytes.
const SMALLEST: usize = 16 * 1024;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Counts as an open stream while it lives.
#[derive(Debug)]
pub struct OpenStream(());

impl OpenStream {
    /// Counts one more stream.
    pub fn count() -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The current chunk size in bytes, at most [`CHUNK`].
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
