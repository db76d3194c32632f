//! s3s-fs: an S3 server over a folder, run in a thread of this process.

use super::{config, fresh_name};
use anyhow::{Context, Result};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::Value;
use std::sync::{Mutex, OnceLock, PoisonError};
use tempfile::TempDir;
use tokio::net::TcpListener;

const ACCESS_KEY: &str = "TESTS";
const SECRET_KEY: &str = "tests";

/// A running server.
pub struct S3sFs {
    port: u16,
    root: TempDir,
}

impl S3sFs {
    /// Makes a new bucket; gives the config of a store over it.
    pub fn bucket(&self) -> Result<Value> {
        let name = fresh_name();
        std::fs::create_dir(self.root.path().join(&name))?;
        Ok(config(self.port, "us-east-1", &name, ACCESS_KEY, SECRET_KEY))
    }
}

/// The one that the tests of a process share.
pub fn shared() -> Result<&'static S3sFs> {
    static SERVER: OnceLock<S3sFs> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = SERVER.get() {
        return Ok(server);
    }
    let root = tempfile::tempdir()?;
    let files = FileSystem::new(root.path()).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("bind")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
    });
    Ok(SERVER.get_or_init(|| S3sFs { port, root }))
}
