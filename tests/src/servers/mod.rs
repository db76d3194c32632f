//! Real S3 servers and an OCI registry, on free loopback ports. Each is installed on
//! first use, into a cache that survives `cargo clean`, and ends with the process that
//! started it.

pub mod garage;
pub mod moto;
pub mod rclone;
pub mod registry;
pub mod s3s_fs;
pub mod small;

use crate::clients::run;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that is currently free.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A bucket name that is unique in this process.
pub fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("bucket-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The config of a BucketStore.
pub fn config(port: u16, region: &str, bucket: &str, access_key: &str, secret_key: &str) -> Value {
    json!({
        "bucket_name": bucket,
        "endpoint_url": format!("http://127.0.0.1:{port}"),
        "region": region,
        "s3_access_key": access_key,
        "s3_secret_key": secret_key,
    })
}

/// A cache folder for installed programs, with a lock on it, since several test
/// programs may run at the same time.
fn cache(name: &str) -> Result<(PathBuf, File)> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let root = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    let root = root.map(PathBuf::from).or_else(home).context("neither XDG_CACHE_HOME nor HOME")?;
    let folder = root.join("storage-host-tests");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    lock.lock()?;
    Ok((folder.join(name), lock))
}

/// Unpacks Debian packages into a folder, named after the first one. Nothing is
/// installed, so no service is set up and root is not needed.
pub(crate) fn unpacked(packages: &[&str]) -> Result<PathBuf> {
    let (root, _lock) = cache(packages.first().context("no package")?)?;
    if root.exists() {
        return Ok(root);
    }
    let (folder, made) = (root.with_extension("package"), root.with_extension("unpacked"));
    for folder in [&folder, &made] {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
    }
    let get = || {
        let mut command = Command::new("apt-get");
        run(command.arg("download").args(packages).current_dir(&folder))
    };
    get().or_else(|_| {
        run(Command::new("apt-get").args(["update", "-qq"]))?;
        get()
    })?;
    for package in fs::read_dir(&folder)? {
        run(Command::new("dpkg-deb").arg("--extract").arg(package?.path()).arg(&made))?;
    }
    fs::remove_dir_all(folder)?;
    fs::rename(made, &root)?;
    Ok(root)
}

/// A server process. It ends when this is dropped, and also when this process ends in
/// any way, since its shell waits for a pipe to close.
pub struct Process {
    shell: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with its arguments and environment.
    fn start(command: &Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log)?;
        let script = "\"$@\" & server=$!; cat; kill -9 $server; wait $server";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        let shell = shell
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        Ok(Self { shell, log })
    }

    /// Its output so far.
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it, as in a crash.
    pub fn kill(&mut self) -> Result<()> {
        drop(self.shell.stdin.take());
        self.shell.wait().context("wait for the server's end")?;
        Ok(())
    }

    /// Waits until `ready` holds.
    fn wait(&self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let start = Instant::now();
        while !ready() {
            if start.elapsed() > PATIENCE {
                bail!("the server does not answer:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
