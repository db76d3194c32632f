//! moto: an AWS mock in Python, which honours most preconditions.

use super::{Process, cache, config, free_port, fresh_name, listens, run};
use crate::http;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

const REQUIREMENTS: &str = "moto[server]==5.2.5";

/// moto accepts any key.
pub const ACCESS_KEY: &str = "tests";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "tests";

/// A running server.
pub struct Moto {
    process: Process,
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
    /// Starts a server that keeps everything in memory, with its log in `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(binary()?);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let process = Process::start(&command, folder.join(format!("moto-{port}.log")))?;
        process.wait(|| listens(port))?;
        Ok(Self { process, port })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates a bucket and returns its name.
    pub fn new_bucket(&self) -> Result<String> {
        let name = fresh_name();
        let (status, _, _) = http::request(self.port, "PUT", &format!("/{name}"), &[], b"")?;
        ensure!(status == 200, "the bucket was answered with {status}");
        Ok(name)
    }

    /// Creates a bucket and returns the config of a store over it.
    pub fn bucket(&self) -> Result<Value> {
        Ok(config(self.port, "us-east-1", &self.new_bucket()?, ACCESS_KEY, SECRET_KEY))
    }

    /// The number of unfinished multipart uploads to a bucket. moto dates them all to
    /// 2010.
    pub fn unfinished(&self, bucket: &str) -> Result<usize> {
        let (_, _, body) =
            http::request(self.port, "GET", &format!("/{bucket}?uploads"), &[], b"")?;
        Ok(String::from_utf8(body)?.matches("<UploadId>").count())
    }
}

/// The server shared by the tests of a process.
pub fn shared() -> Result<&'static Moto> {
    static MOTO: OnceLock<Moto> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(moto) = MOTO.get() {
        return Ok(moto);
    }
    let moto = Moto::start(&std::env::temp_dir())?;
    // The open file suffices for the rest of its life.
    let _ = fs::remove_file(&moto.process.log);
    Ok(MOTO.get_or_init(|| moto))
}
