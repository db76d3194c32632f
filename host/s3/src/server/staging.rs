//! Staged parts of multipart uploads.
//!
//! Parts wait in files until the upload completes. They do not survive a
//! restart; clients then start over.

use super::body::{Arrived, Incoming, staging_failed};
use super::checksum::{Algorithm, Sum};
use super::layout::Piece;
use md5::{Digest, Md5};
use s3s::dto::Checksum;
use s3s::{S3Error, S3ErrorCode, S3Result};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use storage_store::Metadata;
use storage_store::files;
use tempfile::{TempDir, TempPath};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

const PREFIX: &str = "storage-host-parts-";

/// Uploads older than this are removed when the next one starts.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The S3 limits: the smallest part except for the last, and the most parts.
const MIN_PART: u64 = 5 * 1024 * 1024;
const MAX_PARTS: i32 = 10_000;

/// How many completed uploads to remember.
const COMPLETED: usize = 1_000;

/// All uploads in progress.
pub struct Staging {
    directory: TempDir,
    /// Locked as long as the directory is in use.
    _lock: std::fs::File,
    uploads: Mutex<HashMap<String, Upload>>,
    /// The last completed uploads by id, for clients that missed the response
    /// and retry.
    completed: Mutex<VecDeque<(String, Completed)>>,
}

/// The result of a completed upload.
#[derive(Clone)]
pub struct Completed {
    pub bucket: String,
    pub key: String,
    pub etag: String,
    pub sum: Option<Sum>,
}

/// An upload in progress.
#[derive(Clone)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub content_type: Option<String>,
    pub metadata: Metadata,
    /// The checksum algorithm of the parts, and whether the object's checksum
    /// is composite.
    pub sums: Option<(Algorithm, bool)>,
    /// The access key that started the upload.
    pub initiator: Option<String>,
    /// The access key that will own the object.
    pub owner: Option<String>,
    pub started: SystemTime,
    pub parts: BTreeMap<i32, Part>,
}

/// A part that arrived completely.
#[derive(Clone)]
pub struct Part {
    /// The file, removed with its last holder: a completing upload keeps its
    /// parts even if they are replaced or the upload is aborted meanwhile.
    pub path: Arc<TempPath>,
    pub md5: [u8; 16],
    pub size: u64,
    pub sum: Option<Sum>,
    pub modified: SystemTime,
}

impl Part {
    pub fn etag(&self) -> String {
        hex::encode(self.md5)
    }
}

impl Staging {
    /// Creates a private directory below `parent`, and removes those of servers
    /// that have ended.
    pub fn open(parent: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        for entry in std::fs::read_dir(parent)?.flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(PREFIX) {
                match files::open_own(&entry.path().join("lock")) {
                    Ok(lock) if lock.try_lock().is_ok() => {
                        let _ = std::fs::remove_dir_all(entry.path());
                    }
                    Ok(_) => {}
                    // Not created by a server, so not ours to remove.
                    Err(error) => tracing::warn!(
                        target: "storage", path = %entry.path().display(),
                        "not a directory of parts, and left there: its lock: {error}"
                    ),
                }
            }
        }
        // `tempfile` creates it with mode 0700.
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = std::fs::File::create(directory.path().join("lock"))?;
        lock.lock()?;
        Ok(Self { directory, _lock: lock, uploads: Mutex::default(), completed: Mutex::default() })
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an upload and returns its id.
    pub fn start(&self, upload: Upload) -> S3Result<String> {
        self.expire();
        let mut id = [0; 16];
        rustix::rand::getrandom(&mut id, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| staging_failed(&e.into()))?;
        let id = hex::encode(id);
        self.uploads().insert(id.clone(), upload);
        Ok(id)
    }

    fn expire(&self) {
        let old: Vec<String> = self
            .uploads()
            .iter()
            .filter(|(_, u)| u.started.elapsed().is_ok_and(|age| age > MAX_AGE))
            .map(|(id, _)| id.clone())
            .collect();
        for id in old {
            self.remove(&id);
        }
    }

    /// The upload with this id, if it is for this object.
    pub fn find(&self, id: &str, bucket: &str, key: &str) -> S3Result<Upload> {
        let found = self.uploads().get(id).filter(|u| u.bucket == bucket && u.key == key).cloned();
        found.ok_or_else(|| S3Error::new(S3ErrorCode::NoSuchUpload))
    }

    /// All uploads in a bucket as (id, upload), sorted by key and id.
    pub fn list(&self, bucket: &str) -> Vec<(String, Upload)> {
        let uploads = self.uploads();
        let mut list: Vec<_> = uploads
            .iter()
            .filter(|(_, upload)| upload.bucket == bucket)
            .map(|(id, upload)| (id.clone(), upload.clone()))
            .collect();
        list.sort_by(|(a_id, a), (b_id, b)| (&a.key, a_id).cmp(&(&b.key, b_id)));
        list
    }

