//! Makes a slow disk read ahead while the last bytes are processed. The kernel
//! reads ahead, too, but as much as the disk is set to; with windows of megabytes,
//! work and disk take turns.

use rustix::fd::AsFd;
use std::time::Duration;

/// How far ahead of the reader to request bytes.
const AHEAD: u64 = 1024 * 1024;

/// A read that took longer than this did not come from memory.
const SLOW: Duration = Duration::from_micros(200);

/// The end of what was requested of a file; `None` while all comes from memory.
#[derive(Default)]
pub(super) struct Readahead {
    asked: Option<u64>,
}

impl Readahead {
    /// Called when the bytes up to `at` were read, the last ones in `taken`, and
    /// those up to `end` will be.
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

/// Best effort: the read itself reports errors.
#[cfg(target_os = "linux")]
fn ask(file: impl AsFd, from: u64, length: u64) {
    let length = std::num::NonZeroU64::new(length);
    let _ = rustix::fs::fadvise(file, from, length, rustix::fs::Advice::WillNeed);
}

#[cfg(not(target_os = "linux"))]
fn ask(_: impl AsFd, _: u64, _: u64) {}
