//! Process statistics from the kernel, and the size of long tests.

use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;

/// A value from `/proc/PID/FILE` in KiB: `VmRSS` (current) and `VmHWM` (peak) in
/// `status`, `Pss:` in `smaps_rollup`.
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

/// The open files and connections of a process.
pub fn open_files(pid: &str) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Raises this process's limit of open files as far as the system allows, which must be
/// enough for this many connections of one test beside the files of another.
pub fn allow_open_files(connections: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    ensure!(
        limit.maximum.is_none_or(|most| most > connections + 200),
        "this system allows {:?} open files, and {connections} connections are asked for: raise \
         the hard limit (ulimit -Hn)",
        limit.maximum
    );
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    Ok(())
}

/// A test size: that of an environment variable, or the default for short runs.
pub fn scale(variable: &str, short: u64) -> Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable} must be a number")),
        Err(_) => Ok(short),
    }
}
