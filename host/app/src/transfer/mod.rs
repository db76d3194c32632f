//! Bulk transfers: copy, sync, move, clear.
//!
//! Transfers stream with bounded concurrency and exact counts. A key that fails does
//! not stop the others. A listing that fails ends the transfer after the objects in
//! progress, since a partial listing proves nothing. Entries of the source that are not
//! objects (a symbolic link, an invalid key) are skipped and counted.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use storage_host::StoreFactory;
//! use storage_host::transfer::{Control, Endpoint, Sync, sync};
//!
//! let factory = StoreFactory::from_yaml("stores.yaml")?;
//! let from = Endpoint::new(factory.open("files").await?, "2026/");
//! let to = Endpoint::new(factory.open("backup").await?, "2026/");
//! let counts = sync(&Sync::new(from, to), &Control::default()).await?;
//! println!("{} copied, {} equal", counts.copied, counts.skipped);
//! factory.close().await?;
//! # Ok(())
//! # }
//! ```

mod carry;
mod clear;
mod copy;
mod endpoint;
mod equal;
mod executor;
mod filter;
mod keys;
mod left_out;
mod merge_join;
mod mv;
mod report;
mod sync;

pub use clear::clear;
pub use copy::{Copy, copy, copy_keys};
pub use endpoint::Endpoint;
pub use filter::Filter;
pub use keys::{KeyList, read_keys};
pub use mv::{Mv, mv, mv_one};
pub use report::{Aborted, Counts, Done, Event, Failure};
pub use sync::{Sync, sync, sync_keys};

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

    async fn asked(&self) {
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

#[cfg(test)]
mod tests;
