//! s3s-fs: an S3 server over a folder, used as a library.

use super::{config, fresh_name};
use anyhow::{Context, Result};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::Value;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The access key of every server.
pub const ACCESS_KEY: &str = "TESTS";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "tests";

/// A running server.
pub struct S3sFs {
    port: u16,
    root: TempDir,
}

impl S3sFs {
    /// Creates a bucket and returns the config of a store over it.
    pub fn bucket(&self) -> Result<Value> {
        let name = fresh_name();
        std::fs::create_dir(self.root.path().join(&name))?;
        Ok(config(self.port, "us-east-1", &name, ACCESS_KEY, SECRET_KEY))
    }
}

/// The server shared by the tests of a process.
pub fn shared() -> Result<&'static S3sFs> {
    static SERVER: OnceLock<S3sFs> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = SERVER.get() {
        return Ok(server);
    }
    let root = tempfile::tempdir()?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("bind")?;
    let port = listener.local_addr()?.port();
    let folder = root.path().to_owned();
    std::thread::spawn(move || serve(&folder, listener));
    Ok(SERVER.get_or_init(|| S3sFs { port, root }))
}

/// Serves a folder as the program `s3s-fs` does, until the process ends.
pub fn serve(folder: &Path, listener: std::net::TcpListener) -> Result<()> {
    let files = FileSystem::new(folder).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    listener.set_nonblocking(true)?;
    tokio::runtime::Runtime::new()?.block_on(async move {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (socket, _) = listener.accept().await?;
            let service = service.clone();
            tokio::spawn(async move {
                let http = Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    })
}
