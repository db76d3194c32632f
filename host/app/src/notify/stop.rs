//! When the worker has to stop.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The deadline of the worker.
#[derive(Default)]
pub struct Stop {
    deadline: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Stop {
    /// Sets the deadline.
    pub fn by(&self, deadline: Instant) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
        self.changed.notify_all();
    }

    /// `time`, cut to what is left before the deadline.
    pub fn at_most(&self, time: Duration) -> Duration {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        deadline.map_or(time, |d| time.min(d.saturating_duration_since(Instant::now())))
    }

    /// Sleeps, but not past the deadline. Returns `false` once that has passed.
    pub fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return false;
            }
            let wake = deadline.map_or(until, |deadline| deadline.min(until));
            let left = wake.saturating_duration_since(now);
            if left.is_zero() {
                return true;
            }
            deadline =
                self.changed.wait_timeout(deadline, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