    /// Creates a file for a part of an upload.
    pub async fn part(&self, id: &str, number: i32) -> S3Result<PartWriter> {
        if !(1..=MAX_PARTS).contains(&number) {
            let text = format!("part numbers are 1 to {MAX_PARTS}");
            return Err(S3Error::with_message(S3ErrorCode::InvalidArgument, text));
        }
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| staging_failed(&e.into()))?;
        let name = format!("{id}-{number}-{}", hex::encode(random));
        let path = TempPath::try_from_path(self.directory.path().join(name))
            .map_err(|e| staging_failed(&e))?;
        let file = File::create_new(&path).await.map_err(|e| staging_failed(&e))?;
        Ok(PartWriter { path, file, number })
    }

    /// Adds an arrived part to its upload, replacing one with the same number.
    pub fn keep(&self, id: &str, part: PartWriter, arrived: Arrived) -> S3Result<Part> {
        let Arrived { md5, ended, sum } = arrived;
        let path = Arc::new(part.path);
        let size = ended.length();
        let kept = Part { path, md5, size, sum, modified: SystemTime::now() };
        let replaced = match self.uploads().get_mut(id) {
            Some(upload) => upload.parts.insert(part.number, kept.clone()),
            None => return Err(S3Error::new(S3ErrorCode::NoSuchUpload)),
        };
        // Delete the replaced file outside the lock.
        drop(replaced);
        Ok(kept)
    }

    /// Forgets an upload that became an object, and remembers its result.
    pub fn complete(&self, id: &str, completed: Completed) {
        let mut list = self.completed.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() == COMPLETED {
            list.pop_front();
        }
        list.push_back((id.to_owned(), completed));
        drop(list);
        self.remove(id);
    }

    /// The result of a recently completed upload.
    pub fn completed(&self, id: &str, bucket: &str, key: &str) -> Option<Completed> {
        let list = self.completed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list.iter().find(|(done, _)| done == id).map(|(_, completed)| completed);
        found.filter(|completed| completed.bucket == bucket && completed.key == key).cloned()
    }

    /// Forgets an upload and its parts.
    pub fn remove(&self, id: &str) {
        let removed = self.uploads().remove(id);
        // Delete the files outside the lock.
        drop(removed);
    }
}

/// A part that is arriving; dropping it deletes its file.
pub struct PartWriter {
    path: TempPath,
    file: File,
    number: i32,
}

impl PartWriter {
    pub async fn push(&mut self, chunk: &[u8]) -> S3Result<()> {
        self.file.write_all(chunk).await.map_err(|e| staging_failed(&e))
    }

    /// Writes the whole body of a request, and verifies it.
    pub async fn fill(&mut self, mut body: Incoming) -> S3Result<Arrived> {
        while let Some(chunk) = body.next().await? {
            self.push(&chunk).await?;
        }
        self.flush().await?;
        body.finish().await
    }

    pub async fn flush(&mut self) -> S3Result<()> {
        self.file.flush().await.map_err(|e| staging_failed(&e))
    }
}

impl Upload {
    /// Checks the parts that a client lists, and returns them with their
    /// numbers.
    pub fn chosen(&self, wanted: &[Wanted]) -> S3Result<Vec<(i32, Part)>> {
        if wanted.is_empty() {
            let text = "an upload needs at least one part";
            return Err(S3Error::with_message(S3ErrorCode::MalformedXML, text));
        }
        let mut parts = Vec::with_capacity(wanted.len());
        let mut before = 0;
        for (index, Wanted { number, etag, sums }) in wanted.iter().enumerate() {
            if *number < before {
                return Err(S3Error::new(S3ErrorCode::InvalidPartOrder));
            }
            before = *number;
            // If a part is listed twice, the last entry counts.
            if wanted.get(index + 1).is_some_and(|next| next.number == *number) {
                continue;
            }
            let found = self.parts.get(number);
            let part = found.filter(|part| etag.as_ref().is_none_or(|etag| *etag == part.etag()));
            let Some(part) = part else {
                let text = format!("part {number} did not arrive, or has another etag");
                return Err(S3Error::with_message(S3ErrorCode::InvalidPart, text));
            };
            let sum = part.sum.as_ref().and_then(|sum| Some((sum, sum.algorithm.of(sums)?)));
            if sum.is_some_and(|(sum, wanted)| sum.value != *wanted) {
                let text = format!("part {number} has another checksum");
                return Err(S3Error::with_message(S3ErrorCode::InvalidPart, text));
            }
            parts.push((*number, part.clone()));
        }
        let last = parts.len() - 1;
        if parts.iter().take(last).any(|(_, part)| part.size < MIN_PART) {
            let text = format!("every part but the last has at least {MIN_PART} bytes");
            return Err(S3Error::with_message(S3ErrorCode::EntityTooSmall, text));
        }
        Ok(parts)
    }
}

