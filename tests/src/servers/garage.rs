//! Garage: a single node, or a cluster of three full replicas.

use super::{Process, cache, config, free_port, fresh_name, run};
use crate::http;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use tempfile::TempDir;

const VERSION: &str = "2.5.0";
/// The region of every node.
pub const REGION: &str = "garage";
/// The access key of every node.
pub const ACCESS_KEY: &str = "GK0123456789abcdef01234567";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const RPC_SECRET: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const ADMIN_TOKEN: &str = "tests";

/// The build profile of the program.
#[derive(Clone, Copy, PartialEq)]
pub enum Build {
    /// Quick to build; the tests store little.
    Quick,
    /// Optimised like a release.
    Optimised,
}

/// The program, built from the crate registry if it is not in the cache.
fn binary(build: Build) -> Result<PathBuf> {
    let (suffix, level) = match build {
        Build::Quick => ("", "1"),
        Build::Optimised => ("-release", "3"),
    };
    let (root, _lock) = cache(&format!("garage-{VERSION}{suffix}"))?;
    let binary = root.join("bin/garage");
    if !binary.exists() {
        eprintln!("installing garage {VERSION}, once; this takes about ten minutes");
        let target = root.with_file_name(format!("garage-build{suffix}"));
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["install", "garage", "--version", VERSION, "--locked"]);
        cargo.args(["--no-default-features", "--features", "bundled-libs,sqlite", "--root"]);
        cargo.arg(&root).env("CARGO_TARGET_DIR", &target).stdin(Stdio::null());
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", level);
        cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
        run(&mut cargo)?;
        let _ = fs::remove_dir_all(target);
    }
    Ok(binary)
}

/// A running node.
pub struct Node {
    process: Process,
    file: PathBuf,
    s3: u16,
    admin: u16,
}

impl Node {
    /// Starts a single node with its data in `folder`. It fsyncs only with `syncs`.
    pub fn alone(folder: &Path, build: Build, syncs: bool) -> Result<Self> {
        let node = Self::start(&binary(build)?, folder, 1, true, syncs)?;
        node.healthy()?;
        Ok(node)
    }

