//! Having the disk read while the last bytes are worked on, where it is waited
//! for. The kernel reads ahead, too, but as little or as much as the disk is
//! set to: with windows of megabytes work and disk take turns.

use rustix::fd::AsFd;
use std::time::Duration;

/// So far ahead of what was read the disk is asked for more.
const AHEAD: u64 = 1024 * 1024;

/// A piece that took longer was not in memory.
const SLOW: Duration = Duration::from_micros(200);

/// How far a file was asked for. Nothing is, as long as all comes from memory.
#[derive(Default)]
pub(super) struct Readahead {
    asked: Option<u64>,
}

impl Readahead {
    /// The bytes up to `at` were read, the last ones in `taken`; those up to
    /// `end` will be.
    pub(super) fn read(&mut self, file: impl AsFd, at: u64, end: u64, taken: Duration) {
        if self.asked.is_none() && taken < SLOW {
            return;
        }
        let from = self.asked.unwrap_or(0).max(at);
        let to = end.min(at.saturating_add(AHEAD));
        if from < to {
            ask(file, from, to - from);
            self.asked = Some(to);
        }
    }
}

/// Promises nothing: the read tells whether all went well.
#[cfg(target_os = "linux")]
fn ask(file: impl AsFd, from: u64, length: u64) {
    let length = std::num::NonZeroU64::new(length);
    let _ = rustix::fs::fadvise(file, from, length, rustix::fs::Advice::WillNeed);
}

#[cfg(not(target_os = "linux"))]
fn ask(_: impl AsFd, _: u64, _: u64) {}
