//! Responses whose clients take nothing. On a connection of HTTP/1.1 that is seen by the
//! connection, which takes nothing either; on one of HTTP/2 each response has a window of
//! its own, and a client that leaves one closed would hold the room of its request for
//! ever.

use super::admission::Sending;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The bytes that a client takes in a second at least.
const SLOWEST: usize = 1024;

/// The responses of one connection that wait for the client, and since when.
#[derive(Clone, Default)]
pub struct Stalls(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    next: u64,
    since: HashMap<u64, Instant>,
}

impl Stalls {
    /// What a response tells of itself: how many bytes the client has to take before it asks
    /// for more, or that it has asked for more.
    pub fn watch(&self) -> Sending {
        let waiting = self.0.clone();
        let id = {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.next += 1;
            waiting.next
        };
        Box::new(move |bytes| {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            match bytes {
                // As long as a client takes that is just not too slow.
                Some(bytes) => {
                    let since = Instant::now() + Duration::from_secs((bytes / SLOWEST) as u64);
                    waiting.since.insert(id, since)
                }
                None => waiting.since.remove(&id),
            };
        })
    }

    /// Ready when a client has taken nothing of a response for so long.
    pub async fn stalled(&self, idle: Duration) {
        loop {
            let oldest = {
                let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.since.values().min().copied()
            };
            match oldest.map(|since| since + idle) {
                Some(until) if until <= Instant::now() => return,
                Some(until) => tokio::time::sleep_until(until).await,
                None => tokio::time::sleep(idle).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_response_that_waits_for_its_client_is_seen() {
        let (stalls, idle) = (Stalls::default(), Duration::from_millis(20));
        let (first, second) = (stalls.watch(), stalls.watch());
        first(Some(1));
        second(Some(1));
        first(None);
        second(None);
        assert!(tokio::time::timeout(idle * 5, stalls.stalled(idle)).await.is_err());
        second(Some(100 * SLOWEST));
        assert!(tokio::time::timeout(idle * 5, stalls.stalled(idle)).await.is_err());
        second(Some(1));
        assert!(tokio::time::timeout(Duration::from_secs(60), stalls.stalled(idle)).await.is_ok());
    }
}
