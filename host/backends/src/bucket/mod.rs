//! BucketStore: objects in a bucket of an S3 server.
//!
//! - [`config`], [`client`]: from a configuration to the SDK's client.
//! - [`retry`]: limits and retries of requests. [`failure`]: their errors.
//! - [`object_metadata`]: metadata as headers, and what a listing can't show of it.
//! - [`reader`], [`write`], [`upload`], [`copying`], [`list`]: the operations.
//! - [`conditions`]: whether preconditions hold. [`probe`]: trials of the server.
//!   [`stale`]: abandoned uploads.
//! - [`presign`]: URLs for clients without keys.

mod client;
mod conditions;
mod config;
mod copying;
mod failure;
mod list;
mod object_metadata;
pub(crate) mod presign;
mod probe;
mod reader;
mod retry;
mod stale;
mod upload;
mod write;

use super::{Backend, OpenArgs};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use bytes::Bytes;
use client::{Checks, Made};
use conditions::{Conditions, Verdict};
use config::{Conditional, Config};
use object_metadata::Found;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use reader::BucketReader;
use retry::{Calls, RequestTime};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use storage_store::{
    Capabilities, DeleteOptions, Error, ListOptions, MAX_INLINE_BYTES, ObjectInfo, ObjectStore,
    Page, PutOptions, ReadOptions, Reader, Result, SharedStore, Writer, check_key, key_too_long,
};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use write::BucketWriter;

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "BucketStore",
    aliases: &["AsyncBucketStore"],
    config_schema: config::SCHEMA,
    doc: "Objects in a bucket of Amazon S3 or of a server that speaks its language.",
    place: None,
    files: &["ca_file", "s3_secret_key_file"],
    open: |args| Box::pin(open(args)),
};

/// How long opening a store waits for a server that is down.
const OPENING: Duration = Duration::from_secs(5);

/// Bytes that need no escape in the source of a copy.
const SAFE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The longest key in S3.
const MAX_KEY_BYTES: usize = 1024;

