//! The processor time of a server's process, from Linux's `/proc` (proc_pid_stat(5)).

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The unit of times in `/proc`: `USER_HZ` is 100 on the architectures that matter here.
const TICK: Duration = Duration::from_millis(10);

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// A process that listens on a port.
pub struct Process(PathBuf);

impl Process {
    /// The process that listens on this port, on any address.
    pub fn listening(port: u16) -> Result<Self> {
        let sockets = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
        let sockets: Vec<String> = sockets.into_iter().flatten().collect();
        let socket = sockets.iter().flat_map(|text| text.lines()).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_, local) = fields.get(1)?.rsplit_once(':')?;
            let is_listener =
                u16::from_str_radix(local, 16) == Ok(port) && fields.get(3)? == &LISTENING;
            is_listener.then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
        });
        let socket = socket.with_context(|| format!("nobody listens on port {port}"))?;
        for process in fs::read_dir("/proc")?.flatten() {
            // Some are gone by now, and some are other users'.
            let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
            let mut targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
            if targets.any(|target| target.as_os_str() == socket.as_str()) {
                return Ok(Self(process.path()));
            }
        }
        anyhow::bail!("no process is found that listens on port {port}")
    }

    /// The time that all its threads have taken, in user space and in the kernel.
    pub fn time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(self.0.join("stat"))?;
        // The name, in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("its stat has no name")?;
        let ticks =
            |at| fields.split_whitespace().nth(at).and_then(|ticks| ticks.parse::<u32>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("its stat has no times")?;
        Ok(TICK * (user + system))
    }
}
