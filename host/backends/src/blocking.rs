//! Blocking work off the async threads.

use std::pin::Pin;
use std::task::{Context, Poll};
use storage_store::{Error, Result};
use tokio::task::JoinHandle;

/// Runs `work` on a thread that may block. Once started it runs to its end even if
/// the caller is cancelled, so it must leave a consistent state by itself.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    Begun::new(work).await
}

/// Blocking work that has already started. Await it for the result.
pub(super) struct Begun<T>(JoinHandle<Result<T>>);

impl<T: Send + 'static> Begun<T> {
    /// Starts `work`; it runs as in [`blocking`].
    pub(super) fn new(work: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        Self(tokio::task::spawn_blocking(work))
    }
}

impl<T> Future for Begun<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|done| match done {
            Ok(result) => result,
            Err(error) if error.is_cancelled() => {
                Err(Error::Unavailable("the process is shutting down".to_owned()))
            }
            Err(error) => Err(Error::Other(format!("a backend thread failed: {error}"))),
        })
    }
}

/// Drops a value whose drop does file work: on a blocking thread if there is a
/// runtime, else here.
pub(super) fn drop_elsewhere<T: Send + 'static>(value: T) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(value))),
        Err(_) => drop(value),
    }
}
