//! Moves compute-heavy guest calls off threads that other tasks need.
//!
//! A guest computes on the thread that polls its call and blocks the other tasks there.
//! Built-in decorators are not interrupted ([`Limits`](super::limits::Limits)), so the
//! bytes passed to the guest decide: past [`MUCH`], the rest of the call is polled with
//! `block_in_place`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{block_in_place, yield_now};

/// The bytes from which a call is offloaded: some 70 ms of work at the slowest (gzip,
/// level 9).
const MUCH: usize = 512 * 1024;

static ALLOWED: AtomicBool = AtomicBool::new(false);

/// Lets compute-heavy calls hand the other tasks of their thread to another thread.
/// Until this is called, those tasks may wait some hundred milliseconds while an object
/// of several megabytes is compressed.
///
/// Call it only if the program polls no store inside a `tokio::task::LocalSet`, where
/// `block_in_place` panics. It has no effect in a current-thread runtime.
pub fn offload_compute() {
    ALLOWED.store(true, Ordering::Relaxed);
}

/// Counts the bytes passed to the guest in the current call.
#[derive(Clone, Default)]
pub(super) struct Offload(Arc<AtomicUsize>);

impl Offload {
    /// Starts a new call.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Adds `bytes`, and yields each time the total passes another [`MUCH`].
    pub async fn add(&self, bytes: usize) {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before / MUCH != before.saturating_add(bytes) / MUCH {
            yield_now().await;
        }
    }

    /// Awaits the call, offloading it once the guest has received [`MUCH`] bytes.
    pub async fn run<T>(&self, mut call: Pin<&mut impl Future<Output = T>>) -> T {
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

/// Whether another thread can take over this thread's tasks.
fn has_others() -> bool {
    let threads =
        Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
    threads && ALLOWED.load(Ordering::Relaxed)
}
