//! BucketStore: objects in a bucket of an S3 server.
//!
//! - [`config`], [`addressing`], [`botocore`], [`client`]: from a configuration to the SDK's client.
//! - [`retry`]: limits and retries of requests. [`failure`]: their errors.
//! - [`object_metadata`]: metadata as headers, and what a listing can't show of it.
//!   [`checksum`]: what the bytes add up to.
//! - [`reader`], [`write`], [`upload`], [`copying`], [`list`]: the operations.
//! - [`condition`], [`conditions`], [`preconditions`]: whether preconditions hold.
//!   [`probe`]: trials of the server, at a [`trial_key`].
//!   [`stale`]: abandoned uploads.
//! - [`presign`]: URLs for clients without keys.

mod addressing;
mod botocore;
mod checksum;
mod client;
mod condition;
mod condition_check;
mod condition_support;
mod config;
mod copying;
mod failure;
mod list;
mod object_metadata;
pub(crate) mod presign;
mod probe;
mod reader;
mod retry;
mod shared;
mod stale;
mod trial_key;
mod upload;
mod write;

use super::backend::{Backend, Medium, OpenArgs};
use async_trait::async_trait;
use bytes::Bytes;
use client::Made;
use condition_support::{ConditionSupport, Verdict};
use config::{Conditional, Config};
use reader::BucketReader;
use retry::Calls;
use shared::Shared;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use storage_contract::options::Options;
use storage_store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, MAX_INLINE_BYTES, ObjectInfo,
    ObjectStore, Page, PutOptions, ReadOptions, Reader, Result, SharedStore, Writer,
};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use write::BucketWriter;

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "BucketStore",
    aliases: &["AsyncBucketStore"],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects in a bucket of Amazon S3 or of a server that speaks its language.",
    medium: Medium::Bucket { property: "bucket_name", server: "endpoint_url" },
    files: &["ca_file", "s3_secret_key_file"],
    open: |args| Box::pin(open(args)),
};

/// How long opening a store waits for a server that is down.
const OPENING: Duration = Duration::from_secs(5);

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
        conditions: ConditionSupport::new(match config.conditional {
            Conditional::Known(acts) => Some(acts),
            Conditional::Auto => None,
        }),
        conditional_delete: OnceCell::new(),
        composite: AtomicBool::new(true),
        claims: AtomicBool::new(true),
        tasks: TaskTracker::new(),
        runtime: Handle::current(),
    });
    let try_out = config.conditional == Conditional::Auto && !args.is_check();
    let hurried = Calls::new(&shared.place, config.timeout, config.retry_deadline.min(OPENING));
    let reached = probe::reach(&shared, &hurried).await;
    if reached.is_ok() {
        shared.calls.trust();
    }
    match reached.map_err(|failure| failure.error(&shared.place)) {
        Err(error) if args.is_check() => return Err(error),
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
    if let Some(days) = config.stale_uploads_days.filter(|_| !args.is_check()) {
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

    async fn join(
        &self,
        parts: &[(String, String)],
        to: &str,
        options: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        self.shared.check(to)?;
        copying::join(&self.shared, parts, to, options).await
    }

    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }

    async fn close(&self) -> Result<()> {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        Ok(())
    }
}
