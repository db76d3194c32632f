//! What the kernel says of a process, and how large a test is to be.

use anyhow::{Context, Result};
use std::fs;

/// A number of `/proc/PID/FILE`, in KiB: `VmRSS` (resident now) and `VmHWM` (at
/// most) of `status`, `Pss:` of `smaps_rollup`.
pub fn kibibytes(pid: &str, file: &str, field: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    let line = text.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.with_context(|| format!("no {field} in {file}"))
}

/// Resident memory, in KiB.
pub fn resident(pid: &str) -> Result<u64> {
    kibibytes(pid, "status", "VmRSS")
}

/// How many files and connections a process has open.
pub fn open_files(pid: &str) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// A size that an environment variable may make larger than the short one.
pub fn scale(variable: &str, short: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable} must be a number")),
        Err(_) => Ok(short),
    }
}
