//! Runs the real binary with a configuration in a directory of its own.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The key pair of every server here.
pub const ACCESS_KEY: &str = "TESTACCESSKEY0000001";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "test-secret-key-of-forty-characters-0001";

/// A cached, compressed store with hashed keys in SQLite.
pub const CHAIN: &str = "
stores:
  database:
    type: SqliteStore
    config: {db_path: objects.db}
  layout:
    type: HashPrefixStore
    base: database
  compressed:
    type: GzipStore
    base: layout
  files:
    type: FilesystemStore
    config: {root_path: cache}
  cached:
    type: CachingStore
    base: {main_store: compressed, cache_store: files}
main: cached
";

/// How long a server may take to answer or to exit.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, built with the tests.
pub fn binary() -> PathBuf {
    let mut path = std::env::current_exe().unwrap_or_default();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.push("storage-host");
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// Creates a self-signed certificate for this machine, as `cert.pem` and `key.pem`.
pub fn certify(directory: &Path) -> Result<()> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::write(directory.join("cert.pem"), made.cert.pem())?;
    fs::write(directory.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}

/// Runs the binary to its end.
pub fn run(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.current_dir(directory).args(args).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A running `storage-host run`.
pub struct Server {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Server {
    /// Writes `stores` (the YAML without `serve:`) to a new directory and serves it.
    pub fn start(stores: &str) -> Result<Self> {
        Self::start_in(tempfile::tempdir()?, stores)
    }

    /// Like [`start`](Self::start), in a directory that may hold data.
    pub fn start_in(directory: TempDir, stores: &str) -> Result<Self> {
        Self::start_build(&binary(), directory, stores)
    }

    /// Like [`start_in`](Self::start_in), with another build of the binary.
    pub fn start_build(binary: &Path, directory: TempDir, stores: &str) -> Result<Self> {
        let keys = format!("credentials: {{access_key: {ACCESS_KEY}, secret_key: {SECRET_KEY}}}");
        Self::launch_build(binary, directory, stores, &keys)
    }

    /// Like [`start`](Self::start), but accepts unsigned requests.
    pub fn start_anonymous(stores: &str) -> Result<Self> {
        Self::start_anonymous_in(tempfile::tempdir()?, stores)
    }

    /// Like [`start_anonymous`](Self::start_anonymous), in a directory that may hold
    /// data.
    pub fn start_anonymous_in(directory: TempDir, stores: &str) -> Result<Self> {
        Self::launch(directory, stores, "anonymous: true")
    }

    /// Like [`start`](Self::start), with these lines (indented by two spaces) in the
    /// section `serve`. `${SECRET}` stands for [`SECRET_KEY`].
    pub fn start_serving(stores: &str, serve: &str) -> Result<Self> {
        Self::launch(tempfile::tempdir()?, stores, serve.trim_start())
    }

    /// Like [`start_serving`](Self::start_serving), in a directory that may hold files.
    pub fn start_serving_in(directory: TempDir, stores: &str, serve: &str) -> Result<Self> {
        Self::launch(directory, stores, serve.trim_start())
    }

    fn launch(directory: TempDir, stores: &str, auth: &str) -> Result<Self> {
        Self::launch_build(&binary(), directory, stores, auth)
    }

    fn launch_build(binary: &Path, directory: TempDir, stores: &str, auth: &str) -> Result<Self> {
        // Let the system choose the port: one found free earlier may be taken by now.
        let staging = if auth.contains("staging:") { "" } else { "staging: staging\n  " };
        let serve = format!("serve:\n  listen: 127.0.0.1:0\n  {staging}{auth}\n");
        fs::write(directory.path().join("stores.yaml"), format!("{stores}\n{serve}"))?;
        let log = fs::File::create(directory.path().join("server.log"))?;
        let child = Command::new(binary)
            .current_dir(directory.path())
            .args(["run", "stores.yaml"])
            .env("SECRET", SECRET_KEY)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self { child, port: 0, directory };
        let start = Instant::now();
        while server.port == 0 {
            server.port = announced(&server.log()).unwrap_or_default();
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", server.log());
            }
            ensure!(start.elapsed() < PATIENCE, "the server does not listen:\n{}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Its base URL.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Its working directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its output so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
    }

    /// The files that the server is writing for its FilesystemStore in `files`,
    /// including those that have no name yet.
    pub fn being_written(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid())).into_iter().flatten().flatten();
        let is_one = |path: &Path| {
            let target = fs::read_link(path).unwrap_or_default();
            target.starts_with(self.directory().join(".files.storage"))
                && !target.ends_with("lock")
                && fs::metadata(path).is_ok_and(|found| found.is_file())
        };
        open.filter(|entry| is_one(&entry.path())).count()
    }

    /// Replaces the stores (the YAML without `serve:`) in its configuration, without a
    /// reload.
    pub fn configure(&self, stores: &str) -> Result<()> {
        let file = self.directory().join("stores.yaml");
        let text = fs::read_to_string(&file)?;
        let (_, serve) = text.split_once("\nserve:\n").context("a configuration that serves")?;
        fs::write(file, format!("{stores}\nserve:\n{serve}"))?;
        Ok(())
    }

    /// Makes it reload its configuration, and waits until it serves it.
    pub fn reload(&self) -> Result<()> {
        let count = |log: &str, text: &str| log.matches(text).count();
        let (read, refused) = ("stores.yaml: read again; serving", "stores.yaml: not taken over");
        let before = self.log();
        self.signal(rustix::process::Signal::HUP)?;
        let start = Instant::now();
        loop {
            let log = self.log();
            ensure!(count(&log, refused) == count(&before, refused), "{log}");
            if count(&log, read) > count(&before, read) {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "it is not read again:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).context("kill")
    }

    /// Kills it, as in a crash, and returns the directory.
    pub fn crash(mut self) -> Result<TempDir> {
        self.child.kill()?;
        self.child.wait()?;
        let replacement = tempfile::tempdir()?;
        Ok(std::mem::replace(&mut self.directory, replacement))
    }

    /// Asks it to exit, waits, and returns the directory.
    pub fn stop(mut self) -> Result<TempDir> {
        self.signal(rustix::process::Signal::TERM)?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}:\n{}", self.log());
                let replacement = tempfile::tempdir()?;
                return Ok(std::mem::replace(&mut self.directory, replacement));
            }
            ensure!(start.elapsed() < PATIENCE, "the server does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The port from the log line that announces it, once the line is complete.
fn announced(log: &str) -> Option<u16> {
    let (_, rest) = log.split_once("://127.0.0.1:")?;
    rest.split_once('\n')?.0.trim().parse().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
