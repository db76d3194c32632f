//! State that the store shares with its readers and writers.

use super::checksum::{Crc, Kept};
use super::client::Checks;
use super::condition_support::ConditionSupport;
use super::object_metadata::{self, Found};
use super::retry::{Calls, RequestTime};
use super::trial_key;
use aws_sdk_s3::Client;
use md5::{Digest as _, Md5};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use std::sync::atomic::AtomicBool;
use storage_store::{Error, Result, check_key, key_too_long};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;

/// Bytes that need no escape in the source of a copy.
const SAFE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The longest key in S3.
pub(super) const MAX_KEY_BYTES: usize = 1024;

/// Checks a key. Most servers other than Amazon's treat `/a` as `a`, so two keys
/// would share an object.
pub(super) fn check(key: &str, amazon: bool) -> Result<()> {
    check_key(key)?;
    if trial_key::is_key(key) {
        return Err(Error::InvalidKey(format!("{key:?} is a name of this store's own")));
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(key_too_long(key, MAX_KEY_BYTES, "a key of S3"));
    }
    match key.starts_with('/') && !amazon {
        true => Err(Error::InvalidKey(format!(
            "{key:?} begins with a slash, which servers other than Amazon S3 drop"
        ))),
        false => Ok(()),
    }
}

/// State that the store shares with its readers and writers.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) calls: Calls,
    pub(super) bucket: String,
    /// Bucket and server, for messages.
    pub(super) place: String,
    pub(super) amazon: bool,
    pub(super) checks: Checks,
    pub(super) part_size: usize,
    pub(super) concurrency: usize,
    /// Whether the server acts on preconditions of writes.
    pub(super) conditions: ConditionSupport,
    /// The same for deletions; found out when first needed.
    pub(super) conditional_delete: OnceCell<bool>,
    /// Whether the etag of a multipart upload is the MD5 of its parts' MD5s.
    /// Assumed until an upload shows otherwise.
    pub(super) composite: AtomicBool,
    /// Whether every etag that looked like the MD5 of the bytes was so far.
    pub(super) claims: AtomicBool,
    /// Background tasks; closing the store waits for them.
    pub(super) tasks: TaskTracker,
    pub(super) runtime: Handle,
}

impl Shared {
    pub(super) fn check(&self, key: &str) -> Result<()> {
        check(key, self.amazon)
    }

    /// Bucket, server and key, for messages.
    pub(super) fn at(&self, key: &str) -> String {
        format!("{}, key {key:?}", self.place)
    }

    pub(super) async fn head(&self, key: &str) -> Result<Found> {
        let answer = self.calls.send(RequestTime::Normal, || {
            self.client.head_object().bucket(&self.bucket).key(key).send()
        });
        let answer = answer.await.map_err(|f| f.error(&self.at(key)))?;
        Ok(object_metadata::head(&answer, self.checks))
    }

    /// A key as the source of a copy.
    pub(super) fn source(&self, key: &str) -> String {
        let safe = |part| percent_encoding::utf8_percent_encode(part, SAFE).to_string();
        format!("{}/{}", safe(&self.bucket), safe(key))
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn remove(&self, key: &str, etag: Option<&str>) -> Result<()> {
        let answer = self.calls.send(RequestTime::Normal, || {
            let request = self.client.delete_object().bucket(&self.bucket).key(key);
            request.set_if_match(etag.map(object_metadata::quoted)).send()
        });
        answer.await.map(drop).map_err(|f| f.error(&self.at(key)))
    }

    /// The checksum to send with these bytes.
    pub(super) fn crc32(&self, data: &[u8]) -> Option<String> {
        self.checks.crc.then(|| Crc::of(data).text())
    }

    /// The MD5 to send with these bytes.
    pub(super) fn content_md5(&self, data: &[u8]) -> Option<String> {
        let wanted = self.checks.md5;
        wanted.then(|| base64_simd::STANDARD.encode_to_string(Md5::digest(data)))
    }

    /// What to keep with an object of these bytes.
    pub(super) fn kept(&self, data: &[u8]) -> Kept {
        match self.checks {
            Checks { md5: true, .. } => Kept::Md5(hex::encode(Md5::digest(data))),
            Checks { read: true, .. } => Kept::Crc(Crc::of(data)),
            _ => Kept::Nothing,
        }
    }

    /// The error for a conditional write whose answer was lost.
    pub(super) fn unsure(&self, key: &str) -> Error {
        Error::Unavailable(format!(
            "{}: the answer was lost, and the object that is there now may be this write's or \
             another's; read it before trying again",
            self.at(key)
        ))
    }
}
