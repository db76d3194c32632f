//! Many objects at once: copy, sync, clear.
//!
//! Bounded concurrency, streamed, counted exactly. One key that fails does not
//! stop the others; a listing that fails stops everything, since nothing can
//! be concluded from half of one.

mod clear;
mod copy;
mod sync;

pub use clear::clear;
pub use copy::{Copy, copy};
pub use sync::{Sync, sync};

use crate::objects::{CHUNK, Objects};
use crate::store::{Error, ObjectInfo, PutOptions, ReadOptions, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// How many objects are under way at a time.
pub const CONCURRENCY: usize = 8;

/// What was done.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Objects written to the target (with `dry_run`: that would be).
    pub copied: u64,
    /// Objects that were there already, or equal.
    pub skipped: u64,
    /// Objects deleted.
    pub deleted: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Keys that failed, and why.
    pub failed: Vec<(String, Error)>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl Counts {
    /// Whether everything was done.
    pub fn complete(&self) -> bool {
        self.failed.is_empty() && !self.stopped
    }
}

/// Asks a transfer to end early: what is under way is finished.
#[derive(Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Who watches, and how.
pub struct Control<'a> {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// Ends early when asked to.
    pub stop: &'a Stop,
    /// Called after each object, with the counts so far.
    pub progress: &'a (dyn Fn(&Counts) + Send + std::marker::Sync),
}

/// What became of one key.
enum Done {
    Copied(u64),
    Skipped,
    Deleted,
    Stopped,
}

impl Counts {
    fn add(&mut self, key: String, done: Result<Done>) {
        match done {
            Ok(Done::Copied(bytes)) => {
                self.copied += 1;
                self.bytes += bytes;
            }
            Ok(Done::Skipped) => self.skipped += 1,
            Ok(Done::Deleted) => self.deleted += 1,
            Ok(Done::Stopped) => self.stopped = true,
            Err(error) => self.failed.push((key, error)),
        }
    }
}

/// Streams one object from a store to another, with its media type and user
/// metadata.
async fn copy_one(from: &Objects, key: &str, to: &Objects, to_key: &str) -> Result<u64> {
    let mut reader = from.read(key, ReadOptions::default()).await?;
    let mut upload = to.write(to_key, kept(reader.info(), to)).await?;
    let mut bytes = 0;
    loop {
        let chunk = reader.next(CHUNK).await?;
        if chunk.is_empty() {
            break;
        }
        bytes += chunk.len() as u64;
        upload.push(chunk).await?;
    }
    upload.finish().await?;
    Ok(bytes)
}

/// What goes with an object to a store that can keep it.
fn kept(info: &ObjectInfo, to: &Objects) -> PutOptions {
    if !to.capabilities().metadata {
        return PutOptions::default();
    }
    let mut metadata = info.metadata.clone();
    metadata.retain(|(name, _)| !name.starts_with(storage_core::RESERVED_METADATA));
    PutOptions { content_type: info.content_type.clone(), metadata, ..PutOptions::default() }
}

#[cfg(test)]
mod tests;
