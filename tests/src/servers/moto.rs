//! moto: a Python imitation of AWS, which acts on most preconditions.

use super::{Process, cache, config, free_port, fresh_name, listens, run};
use crate::http;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

const REQUIREMENTS: &str = "moto[server]==5.2.5";

/// A running server.
pub struct Moto {
    _process: Process,
    port: u16,
}

fn binary() -> Result<PathBuf> {
    let (root, _lock) = cache("moto")?;
    let stamp = root.join("installed.txt");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(REQUIREMENTS) {
        let _ = fs::remove_dir_all(&root);
        run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
        run(Command::new(root.join("bin/pip")).args(["install", "--quiet", REQUIREMENTS]))?;
        fs::write(&stamp, REQUIREMENTS)?;
    }
    Ok(root.join("bin/moto_server"))
}

impl Moto {
    /// Makes a new bucket; gives the config of a store over it.
    pub fn bucket(&self) -> Result<Value> {
        let name = fresh_name();
        let (status, _, _) = http::request(self.port, "PUT", &format!("/{name}"), &[], b"")?;
        ensure!(status == 200, "the bucket was answered with {status}");
        Ok(config(self.port, "us-east-1", &name, "tests", "tests"))
    }

    /// How many multipart uploads to a bucket were begun and never ended. Each
    /// began in 2010, moto says.
    pub fn unfinished(&self, bucket: &str) -> Result<usize> {
        let (_, _, body) =
            http::request(self.port, "GET", &format!("/{bucket}?uploads"), &[], b"")?;
        Ok(String::from_utf8(body)?.matches("<UploadId>").count())
    }
}

/// The one that the tests of a process share.
pub fn shared() -> Result<&'static Moto> {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(moto) = MOTO.get() {
        return Ok(moto);
    }
    let port = free_port()?;
    let mut command = Command::new(binary()?);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    let log = std::env::temp_dir().join(format!("moto-{port}.log"));
    let process = Process::start(&command, log.clone())?;
    // The open file is enough for the rest of its life.
    process.wait(|| listens(port))?;
    let _ = fs::remove_file(log);
    Ok(MOTO.get_or_init(|| Moto { _process: process, port }))
}
