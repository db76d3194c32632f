//! Requests: how many at a time, how long, and how often.
//!
//! The SDK's own retries are off. They hide whether an attempt that got no
//! answer may have been acted on, which conditional writes must know; they
//! know neither `Retry-After` nor a deadline; and they share one budget with
//! every other client of the process.

use super::failure::Failure;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// Requests under way at a time, and so connections, of one store.
const REQUESTS: usize = 64;

/// The first pause is shorter than this, each further one up to twice as
/// long, none longer than the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Bytes a second that an upload is given time for.
const SLOWEST: u64 = 32 * 1024;

/// Work that servers do before they answer takes this many times longer.
const PATIENCE: u32 = 10;

/// How requests of one store are made.
pub(super) struct Calls {
    permits: Semaphore,
    timeout: Duration,
    deadline: Duration,
    /// Whether the server took a signature of these keys before.
    trusted: AtomicBool,
}

/// How long an attempt may take.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// An answer at once.
    Normal,
    /// This many bytes to send first.
    Upload(usize),
    /// The server puts together what is large.
    Long,
}

impl Calls {
    pub(super) fn new(timeout: Duration, deadline: Duration) -> Self {
        let (permits, trusted) = (Semaphore::new(REQUESTS), AtomicBool::new(false));
        Self { permits, timeout, deadline, trusted }
    }

    /// The server took a signature of these keys.
    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
    }

    /// How long to wait for more bytes of an answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long to keep trying.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Sends a request until it succeeded, failed for good, or the deadline
    /// would pass.
    pub(super) async fn send<T, E, F>(
        &self,
        takes: Takes,
        mut request: impl FnMut() -> F + Send,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let end = Instant::now() + self.deadline;
        let mut maybe_done = false;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.once(takes, request()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            maybe_done |= failure.maybe_done;
            let pause = failure.retry_after.unwrap_or_default().max(pause(attempts));
            if !failure.passing || Instant::now() + pause > end {
                return Err(failure.after(attempts, maybe_done));
            }
            tracing::debug!(attempts, code = failure.code, status = failure.status, "trying again");
            sleep(pause).await;
        }
    }

    /// Sends a request, and not again.
    pub(super) async fn once<T, E>(
        &self,
        takes: Takes,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let most = match takes {
            Takes::Normal => self.timeout,
            Takes::Upload(bytes) => self.timeout + Duration::from_secs(bytes as u64 / SLOWEST),
            Takes::Long => self.timeout * PATIENCE,
        };
        let permit = self.permits.acquire().await;
        let outcome = timeout(most, request).await;
        drop(permit);
        match outcome {
            Ok(Ok(answer)) => {
                self.trust();
                Ok(answer)
            }
            Ok(Err(error)) => {
                Err(Failure::new(error).of_keys(self.trusted.load(Ordering::Relaxed)))
            }
            Err(_) => Err(Failure::passing(format!("no answer within {} s", most.as_secs_f32()))),
        }
    }
}

/// A random pause, so that clients that failed together don't return together.
pub(super) fn pause(attempts: u32) -> Duration {
    let most = FIRST_PAUSE * 2_u32.saturating_pow(attempts.saturating_sub(1).min(10));
    most.min(LONGEST_PAUSE).mul_f64(fastrand::f64())
}
