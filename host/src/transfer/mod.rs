//! Many objects at once: copy, sync, relocate, clear.
//!
//! Bounded concurrency, streamed, counted exactly. One key that fails does not
//! stop the others; a listing that fails ends everything after what is under
//! way, since nothing can be concluded from half of one. What the source holds
//! beside its objects (a symbolic link, a key that can be none) is counted as
//! left out.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use storage_host::StoreFactory;
//! use storage_host::transfer::{Control, Side, Sync, sync};
//!
//! let factory = StoreFactory::from_yaml("stores.yaml")?;
//! let from = Side::new(factory.open("files").await?, "2026/");
//! let to = Side::new(factory.open("backup").await?, "2026/");
//! let counts = sync(&Sync::new(from, to), &Control::default()).await?;
//! println!("{} copied, {} equal", counts.copied, counts.skipped);
//! factory.close().await?;
//! # Ok(())
//! # }
//! ```

mod carry;
mod clear;
mod copy;
mod each;
mod equal;
mod filter;
mod keys;
mod left_out;
mod pairs;
mod relocate;
mod report;
mod side;
mod sync;

pub use clear::clear;
pub use copy::{Copy, copy, copy_keys};
pub use filter::Filter;
pub use keys::{KeyList, read_keys};
pub use relocate::{Relocate, relocate, relocate_one};
pub use report::{Aborted, Counts, Done, Event, Failure};
pub use side::Side;
pub use sync::{Sync, sync, sync_keys};

use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// How many objects are under way at a time, unless told otherwise. Each has
/// a chunk or two in memory. More than this gains little on a local disk;
/// a store far away is worth 32 to 128.
pub const CONCURRENCY: usize = 16;

/// Asks a transfer to end early: what is under way is finished. Clones are
/// the same.
#[derive(Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Asks.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    pub fn stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    async fn asked(&self) {
        self.0.cancelled().await;
    }
}

/// Who is told what happens, while it does.
pub type Watcher = Arc<dyn Fn(Event<'_>) + Send + std::marker::Sync>;

/// How a transfer runs.
#[derive(Clone)]
pub struct Control {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// How many objects are under way at a time; 0 counts as 1.
    pub concurrency: usize,
    /// What is left alone.
    pub filter: Filter,
    /// Entries of the source that are no objects are well known: `sync` deletes
    /// from the target in spite of them, though never what has their names.
    pub allow_left_out: bool,
    /// Ends early when asked to.
    pub stop: Stop,
    /// Hears of everything.
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
