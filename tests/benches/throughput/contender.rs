//! The compared servers, each over a fresh directory.

use crate::processor::Process;
use anyhow::{Context, Result};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use storage_tests::server::{self, Server};
use storage_tests::servers::garage::{self, Build, Node};
use storage_tests::servers::moto::{self, Moto};
use storage_tests::servers::rclone::{self, Rclone};
use storage_tests::servers::s3s_fs;
use storage_tests::signing::Signer;
use tempfile::TempDir;

/// The argument that makes this program act as the server s3s-fs.
pub const SERVE_S3S_FS: &str = "--serve-s3s-fs";

const BUCKET: &str = "main";

/// A compared server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// This project: IdentityStore over FilesystemStore.
    Ours {
        durable: bool,
        /// With `serve.etag: fast`.
        fast: bool,
    },
    /// The same from another build.
    Other {
        durable: bool,
    },
    Garage {
        syncs: bool,
    },
    S3sFs,
    Rclone,
    Moto,
}

impl Contender {
    pub const ALL: [Self; 10] = [
        Self::Ours { durable: true, fast: false },
        Self::Ours { durable: false, fast: false },
        Self::Ours { durable: false, fast: true },
        Self::Other { durable: true },
        Self::Other { durable: false },
        Self::Garage { syncs: true },
        Self::Garage { syncs: false },
        Self::S3sFs,
        Self::Rclone,
        Self::Moto,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours { durable: true, .. } => "durable",
            Self::Ours { fast: true, .. } => "not durable, fast etags",
            Self::Ours { .. } => "not durable",
            Self::Other { durable: true } => "other durable",
            Self::Other { durable: false } => "other not durable",
            Self::Garage { syncs: true } => "garage+fsync",
            Self::Garage { syncs: false } => "garage",
            Self::S3sFs => "s3s-fs",
            Self::Rclone => "rclone",
            Self::Moto => "moto",
        }
    }
}

/// Keeps a server running.
#[expect(dead_code, reason = "they are held for their drop alone")]
enum Held {
    Ours(Server),
    Garage(Node),
    S3sFs(Kill),
    Rclone(Rclone),
    Moto(Moto),
}

struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server.
pub struct Running {
    _held: Held,
    port: u16,
    process: Process,
    bucket: String,
    keys: (&'static str, &'static str, &'static str),
    _directory: Option<TempDir>,
}

impl Running {
    /// Starts a server over a directory in `place`; `other` is the binary of another
    /// build.
    pub fn start(contender: Contender, place: &Path, other: &Path) -> Result<Self> {
        let directory = tempfile::tempdir_in(place)?;
        let path = directory.path().canonicalize()?;
        let folder = path.join("files");
        fs::create_dir_all(folder.join(BUCKET))?;
        let mut bucket = BUCKET.to_owned();
        let (held, port, keys) = match contender {
            Contender::Ours { durable, .. } | Contender::Other { durable } => {
                let stores = format!(
                    "main: main\nstores:\n  main: {{type: IdentityStore, base: objects}}\n  \
                     objects:\n    type: FilesystemStore\n    \
                     config: {{root_path: objects, durable: {durable}}}\n"
                );
                let server = match contender {
                    Contender::Other { .. } => Server::start_build(other, directory, &stores)?,
                    Contender::Ours { fast: true, .. } => {
                        let serve = format!(
                            "etag: fast\n  credentials: {{access_key: {}, secret_key: {}}}",
                            server::ACCESS_KEY,
                            server::SECRET_KEY
                        );
                        Server::start_serving_in(directory, &stores, &serve)?
                    }
                    _ => Server::start_in(directory, &stores)?,
                };
                let port = server.port();
                let keys = ("us-east-1", server::ACCESS_KEY, server::SECRET_KEY);
                let held = Held::Ours(server);
                let process = Process::listening(port)?;
                return Ok(Self { _held: held, port, process, bucket, keys, _directory: None });
            }
            Contender::Garage { syncs } => {
                let node = Node::alone(&folder, Build::Optimised, syncs)?;
                bucket = node.bucket()?;
                let port = node.port();
                (Held::Garage(node), port, (garage::REGION, garage::ACCESS_KEY, garage::SECRET_KEY))
            }
            Contender::S3sFs => {
                let mut server = Command::new(std::env::current_exe()?);
                server.arg(SERVE_S3S_FS).arg(&folder).stdout(Stdio::piped());
                let mut server = server.spawn()?;
                let mut port = String::new();
                let printed = server.stdout.take().context("no output")?;
                let held = Held::S3sFs(Kill(server));
                BufReader::new(printed).read_line(&mut port)?;
                let port = port.trim().parse().context("s3s-fs does not start")?;
                (held, port, ("us-east-1", s3s_fs::ACCESS_KEY, s3s_fs::SECRET_KEY))
            }
            Contender::Rclone => {
                let server = Rclone::start(&folder)?;
                let port = server.port();
                let keys = ("us-east-1", rclone::ACCESS_KEY, rclone::SECRET_KEY);
                (Held::Rclone(server), port, keys)
            }
            Contender::Moto => {
                let server = Moto::start(&path)?;
                bucket = server.new_bucket()?;
                let port = server.port();
                (Held::Moto(server), port, ("us-east-1", moto::ACCESS_KEY, moto::SECRET_KEY))
            }
        };
        let process = Process::listening(port)?;
        Ok(Self { _held: held, port, process, bucket, keys, _directory: Some(directory) })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The processor time that the server has taken so far.
    pub fn processor_time(&self) -> Result<Duration> {
        self.process.time()
    }

    pub fn signer(&self) -> Result<Signer> {
        let (region, access_key, secret_key) = self.keys;
        Signer::new(self.port, region, access_key, secret_key)
    }

    pub fn path(&self, key: &str) -> String {
        format!("/{}/{key}", self.bucket)
    }
}

/// Runs s3s-fs, after printing its port.
pub fn serve_s3s_fs(folder: &str) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    s3s_fs::serve(Path::new(folder), listener)
}
