//! Options of a transfer, and how to stop it.

use super::filter::Filter;
use super::report::Event;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The default number of concurrent objects. Each has a chunk or two in memory. Higher
/// values gain little on a local disk; for a distant store, 32 to 128 pay off.
pub const CONCURRENCY: usize = 16;

/// Asks a transfer to end early, after the objects in progress. Clones share their
/// state.
#[derive(Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Requests the stop.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether a stop was requested.
    pub fn stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    pub(super) async fn asked(&self) {
        self.0.cancelled().await;
    }
}

/// Receives events as they happen.
pub type Watcher = Arc<dyn Fn(Event<'_>) + Send + std::marker::Sync>;

/// Options of a transfer.
#[derive(Clone)]
pub struct Control {
    /// Only report what would be done.
    pub dry_run: bool,
    /// The number of concurrent objects; 0 means 1.
    pub concurrency: usize,
    /// Keys to include and exclude.
    pub filter: Filter,
    /// Let `sync` delete from the target although the source has entries that are not
    /// objects. It still spares the keys that have their names.
    pub allow_left_out: bool,
    /// Ends the transfer early on request.
    pub stop: Stop,
    /// Receives all events.
    pub watch: Watcher,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            dry_run: false,
            concurrency: CONCURRENCY,
            filter: Filter::default(),
            allow_left_out: false,
            stop: Stop::default(),
            watch: Arc::new(|_| {}),
        }
    }
}