/// Checks a key. Most servers other than Amazon's treat `/a` as `a`, so two keys
/// would share an object.
fn check(key: &str, amazon: bool) -> Result<()> {
    check_key(key)?;
    if probe::is_key(key) {
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
struct Shared {
    client: Client,
    calls: Calls,
    bucket: String,
    /// Bucket and server, for messages.
    place: String,
    amazon: bool,
    checks: Checks,
    part_size: usize,
    concurrency: usize,
    /// Whether the server acts on preconditions of writes.
    conditions: Conditions,
    /// The same for deletions; found out when first needed.
    conditional_delete: OnceCell<bool>,
    /// Whether the etag of a multipart upload is the MD5 of its parts' MD5s.
    /// Assumed until an upload shows otherwise.
    composite: AtomicBool,
    /// Whether every etag that looked like the MD5 of the bytes was so far.
    claims: AtomicBool,
    /// Background tasks; closing the store waits for them.
    tasks: TaskTracker,
    runtime: Handle,
}

impl Shared {
    fn check(&self, key: &str) -> Result<()> {
        check(key, self.amazon)
    }

    /// Bucket, server and key, for messages.
    fn at(&self, key: &str) -> String {
        format!("{}, key {key:?}", self.place)
    }

    async fn head(&self, key: &str) -> Result<Found> {
        let answer = self.calls.send(RequestTime::Normal, || {
            self.client.head_object().bucket(&self.bucket).key(key).send()
        });
        let answer = answer.await.map_err(|f| f.error(&self.at(key)))?;
        Ok(object_metadata::head(&answer, self.checks))
    }

    /// A key as the source of a copy.
    fn source(&self, key: &str) -> String {
        let safe = |part| percent_encoding::utf8_percent_encode(part, SAFE).to_string();
        format!("{}/{}", safe(&self.bucket), safe(key))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, key: &str, etag: Option<&str>) -> Result<()> {
        let answer = self.calls.send(RequestTime::Normal, || {
            let request = self.client.delete_object().bucket(&self.bucket).key(key);
            request.set_if_match(etag.map(object_metadata::quoted)).send()
        });
        answer.await.map(drop).map_err(|f| f.error(&self.at(key)))
    }
}

struct Bucket {
    shared: Arc<Shared>,
}

async fn open(args: OpenArgs) -> Result<SharedStore> {
    let config = Config::new(&args)?;
    let Made { client, checks, place, amazon } = client::client(&config, &args).await?;
    let shared = Arc::new(Shared {
        client,
        calls: Calls::new(&place, config.timeout, config.retry_deadline),
        bucket: config.bucket_name,
        place,
        amazon,
        checks,
        part_size: config.part_size,
        concurrency: config.concurrency,
        conditions: Conditions::new(match config.conditional {
            Conditional::Known(acts) => Some(acts),
            Conditional::Auto => None,
        }),
        conditional_delete: OnceCell::new(),
        composite: AtomicBool::new(true),
        claims: AtomicBool::new(true),
        tasks: TaskTracker::new(),
        runtime: Handle::current(),
    });
    let try_out = config.conditional == Conditional::Auto && !args.check_only;
    let hurried = Calls::new(&shared.place, config.timeout, config.retry_deadline.min(OPENING));
    let reached = probe::reach(&shared, &hurried).await;
    if reached.is_ok() {
        shared.calls.trust();
    }
    match reached.map_err(|failure| failure.error(&shared.place)) {
        Err(error) if args.check_only => return Err(error),
        // The server may be up later.
        Err(Error::Unavailable(why)) => tracing::warn!("{why}"),
        // Keys without the right to list may have other rights.
        Ok(()) | Err(Error::PermissionDenied(_)) if try_out => {
            match shared.try_conditions().await {
                Err(Error::Unavailable(why)) => tracing::warn!("{why}"),
                tried => tried?,
            }
        }
        Ok(()) | Err(Error::PermissionDenied(_)) => {}
        Err(error) => return Err(error),
    }
    if let Some(days) = config.stale_uploads_days.filter(|_| !args.check_only) {
        let age = Duration::from_secs_f64(days.min(100_000.0) * 86_400.0);
        let (tasks, shared) = (shared.tasks.clone(), shared.clone());
        tasks.spawn(async move {
            match stale::abort(&shared, age).await {
                Ok(0) => {}
                Ok(count) => tracing::info!("{}: {count} stale uploads aborted", shared.place),
                Err(error) => tracing::warn!("stale uploads could not be aborted: {error}"),
            }
        });
    }
    Ok(Arc::new(Bucket { shared }))
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Bucket {
    fn capabilities(&self) -> Capabilities {
        Capabilities { conditional: self.shared.conditions.claimed(), ..Capabilities::ALL }
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.shared.check(key)?;
        let reader = BucketReader::open(self.shared.clone(), key.to_owned(), &options).await?;
        reader.all(MAX_INLINE_BYTES).await
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.shared.check(key)?;
        if data.len() <= self.shared.part_size {
            return write::small(&self.shared, key, data, &options).await;
        }
        let writer = BucketWriter::start(self.shared.clone(), key.to_owned(), options).await?;
        let mut writer: Box<dyn Writer> = Box::new(writer);
        writer.push(data).await?;
        writer.finish(Default::default()).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.shared.check(key)?;
        self.shared.exists(key).await
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        self.shared.check(key)?;
        let shared = &self.shared;
        // The server's answer is the same whether there was an object or not.
        let found = shared.head(key).await?;
        let Some(wanted) = options.if_match else { return shared.remove(key, None).await };
        if found.info.etag.as_ref() != Some(&wanted) {
            return Err(Error::PreconditionFailed);
        }
        let acts = || async {
            Ok(shared.conditions().await? == Verdict::Acts && probe::deleting(shared).await?)
        };
        if !*shared.conditional_delete.get_or_try_init(acts).await? {
            return Err(Error::Unsupported(format!(
                "{}: the server does not act on preconditions of deletions (if-match)",
                shared.place
            )));
        }
        shared.remove(key, Some(&found.etag)).await
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.shared.check(key)?;
        Ok(self.shared.head(key).await?.info)
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        list::list(&self.shared, options).await
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        self.shared.check(key)?;
        let reader = BucketReader::open(self.shared.clone(), key.to_owned(), &options).await?;
        Ok(Box::new(reader))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        self.shared.check(key)?;
        let writer = BucketWriter::start(self.shared.clone(), key.to_owned(), options).await?;
        Ok(Box::new(writer))
    }

    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        self.shared.check(from)?;
        self.shared.check(to)?;
        copying::copy(&self.shared, from, etag, to, &options).await
    }

    fn resolve(&self, _: &str) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }

    async fn close(&self) -> Result<()> {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        Ok(())
    }
}
