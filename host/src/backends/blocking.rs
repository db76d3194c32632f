//! Blocking work off the async threads.

use crate::store::{Error, Result};

/// Runs `work` where blocking is allowed. Once started it runs to its end,
/// even when the caller goes away: what it does must be whole by itself.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_cancelled() => {
            Err(Error::Unavailable("the process is shutting down".to_owned()))
        }
        Err(error) => Err(Error::Other(format!("a backend thread failed: {error}"))),
    }
}

/// Drops a value whose drop does file work, off the async threads where there
/// are others.
pub(super) fn drop_elsewhere<T: Send + 'static>(value: T) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(value))),
        Err(_) => drop(value),
    }
}