/// A part as CompleteMultipartUpload lists it.
pub struct Wanted {
    pub number: i32,
    pub etag: Option<String>,
    pub sums: Checksum,
}

/// The part list to store with the object. Checksums are included if they use
/// the object's `algorithm`.
pub fn pieces(parts: &[(i32, Part)], algorithm: Option<Algorithm>) -> Vec<Piece> {
    let piece = |(number, part): &(i32, Part)| {
        let sum = part.sum.as_ref().filter(|sum| Some(sum.algorithm) == algorithm);
        Piece { number: *number, size: part.size, sum: sum.map(|sum| sum.value.clone()) }
    };
    parts.iter().map(piece).collect()
}

/// The etag of an object assembled from parts: the MD5 of their MD5s, `-`, and
/// their number.
pub fn etag(parts: &[(i32, Part)]) -> String {
    let mut digest = Md5::new();
    for (_, part) in parts {
        digest.update(part.md5);
    }
    format!("{}-{}", hex::encode(digest.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_store::source::Ended;

    async fn put(staging: &Staging, id: &str, bytes: &[u8]) -> Part {
        let mut writer = staging.part(id, 1).await.unwrap();
        writer.push(bytes).await.unwrap();
        writer.flush().await.unwrap();
        let md5 = Md5::digest(bytes).into();
        let ended = Ended::own(bytes.len() as u64);
        staging.keep(id, writer, Arrived { md5, ended, sum: None }).unwrap()
    }

    #[tokio::test]
    async fn a_part_that_is_replaced_or_aborted_stays_for_those_who_read_it() {
        let parent = tempfile::tempdir().unwrap();
        let staging = Staging::open(parent.path()).unwrap();
        let upload = Upload {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
            content_type: None,
            metadata: Metadata::new(),
            sums: None,
            initiator: None,
            owner: None,
            started: SystemTime::now(),
            parts: BTreeMap::new(),
        };
        let id = staging.start(upload).unwrap();
        let files = || std::fs::read_dir(staging.directory.path()).unwrap().count() - 1;
        drop(put(&staging, &id, b"first").await);
        let wanted = Wanted { number: 1, etag: None, sums: Checksum::default() };
        let chosen = staging.find(&id, "b", "k").unwrap().chosen(&[wanted]).unwrap();
        drop(put(&staging, &id, b"second").await);
        let path = || &*chosen.first().unwrap().1.path;
        assert_eq!(std::fs::read(path()).unwrap(), b"first");
        assert_eq!(files(), 2);
        staging.remove(&id);
        assert_eq!(std::fs::read(path()).unwrap(), b"first");
        assert_eq!(files(), 1);
        drop(chosen);
        assert_eq!(files(), 0);
    }

    #[test]
    fn what_others_put_among_the_staging_directories_is_left_and_does_not_keep_a_server_waiting() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let parent = tempfile::tempdir().unwrap();
        let named = |name: &str| parent.path().join(format!("{PREFIX}{name}"));
        let fifo = |path: &Path| {
            mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        };
        fifo(&named("pipe"));
        for name in ["with-pipe", "with-link", "with-folder", "dead"] {
            std::fs::create_dir(named(name)).unwrap();
        }
        fifo(&named("with-pipe").join("lock"));
        std::fs::write(parent.path().join("other"), "").unwrap();
        std::os::unix::fs::symlink("../other", named("with-link").join("lock")).unwrap();
        std::fs::create_dir(named("with-folder").join("lock")).unwrap();
        std::fs::write(named("dead").join("lock"), "").unwrap();
        fifo(&named("dead").join("part"));
        Staging::open(parent.path()).unwrap();
        assert!(!named("dead").exists(), "what a dead server left is still there");
        for name in ["pipe", "with-pipe", "with-link", "with-folder"] {
            assert!(named(name).symlink_metadata().is_ok(), "{name} is gone");
        }
    }

    #[tokio::test]
    async fn a_part_that_arrives_after_its_upload_was_aborted_leaves_no_file() {
        let parent = tempfile::tempdir().unwrap();
        let staging = Staging::open(parent.path()).unwrap();
        let writer = staging.part("gone", 1).await.unwrap();
        let arrived = Arrived { md5: [0; 16], ended: Ended::own(0), sum: None };
        assert!(staging.keep("gone", writer, arrived).is_err());
        // Only the lock file.
        assert_eq!(std::fs::read_dir(staging.directory.path()).unwrap().count(), 1);
    }
}
