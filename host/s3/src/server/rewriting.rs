//! Changes to an object's metadata, made by rewriting the object. Stores can't
//! change metadata in place.

use super::buckets::Buckets;
use super::error::{s3, s3_moved, s3_read};
use super::meta;
use s3s::{S3Result, s3_error};
use std::hash::{DefaultHasher, Hash, Hasher};
use storage_store::{Metadata, PutOptions, ReadOptions, Trailer};
use tokio::sync::Mutex;

/// The largest object that is rewritten, in bytes.
const MAX_REWRITE: u64 = 256 * 1024 * 1024;

/// Held while an object is rewritten. The etag stays the same, so two
/// concurrent changes could undo each other.
static LOCKS: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

fn lock(bucket: &str, key: &str) -> &'static Mutex<()> {
    let mut hasher = DefaultHasher::new();
    (bucket, key).hash(&mut hasher);
    let index = usize::try_from(hasher.finish() % LOCKS.len() as u64).unwrap_or(0);
    LOCKS.get(index).unwrap_or(&LOCKS[0])
}

impl Buckets {
    /// Rewrites an object with `value` as its metadata entry `name`. Fails if
    /// the object changes concurrently.
    pub(super) async fn set_kept(
        &self,
        bucket: &str,
        key: &str,
        name: &str,
        value: Option<String>,
    ) -> S3Result<()> {
        let objects = self.bucket(bucket).await?;
        let can = objects.capabilities();
        let _alone = lock(bucket, key).lock().await;
        let info = objects.stat(key).await.map_err(|e| s3_read(e, key))?;
        let before = info.metadata.iter().find(|(found, _)| found == name).map(|(_, text)| text);
        if before == value.as_ref() {
            return Ok(());
        }
        let what = name.trim_start_matches(':');
        if !can.conditional || !can.metadata {
            return Err(s3_error!(
                NotImplemented,
                "this store can't change the {what} of an object"
            ));
        }
        if info.size.is_none_or(|size| size > MAX_REWRITE) {
            let text = format!(
                "the {what} of an object of more than {MAX_REWRITE} bytes can only be given when it is written"
            );
            return Err(s3_error!(NotImplemented, "{text}"));
        }
        let options = ReadOptions { if_match: info.etag.clone(), ..ReadOptions::default() };
        let source = objects.read(key, options).await.map_err(|e| s3_read(e, key))?;
        let mut metadata: Metadata = meta::carried(&info.metadata).collect();
        metadata.retain(|(found, _)| found != name);
        metadata.extend(value.map(|value| (name.to_owned(), value)));
        let failed = |e| s3(e, key);
        let options = PutOptions {
            content_type: info.content_type,
            metadata,
            if_match: info.etag.clone(),
            ..PutOptions::default()
        };
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        let ended = source.pour(&mut upload, |_| ()).await.map_err(|fault| s3_moved(fault, key))?;
        // The bytes are the same, so the metadata of decorators still holds.
        let mut own = info.metadata;
        own.retain(|(found, _)| found.starts_with(storage_contract::RESERVED_METADATA));
        let trailer = Trailer { etag: info.etag, metadata: own };
        upload.finish_with(ended, trailer).await.map_err(failed)?;
        Ok(())
    }
}
