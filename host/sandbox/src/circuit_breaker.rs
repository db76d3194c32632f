//! Failure counters and the circuit breaker of a plug-in.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use storage_store::{Error, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Failures in a row, with no successful call in between, that open the circuit breaker
/// of a chain.
const IN_A_ROW: u32 = 5;

/// The first rest. Each further one doubles.
const FIRST_REST: Duration = Duration::from_secs(1);

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Why a call failed through the component's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It exceeded its time or its processor time.
    Time,
    /// It exceeded its memory limit.
    Memory,
    /// A trap or a panic.
    Crash,
    /// An answer that breaks the contract.
    Breach,
}

/// Counters of one plug-in over all of its stores, since it was loaded.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    instances: AtomicU64,
    crashes: AtomicU64,
    over_time: AtomicU64,
    over_memory: AtomicU64,
    breaches: AtomicU64,
    rests: AtomicU64,
    turned_away: AtomicU64,
    dropped_lines: AtomicU64,
}

/// A snapshot of a plug-in's counters. A failed call discards its instance, so the
/// failures are also the discarded instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instances created.
    pub instances: u64,
    /// Calls that ended in a trap or a panic.
    pub crashes: u64,
    /// Calls that exceeded their time or processor time.
    pub over_time: u64,
    /// Calls that exceeded their memory limit.
    pub over_memory: u64,
    /// Answers that broke the contract.
    pub breaches: u64,
    /// How often one of its stores was suspended.
    pub rests: u64,
    /// Calls refused during a rest.
    pub turned_away: u64,
    /// Log lines dropped beyond the rate limit.
    pub dropped_lines: u64,
}

impl Counts {
    /// All calls that failed through the plug-in's own fault.
    pub fn failures(&self) -> u64 {
        self.crashes + self.over_time + self.over_memory + self.breaches
    }
}

impl Counters {
    pub fn instance(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    pub fn dropped_line(&self) {
        self.dropped_lines.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, fault: Fault) {
        let counter = match fault {
            Fault::Time => &self.over_time,
            Fault::Memory => &self.over_memory,
            Fault::Crash => &self.crashes,
            Fault::Breach => &self.breaches,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn read(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            instances: of(&self.instances),
            crashes: of(&self.crashes),
            over_time: of(&self.over_time),
            over_memory: of(&self.over_memory),
            breaches: of(&self.breaches),
            rests: of(&self.rests),
            turned_away: of(&self.turned_away),
            dropped_lines: of(&self.dropped_lines),
        }
    }
}

/// The circuit breaker of one chain of a plug-in.
pub(crate) struct Health {
    plugin: Arc<str>,
    store: String,
    counters: Arc<Counters>,
    in_a_row: AtomicU32,
    rest: Mutex<Rest>,
}

#[derive(Default)]
struct Rest {
    until: Option<(Instant, SystemTime)>,
    length: Duration,
    cause: String,
}

impl Health {
    pub fn new(plugin: Arc<str>, store: String, counters: Arc<Counters>) -> Self {
        Self { plugin, store, counters, in_a_row: AtomicU32::new(0), rest: Mutex::default() }
    }

    /// Admits a call, or returns `Unavailable` while the chain rests.
    pub fn admit(&self) -> Result<()> {
        self.admit_at(Instant::now)
    }

    fn admit_at(&self, now: impl Fn() -> Instant) -> Result<()> {
        if self.in_a_row.load(Ordering::Relaxed) < IN_A_ROW {
            return Ok(());
        }
        let rest = self.rest();
        let Some((_, end)) = rest.until.filter(|(until, _)| now() < *until) else {
            return Ok(());
        };
        self.counters.turned_away.fetch_add(1, Ordering::Relaxed);
        let end = OffsetDateTime::from(end).format(&Rfc3339).unwrap_or_default();
        Err(Error::Unavailable(format!(
            "plug-in {:?} of store {:?} failed {IN_A_ROW} times or more in a row and rests until \
             {end}; its last failure: {}",
            self.plugin, self.store, rest.cause
        )))
    }

    /// Records a successful call.
    pub fn success(&self) {
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            let mut rest = self.rest();
            self.in_a_row.store(0, Ordering::Relaxed);
            *rest = Rest::default();
        }
    }

    /// Records a failed call.
    pub fn failed(&self, fault: Fault, cause: &str) {
        self.failed_at(Instant::now(), fault, cause);
    }

    fn failed_at(&self, now: Instant, fault: Fault, cause: &str) {
        self.counters.failed(fault);
        let mut rest = self.rest();
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let resting = rest.until.is_some_and(|(until, _)| now < until);
        if in_a_row < IN_A_ROW || resting {
            return;
        }
        rest.length = (rest.length * 2).clamp(FIRST_REST, LONGEST_REST);
        rest.until = Some((now + rest.length, SystemTime::now() + rest.length));
        cause.clone_into(&mut rest.cause);
        self.counters.rests.fetch_add(1, Ordering::Relaxed);
        let (plugin, store, length) = (&*self.plugin, self.store.as_str(), rest.length);
        tracing::error!(
            plugin,
            store,
            "the plug-in failed {in_a_row} times in a row: it rests for {length:?}"
        );
    }

    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new("bad".into(), "main".to_owned(), Arc::default())
    }

    #[test]
    fn failures_in_a_row_lead_to_rests_that_grow() {
        let health = health();
        let mut now = Instant::now();
        for _ in 0..IN_A_ROW {
            assert!(health.admit_at(|| now).is_ok());
            health.failed_at(now, Fault::Crash, "it crashed");
        }
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let error = health.admit_at(|| now).unwrap_err().to_string();
            assert!(error.contains(r#"plug-in "bad" of store "main""#), "{error}");
            assert!(error.contains("rests until 2"), "{error}");
            now += Duration::from_secs(seconds) - Duration::from_millis(1);
            assert!(health.admit_at(|| now).is_err(), "{seconds}");
            now += Duration::from_millis(1);
            assert!(health.admit_at(|| now).is_ok(), "{seconds}");
            health.failed_at(now, Fault::Crash, "it crashed");
        }
        assert_eq!(health.counters.read().rests, 9);
    }

    #[test]
    fn a_call_that_goes_well_ends_the_count() {
        let health = health();
        for _ in 0..10 {
            for _ in 1..IN_A_ROW {
                health.failed(Fault::Breach, "it lied");
            }
            health.success();
        }
        assert!(health.admit().is_ok());
        let counts = health.counters.read();
        assert_eq!((counts.breaches, counts.rests), (40, 0));
    }
}
