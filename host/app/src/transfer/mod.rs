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
mod control;
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
pub use control::{CONCURRENCY, Control, Stop, Watcher};
pub use copy::{Copy, copy, copy_keys};
pub use endpoint::Endpoint;
pub use filter::Filter;
pub use keys::{KeyList, read_keys};
pub use mv::{Mv, mv, mv_one};
pub use report::{Aborted, Counts, Done, Event, Failure};
pub use sync::{Sync, sync, sync_keys};

#[cfg(test)]
mod tests;
