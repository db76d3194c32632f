//! Writing to disk while more bytes come, so that little is left to be
//! written when a large object is synced.

use rustix::fd::{AsFd, AsRawFd};

/// So much is gathered before a part is on its way.
const STEP: u64 = 8 * 1024 * 1024;

/// How far a file is written, and how far on its way to the disk.
#[derive(Default)]
pub(super) struct Writeback {
    written: u64,
    begun: u64,
}

impl Writeback {
    /// More bytes were written to the end of the file.
    pub(super) fn wrote(&mut self, file: impl AsFd, length: usize) {
        self.written += length as u64;
        if self.written - self.begun >= STEP {
            begin(file, self.begun, self.written - self.begun);
            self.begun = self.written;
        }
    }
}

/// Promises nothing: the sync at the end tells whether all went well.
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
