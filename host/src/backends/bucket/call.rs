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
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// Requests under way at a time, and so connections, of one store.
const REQUESTS: usize = 64;

/// The first pause is shorter than this, each further one up to twice as
/// long, none longer than the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a server is tried to be reached that never answered yet.
const FIRST_CONTACT: Duration = Duration::from_millis(500);

/// How long requests are tried again without a word, and how often it is then
/// said.
const SILENCE: Duration = Duration::from_millis(700);
const NOTICES: Duration = Duration::from_secs(10);

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
    /// Whether the server ever answered.
    answered: AtomicBool,
    /// Bucket and server, for messages.
    place: String,
    /// When it was last said that requests are tried again.
    noticed: Mutex<Option<Instant>>,
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
    pub(super) fn new(place: &str, timeout: Duration, deadline: Duration) -> Self {
        let (permits, trusted) = (Semaphore::new(REQUESTS), AtomicBool::new(false));
        let (answered, noticed) = (AtomicBool::new(false), Mutex::default());
        Self { permits, timeout, deadline, trusted, answered, place: place.to_owned(), noticed }
    }

    /// The server took a signature of these keys.
    pub(super) fn trust(&self) {
        self.trusted.store(true, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
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
            // Where nobody ever answered, the address is wrong more often than
            // the server is slow to start.
            let strange = failure.unreached && !self.answered.load(Ordering::Relaxed);
            let patience = if strange { self.deadline.min(FIRST_CONTACT) } else { self.deadline };
            if !failure.passing || begun.elapsed() + pause > patience {
                // Nobody is to wait as long again for what was away all the time.
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

    /// Says that something is tried again, now and then: it may take long.
    fn notice(&self, failure: &Failure, left: Duration) {
        let mut noticed = self.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        if noticed.is_none_or(|at| at.elapsed() >= NOTICES) {
            *noticed = Some(Instant::now());
            let (place, what) = (&self.place, failure.what());
            tracing::warn!(target: "storage", "{place}: {what}; retrying for up to {} s", left.as_secs());
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
                let failure = Failure::new(error).of_keys(self.trusted.load(Ordering::Relaxed));
                self.answered.fetch_or(failure.status.is_some(), Ordering::Relaxed);
                Err(failure)
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
