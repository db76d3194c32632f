//! Request limits and retries: concurrency, timeouts and the retry deadline.
//!
//! The SDK's own retries are off. They hide whether an unanswered attempt may have
//! taken effect, which conditional writes must know; they respect neither
//! `Retry-After` nor a deadline; and they share one budget with every other client
//! in the process.

use super::failure::Failure;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// The most requests, and so connections, that one store has open at a time.
const REQUESTS: usize = 64;

/// Upper bound of the first pause; it doubles with every attempt up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long to retry reaching a server that has never answered.
const FIRST_CONTACT: Duration = Duration::from_millis(500);

/// How long retries stay silent, and the shortest time between two warnings after
/// that.
const SILENCE: Duration = Duration::from_millis(700);
const NOTICES: Duration = Duration::from_secs(10);

/// The slowest upload that gets enough time, in bytes per second.
const SLOWEST: u64 = 32 * 1024;

/// Factor on the timeout for work that a server does before it answers.
const PATIENCE: u32 = 10;

/// Sends the requests of one store.
pub(super) struct Calls {
    permits: Semaphore,
    timeout: Duration,
    deadline: Duration,
    /// Whether the server has accepted a signature by these keys.
    trusted: AtomicBool,
    /// Whether the server has answered; reset when it becomes unreachable.
    answered: AtomicBool,
    /// Bucket and server, for messages.
    place: String,
    /// When the last retry warning was logged.
    noticed: Mutex<Option<Instant>>,
}

/// How long one attempt may take.
#[derive(Clone, Copy)]
pub(super) enum RequestTime {
    /// The plain timeout: the server answers at once.
    Normal,
    /// Time to send this many bytes first.
    Upload(usize),
    /// [`PATIENCE`] times the timeout: the server assembles or copies a large
    /// object.
    Long,
}

impl Calls {
    pub(super) fn new(place: &str, timeout: Duration, deadline: Duration) -> Self {
        let (permits, trusted) = (Semaphore::new(REQUESTS), AtomicBool::new(false));
        let (answered, noticed) = (AtomicBool::new(false), Mutex::default());
        Self { permits, timeout, deadline, trusted, answered, place: place.to_owned(), noticed }
    }

    /// Records that the server accepted a signature by these keys.
    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
    }

    /// How long to wait for an answer, or for more bytes of one.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long to keep retrying.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Sends a request, with retries, until it succeeds, fails for good, or the
    /// next retry would be past the deadline.
    pub(super) async fn send<T, E, F>(
        &self,
        takes: RequestTime,
        mut request: impl FnMut() -> F + Send,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let begun = Instant::now();
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
            // If the server never answered, the address is more often wrong than
            // the server slow to start.
            let strange = failure.unreached && !self.answered.load(Ordering::Relaxed);
            let patience = if strange { self.deadline.min(FIRST_CONTACT) } else { self.deadline };
            if !failure.passing || begun.elapsed() + pause > patience {
                // The server was away all the time, so the next request gives up
                // early.
                if failure.unreached {
                    self.answered.store(false, Ordering::Relaxed);
                }
                return Err(failure.after(attempts, maybe_done));
            }
            tracing::debug!(attempts, code = failure.code, status = failure.status, "trying again");
            if begun.elapsed() + pause >= SILENCE {
                self.notice(&failure, patience.saturating_sub(begun.elapsed()));
            }
            sleep(pause).await;
        }
    }

    /// Logs a warning about retries, at most every [`NOTICES`].
    fn notice(&self, failure: &Failure, left: Duration) {
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        if noticed.is_none_or(|at| at.elapsed() >= NOTICES) {
            *noticed = Some(Instant::now());
            let (place, what) = (&self.place, failure.what());
            tracing::warn!(target: "storage", "{place}: {what}; retrying for up to {} s", left.as_secs());
        }
    }

    /// Sends a request once, without retries.
    pub(super) async fn once<T, E>(
        &self,
        takes: RequestTime,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let most = match takes {
            RequestTime::Normal => self.timeout,
            RequestTime::Upload(bytes) => {
                self.timeout + Duration::from_secs(bytes as u64 / SLOWEST)
            }
            RequestTime::Long => self.timeout * PATIENCE,
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
                let failure = Failure::new(error).of_keys(self.trusted.load(Ordering::Relaxed));
                self.answered.fetch_or(failure.status.is_some(), Ordering::Relaxed);
                Err(failure)
            }
            Err(_) => Err(Failure::passing(format!("no answer within {} s", most.as_secs_f32()))),
        }
    }
}

/// A random pause, so that clients that failed together don't retry together.
pub(super) fn pause(attempts: u32) -> Duration {
    let most = FIRST_PAUSE * 2_u32.saturating_pow(attempts.saturating_sub(1).min(10));
    most.min(LONGEST_PAUSE).mul_f64(fastrand::f64())
}
