//! The tasks with object_store.

use crate::task::{Failure, Task};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};

/// Opens the store of a task, or returns `None` if there is no counterpart.
pub fn open(task: &Task) -> Result<Option<Box<dyn ObjectStore>>, Failure> {
    match task.backend.as_str() {
        "memory" => layered(task, InMemory::new()),
        "filesystem" => {
            std::fs::create_dir_all(&task.folder)?;
            layered(task, LocalFileSystem::new_with_prefix(&task.folder)?.with_fsync(task.durable))
        }
        "bucket" if task.durable => {
            let bucket = &task.bucket;
            let store = AmazonS3Builder::new()
                .with_endpoint(&bucket.endpoint_url)
                .with_allow_http(true)
                .with_bucket_name(&bucket.bucket_name)
                .with_region(&bucket.region)
                .with_access_key_id(&bucket.s3_access_key)
                .with_secret_access_key(&bucket.s3_secret_key)
                .build()?;
            layered(task, store)
        }
        _ => Ok(None),
    }
}

fn layered(task: &Task, store: impl ObjectStore) -> Result<Option<Box<dyn ObjectStore>>, Failure> {
    Ok(match task.layer.as_str() {
        "none" => Some(Box::new(store)),
        "prefix" => Some(Box::new(PrefixStore::new(store, "under/this"))),
        _ => None,
    })
}

/// Writes an object.
pub async fn put(store: &dyn ObjectStore, key: &str, data: &Bytes) -> Result<(), Failure> {
    store.put(&Path::from(key), data.clone().into()).await?;
    Ok(())
}

/// Reads an object into memory and returns its size.
pub async fn get(store: &dyn ObjectStore, key: &str) -> Result<usize, Failure> {
    Ok(store.get(&Path::from(key)).await?.bytes().await?.len())
}

/// Lists everything and returns the number of objects.
pub async fn list(store: &dyn ObjectStore) -> Result<usize, Failure> {
    Ok(store.list(None).try_fold(0, |count, _| std::future::ready(Ok(count + 1))).await?)
}
