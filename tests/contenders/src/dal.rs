//! The tasks with OpenDAL.

use crate::task::{Failure, Task};
use bytes::Bytes;
use futures::TryStreamExt;
use opendal::layers::LoggingLayer;
use opendal::{Operator, services};
use sqlx::ConnectOptions;
use std::str::FromStr;

/// Opens the store of a task, or returns `None` if there is no counterpart.
pub async fn open(task: &Task) -> Result<Option<Operator>, Failure> {
    let store = match task.backend.as_str() {
        "memory" => Operator::new(services::Memory::default())?,
        // Publishes by a temporary file and a rename, like the others. It syncs the
        // file but not the folder, and has no option for that.
        "filesystem" if task.durable => {
            let next = format!("{}.next", task.folder);
            let files = services::Fs::default().root(&task.folder).atomic_write_dir(&next);
            Operator::new(files)?
        }
        // It can't list.
        "sqlite" if task.durable && task.operation != "list" => {
            std::fs::create_dir_all(&task.folder)?;
            let url = format!("sqlite://{}/objects.db?mode=rwc", task.folder);
            let mut database =
                sqlx::sqlite::SqliteConnectOptions::from_str(&url)?.connect().await?;
            let table = "CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB)";
            sqlx::query(table).execute(&mut database).await?;
            let store = services::Sqlite::default()
                .connection_string(&url)
                .table("objects")
                .key_field("key")
                .value_field("data");
            Operator::new(store)?
        }
        "bucket" if task.durable => {
            let bucket = &task.bucket;
            let store = services::S3::default()
                .endpoint(&bucket.endpoint_url)
                .bucket(&bucket.bucket_name)
                .region(&bucket.region)
                .access_key_id(&bucket.s3_access_key)
                .secret_access_key(&bucket.s3_secret_key)
                .disable_config_load()
                .disable_ec2_metadata();
            Operator::new(store)?
        }
        _ => return Ok(None),
    };
    Ok(match task.layer.as_str() {
        "none" => Some(store),
        "logging" => Some(store.layer(LoggingLayer::default())),
        _ => None,
    })
}

/// Writes an object.
pub async fn put(store: &Operator, key: &str, data: &Bytes) -> Result<(), Failure> {
    store.write(key, data.clone()).await?;
    Ok(())
}

/// Reads an object into memory and returns its size.
pub async fn get(store: &Operator, key: &str) -> Result<usize, Failure> {
    Ok(store.read(key).await?.to_bytes().len())
}

/// Lists everything and returns the number of objects.
pub async fn list(store: &Operator) -> Result<usize, Failure> {
    let mut found = store.lister_with("").recursive(true).await?;
    let mut count = 0;
    while let Some(entry) = found.try_next().await? {
        count += usize::from(entry.metadata().is_file());
    }
    Ok(count)
}
