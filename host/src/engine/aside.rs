//! Where calls that compute for long are polled.
//!
//! A guest computes on the thread that polls its call, and other tasks wait for
//! that thread meanwhile. The code that is built in is not interrupted
//! ([`Limits`](super::limits::Limits)), so what it has been given decides: once
//! that is much, the rest of the call is polled where nobody waits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{block_in_place, yield_now};

/// What is much: at the slowest (gzip at level 9) some 30 ms of work.
const MUCH: usize = 512 * 1024;

static ALLOWED: AtomicBool = AtomicBool::new(false);

/// From now on calls that compute for long hand the other tasks of their thread
/// to another one. Without it they wait for up to some hundred milliseconds,
/// where an object of megabytes is compressed at once.
///
/// For programs that poll no store inside a `tokio::task::LocalSet`: that can
/// hand nothing over, and panics when asked to. In a runtime of one thread
/// there is no other, and nothing changes.
pub fn compute_aside() {
    ALLOWED.store(true, Ordering::Relaxed);
}

/// How many bytes the guest was given in the call under way.
#[derive(Clone, Default)]
pub(super) struct Given(Arc<AtomicUsize>);

impl Given {
    /// Another call begins.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// The guest gets more. Gives way each time when that comes to much.
    pub async fn add(&self, bytes: usize) {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before / MUCH != before.saturating_add(bytes) / MUCH {
            yield_now().await;
        }
    }

    /// Awaits the call in which the guest gets all this.
    pub async fn aside<T>(&self, mut call: Pin<&mut impl Future<Output = T>>) -> T {
        std::future::poll_fn(|context| {
            if self.is_much() && has_others() {
                block_in_place(|| call.as_mut().poll(context))
            } else {
                call.as_mut().poll(context)
            }
        })
        .await
    }

    fn is_much(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MUCH
    }
}

/// Whether another thread can take over the tasks of this one.
fn has_others() -> bool {
    let threads =
        Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
    threads && ALLOWED.load(Ordering::Relaxed)
}
