//! Data written by each released version, in `tests/data/VERSION`. Run `cargo run -p
//! storage-tests --bin released` before a release to write it.
//!
//! A folder holds the files of the stores, `stores.yaml` (where `DIR` stands for their
//! location), `expected.json` with the objects that a reader must get, and
//! `attributes.json` with the extended attributes and times of the files, which git
//! does not keep.

use crate::server::{Server, binary};
use crate::{http, tidy};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};
use storage_conformance::cases::bytes;
use storage_host::StoreFactory;
use storage_host::store::PutOptions;

/// Stores that this process writes and closes properly.
const STORES: &str = "stores:
  files: {type: FilesystemStore, config: {root_path: DIR/files}}
  safe: {type: SafeFilesystemStore, config: {root_path: DIR/safe}}
  hashed: {type: HashdirStore, config: {root_path: DIR/hashed, index: true}}
  plain: {type: HashdirStore, config: {root_path: DIR/plain, width: 3, depth: 1}}
  database: {type: SqliteStore, config: {db_path: DIR/database.db}}
  archive: {type: ZipStore, config: {path: DIR/archive.zip}}
  layout: {type: HashPrefixStore, base: below}
  below: {type: SqliteStore, config: {db_path: DIR/below.db}}
  compressed: {type: GzipStore, base: layout}
  cached: {type: CachingStore, base: {main_store: beside, cache_store: cache}}
  beside: {type: SqliteStore, config: {db_path: DIR/beside.db}}
  cache: {type: FilesystemStore, config: {root_path: DIR/cache}}
";

/// A mirror whose second child missed the writes.
const MIRROR: &str = "  one: {type: FilesystemStore, config: {root_path: DIR/one}}
  journal: {type: FilesystemStore, config: {root_path: DIR/journal}}
  both: {type: MirroringStore, base: [one, two], config: {write: any, journal: journal}}
";

/// The second child during those writes: an unreachable server.
const GONE: &str = "  two:
    type: BucketStore
    config:
      bucket_name: main
      endpoint_url: http://127.0.0.1:1
      region: us-east-1
      s3_access_key: none
      s3_secret_key: none
      conditional: true
      retry_deadline: 0
      connect_timeout: 1
";

/// The second child afterwards.
const BACK: &str = "  two: {type: FilesystemStore, config: {root_path: DIR/two}}\n";

/// Stores of a server that was killed.
const KILLED: &str = "  killed-database: {type: SqliteStore, config: {db_path: DIR/killed.db}}
  killed-archive: {type: ZipStore, config: {path: DIR/killed.zip}}
";

/// The stores that a reader opens. All hold the same objects.
pub const READABLE: &[&str] = &[
    "files",
    "safe",
    "hashed",
    "plain",
    "database",
    "archive",
    "compressed",
    "cached",
    "both",
    "killed-database",
    "killed-archive",
];

/// An expected object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The number of bytes, which are made from the seed.
    pub length: usize,
    /// The seed of the bytes.
    pub seed: u64,
    /// The MD5 of the bytes.
    pub etag: String,
    /// The media type.
    pub content_type: Option<String>,
    /// User metadata.
    pub metadata: Vec<(String, String)>,
}

impl Object {
    /// Its bytes.
    pub fn data(&self) -> Vec<u8> {
        bytes(self.length, self.seed)
    }
}

/// A file's metadata.
#[derive(Serialize, Deserialize)]
struct Attributes {
    /// Nanoseconds since 1970.
    modified: u64,
    /// The store's extended attribute.
    kept: serde_json::Value,
}

const ATTRIBUTE: &str = "user.storage.object";