    fn start(
        binary: &Path,
        folder: &Path,
        replication: u32,
        single: bool,
        syncs: bool,
    ) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let (s3, admin, rpc) = (free_port()?, free_port()?, free_port()?);
        let file = folder.join("garage.toml");
        let shown = folder.display();
        let text = format!(
            "metadata_dir = \"{shown}/meta\"\ndata_dir = \"{shown}/data\"\ndb_engine = \"sqlite\"\n\
             metadata_fsync = {syncs}\ndata_fsync = {syncs}\n\
             replication_factor = {replication}\nrpc_secret = \"{RPC_SECRET}\"\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\n\
             [s3_api]\ns3_region = \"{REGION}\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n\
             root_domain = \".localhost\"\n\
             [admin]\napi_bind_addr = \"127.0.0.1:{admin}\"\nadmin_token = \"{ADMIN_TOKEN}\"\n"
        );
        fs::write(&file, text)?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(&file).arg("server");
        if single {
            command.args(["--single-node", "--default-bucket"]);
            command.env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY);
            command.env("GARAGE_DEFAULT_SECRET_KEY", SECRET_KEY);
            command.env("GARAGE_DEFAULT_BUCKET", "default");
        }
        let process = Process::start(&command, folder.join("log"))?;
        let node = Self { process, file, s3, admin };
        node.process.wait(|| super::listens(admin))?;
        Ok(node)
    }

    /// Waits until the node can serve.
    fn healthy(&self) -> Result<()> {
        let answer = || http::request(self.admin, "GET", "/health", &[], b"");
        self.process.wait(|| answer().is_ok_and(|(status, _, _)| status == 200))
    }

    fn cli(&self, binary: &Path, args: &[&str]) -> Result<String> {
        run(Command::new(binary).arg("-c").arg(&self.file).args(args))
    }

    fn admin(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let token = format!("Bearer {ADMIN_TOKEN}");
        let body = body.to_string();
        let headers = [("authorization", token.as_str())];
        let (status, _, answer) =
            http::request(self.admin, method, path, &headers, body.as_bytes())?;
        let text = String::from_utf8_lossy(&answer);
        ensure!(status == 200, "{method} {path}: {status} {text}");
        // The body may be chunked: take what is in braces as the JSON.
        let json = text.find('{').zip(text.rfind('}')).and_then(|(a, b)| text.get(a..=b));
        serde_json::from_str(json.unwrap_or_default()).with_context(|| format!("{path}: {text}"))
    }

    /// The config of a store over a bucket.
    pub fn config(&self, bucket: &str) -> Value {
        config(self.s3, REGION, bucket, ACCESS_KEY, SECRET_KEY)
    }

    /// Creates a bucket and returns its name.
    pub fn bucket(&self) -> Result<String> {
        let name = fresh_name();
        let made = self.admin("POST", "/v2/CreateBucket", &json!({"globalAlias": name}))?;
        let rights = json!({"read": true, "write": true, "owner": true});
        let allow =
            json!({"bucketId": made["id"], "accessKeyId": ACCESS_KEY, "permissions": rights});
        self.admin("POST", "/v2/AllowBucketKey", &allow)?;
        Ok(name)
    }

    /// The number of unfinished uploads of a key, from the object's own entry, since
    /// the bucket's counters lag behind.
    pub fn unfinished(&self, bucket: &str, key: &str) -> Result<usize> {
        let path = format!("/v2/GetBucketInfo?globalAlias={bucket}");
        let info = self.admin("GET", &path, &Value::Null)?;
        let id = info["id"].as_str().context("no id of the bucket")?;
        let path = format!("/v2/InspectObject?bucketId={id}&key={key}");
        let object = self.admin("GET", &path, &Value::Null)?;
        let versions = object["versions"].as_array().context("no versions")?;
        Ok(versions.iter().filter(|version| version["uploading"] == true).count())
    }

    /// Its S3 port.
    pub fn port(&self) -> u16 {
        self.s3
    }

    /// Kills it.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }
}

/// The node shared by the tests of a process.
pub fn shared() -> Result<&'static Node> {
    static NODE: OnceLock<(Node, TempDir)> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((node, _)) = NODE.get() {
        return Ok(node);
    }
    let folder = tempfile::tempdir()?;
    let node = Node::alone(folder.path(), Build::Quick, false)?;
    Ok(&NODE.get_or_init(|| (node, folder)).0)
}

/// Three nodes that each hold everything, and a bucket.
pub struct Cluster {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The bucket.
    pub bucket: String,
    _folder: TempDir,
}

impl Cluster {
    /// Starts a cluster.
    pub fn start() -> Result<Self> {
        let binary = binary(Build::Quick)?;
        let folder = tempfile::tempdir()?;
        let node = |name| Node::start(&binary, &folder.path().join(name), 3, false, false);
        let nodes = vec![node("one")?, node("two")?, node("three")?];
        let first = nodes.first().context("no node")?;
        for node in &nodes {
            let id = node.cli(&binary, &["node", "id", "-q"])?;
            first.cli(&binary, &["node", "connect", id.trim()])?;
            let name = id.split('@').next().unwrap_or_default();
            first.cli(&binary, &["layout", "assign", "-z", "here", "-c", "1G", name])?;
        }
        first.cli(&binary, &["layout", "apply", "--version", "1"])?;
        for node in &nodes {
            node.healthy()?;
        }
        first.cli(&binary, &["key", "import", "--yes", ACCESS_KEY, SECRET_KEY])?;
        let bucket = first.bucket()?;
        Ok(Self { nodes, bucket, _folder: folder })
    }
}
