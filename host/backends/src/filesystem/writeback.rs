//! Starts writing to disk while more bytes arrive, so that the sync of a large
//! object has little left to write.

use rustix::fd::{AsFd, AsRawFd};

/// Bytes to collect before starting to write them to disk.
const STEP: u64 = 8 * 1024 * 1024;

/// How much of a file is written, and how much of that is on its way to the disk.
#[derive(Default)]
pub(super) struct Writeback {
    written: u64,
    begun: u64,
}

impl Writeback {
    /// Called when `length` bytes were appended to the file.
    pub(super) fn wrote(&mut self, file: impl AsFd, length: usize) {
        self.written += length as u64;
        if self.written - self.begun >= STEP {
            begin(file, self.begun, self.written - self.begun);
            self.begun = self.written;
        }
    }
}

/// Best effort: the sync at the end reports errors.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the call takes a handle, which is open, and three numbers")]
fn begin(file: impl AsFd, from: u64, length: u64) {
    let (from, length) = (from.cast_signed(), length.cast_signed());
    let file = file.as_fd();
    // SAFETY: no memory is involved.
    unsafe {
        libc::sync_file_range(file.as_raw_fd(), from, length, libc::SYNC_FILE_RANGE_WRITE);
    }
}

#[cfg(not(target_os = "linux"))]
fn begin(_: impl AsFd, _: u64, _: u64) {}