/// The folder with the data of all versions.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// All versions with data.
pub fn versions() -> Result<Vec<String>> {
    let entries = fs::read_dir(folder())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn objects() -> BTreeMap<String, Object> {
    let object = |(key, length): (&str, usize)| {
        let seed = key.len() as u64 + 1;
        let data = bytes(length, seed);
        let etag = hex::encode(Md5::digest(&data));
        let content_type = (length > 0).then(|| format!("text/x-{length}"));
        let metadata = match length {
            0 => Vec::new(),
            _ => vec![("of".to_owned(), seed.to_string()), ("size".to_owned(), length.to_string())],
        };
        (key.to_owned(), Object { length, seed, etag, content_type, metadata })
    };
    let keys =
        [("empty", 0), ("a/b/ümlaut and space.txt", 10), ("a/c", 5_000), ("z-large", 30_000)];
    keys.into_iter().map(object).collect()
}

/// Writes the data of this version to a folder that must not exist.
pub async fn make(to: &Path) -> Result<()> {
    ensure!(!to.exists(), "{} is there already: data of a release is never changed", to.display());
    let work = tempfile::tempdir()?;
    let at = work.path();
    // The server's files are made in its own directory and then moved.
    let killed = killed(&objects())?;
    for entry in fs::read_dir(killed.path())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !matches!(name.as_str(), "stores.yaml" | "server.log" | "staging" | "killed.db-shm") {
            let target = at.join(name);
            ensure!(Command::new("cp").arg("-a").arg(entry.path()).arg(target).status()?.success());
        }
    }
    fs::write(at.join("stores.yaml"), format!("{STORES}{MIRROR}{GONE}main: files\n"))?;
    settle(at)?;
    let factory = StoreFactory::from_yaml(at.join("stores.yaml"))?;
    for store in READABLE.iter().filter(|store| !store.starts_with("killed")) {
        let store = factory.open(store).await?;
        for (key, object) in &objects() {
            let options = PutOptions {
                content_type: object.content_type.clone(),
                metadata: object.metadata.clone(),
                etag: Some(object.etag.clone()),
                ..PutOptions::default()
            };
            let put = store.put(key, Bytes::from(object.data()), options).await;
            put.with_context(|| format!("{key} in {}", store.name()))?;
        }
    }
    factory.close().await?;
    let stores = format!("{STORES}{MIRROR}{BACK}{KILLED}main: files\n");
    let mut attributes = BTreeMap::new();
    for path in tidy::files(at)? {
        let (from, target) = (at.join(&path), to.join(&path));
        fs::create_dir_all(target.parent().context("no folder")?)?;
        fs::copy(&from, target)?;
        let mut kept = vec![0; 64 * 1024];
        if let Ok(length) = rustix::fs::getxattr(&from, ATTRIBUTE, &mut kept[..]) {
            let kept = serde_json::from_slice(kept.get(..length).unwrap_or_default())?;
            let found = fs::metadata(&from)?;
            let modified = found.mtime() * 1_000_000_000 + found.mtime_nsec();
            let attribute = Attributes { modified: modified.cast_unsigned(), kept };
            attributes.insert(path, attribute);
        }
    }
    fs::write(to.join("stores.yaml"), stores)?;
    fs::write(to.join("expected.json"), serde_json::to_string_pretty(&objects())? + "\n")?;
    fs::write(to.join("attributes.json"), serde_json::to_string_pretty(&attributes)? + "\n")?;
    Ok(())
}

/// The directory of a server that was killed right after its last answer.
fn killed(objects: &BTreeMap<String, Object>) -> Result<tempfile::TempDir> {
    ensure!(binary().exists());
    let stores = format!("stores:\n{KILLED}main: killed-database").replace("DIR", ".");
    let serve = "anonymous: true\n  expose: {database: killed-database, archive: killed-archive}";
    let server = Server::start_serving(&stores, serve)?;
    for bucket in ["database", "archive"] {
        for (key, object) in objects {
            let metadata: Vec<_> = object
                .metadata
                .iter()
                .map(|(name, value)| (format!("x-amz-meta-{name}"), value.clone()))
                .collect();
            let mut headers: Vec<(&str, &str)> =
                metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            headers.extend(object.content_type.as_deref().map(|kind| ("content-type", kind)));
            let path = format!("/{bucket}/{}", escaped(key));
            let answer = http::request(server.port(), "PUT", &path, &headers, &object.data())?;
            ensure!(answer.0 == 200, "{path}: {}", answer.1);
        }
    }
    server.crash()
}

/// Percent-encodes a key for a request path.
fn escaped(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte);
    let part = |byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    key.bytes().map(part).collect()
}

/// The objects that readers of a version's data must get.
pub fn expected(from: &Path) -> Result<BTreeMap<String, Object>> {
    let text = fs::read_to_string(from.join("expected.json"))?;
    Ok(serde_json::from_str(&text)?)
}

/// Copies a version's data to a fresh directory, as on a disk before an upgrade.
pub fn unpack(from: &Path) -> Result<tempfile::TempDir> {
    let work = tempfile::tempdir()?;
    let attributes: BTreeMap<String, Attributes> =
        serde_json::from_str(&fs::read_to_string(from.join("attributes.json"))?)?;
    let copied = Command::new("cp").arg("-r").arg(from.join(".")).arg(work.path()).status()?;
    ensure!(copied.success(), "{} can't be copied", from.display());
    for (path, Attributes { modified, mut kept }) in attributes {
        let path = work.path().join(path);
        // The attribute is bound to the inode of its file.
        kept["inode"] = fs::metadata(&path)?.ino().into();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, ATTRIBUTE, &serde_json::to_vec(&kept)?, flags)
            .context("the tests need a filesystem with extended attributes for temporary files")?;
        let time = UNIX_EPOCH + Duration::from_nanos(modified);
        File::options().write(true).open(&path)?.set_times(FileTimes::new().set_modified(time))?;
    }
    settle(work.path())?;
    Ok(work)
}

/// Sets the paths in the configuration to the current folder.
fn settle(folder: &Path) -> Result<()> {
    let file = folder.join("stores.yaml");
    let here = folder.display().to_string();
    fs::write(&file, fs::read_to_string(&file)?.replace("DIR", &here))?;
    Ok(())
}
