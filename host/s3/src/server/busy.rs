//! Whether a connection of HTTP/2 is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The requests of a connection that are being answered, and how many there were.
#[derive(Clone, Default)]
pub struct Busy(Arc<(AtomicUsize, AtomicUsize)>);

/// Counts while it lives.
pub struct Counted(Busy);

impl Busy {
    /// One more, until what is returned is dropped.
    pub fn request(&self) -> Counted {
        self.0.0.fetch_add(1, Ordering::Relaxed);
        self.0.1.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// Ready when there was no request for so long.
    pub async fn idle(&self, long: Duration) {
        loop {
            let before = self.0.1.load(Ordering::Relaxed);
            tokio::time::sleep(long).await;
            let is_same = self.0.1.load(Ordering::Relaxed) == before;
            if is_same && self.is_idle() {
                return;
            }
        }
    }

    /// Whether there is no request at the moment.
    pub fn is_idle(&self) -> bool {
        self.0.0.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
