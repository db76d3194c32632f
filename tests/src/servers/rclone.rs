//! rclone, serving a folder over S3.

use super::{Process, free_port, listens};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// The access key of every server.
pub const ACCESS_KEY: &str = "TESTS";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "tests";

/// A running server; its buckets are the folders in its folder.
pub struct Rclone {
    _process: Process,
    port: u16,
}

impl Rclone {
    /// Serves `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(crate::clients::bin()?.join("rclone"));
        command.args(["--config", "/dev/null", "serve", "s3"]);
        command.args(["--addr", &format!("127.0.0.1:{port}")]);
        command.args(["--auth-key", &format!("{ACCESS_KEY},{SECRET_KEY}")]).arg(folder);
        let process = Process::start(&command, folder.with_extension("log"))?;
        process.wait(|| listens(port))?;
        Ok(Self { _process: process, port })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
