//! SqliteStore: objects as rows of one database file.
//!
//! - [`schema`]: the tables, the triggers, errors. [`query`]: lookups and listings.
//!   [`skipped`]: rows that are not objects. [`guard`]: limits on what a database
//!   does by itself.
//! - [`commit`]: the writer thread. [`writer`]: streamed writes. [`copying`]:
//!   copies within the database.
//! - [`pool`]: read connections. [`reader`]: reads at once and streamed reads.

mod commit;
mod copying;
mod guard;
mod metadata;
mod pool;
mod query;
mod reader;
mod rows;
mod schema;
mod shared;
mod skipped;
mod writer;

use super::backend::{self, Backend, OpenArgs};
use super::blocking::blocking;
use super::spool::Body;
use async_trait::async_trait;
use bytes::Bytes;
use commit::{Change, Queue};
use copying::CopyRequest;
use pool::Pool;
use rusqlite::Connection;
use schema::Database;
use shared::Shared;
use std::sync::Arc;
use std::time::Duration;
use storage_contract::options;
use storage_contract::options::Options;
use storage_store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, ObjectStore, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Writer, check_key, check_write,
};
use writer::SpoolWriter;

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "SqliteStore",
    aliases: &["AsyncSqliteStore"],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects as rows of one SQLite database.",
    medium: backend::Medium::File { property: "db_path", replaced: false },
    files: &[],
    open: |args| Box::pin(blocking(move || open(&args))),
};

options! {
    struct Config {
        /// The database file; made when missing, with its directory.
        db_path: String,
        /// Whether a write survives a power cut once acknowledged; without, only a crash
        /// of the process.
        durable: bool = true,
        /// Seconds to wait while another process has locked the database.
        #[schema(minimum: 0, maximum: 3600)]
        busy_timeout: Duration = 5,
    }
}

struct Sqlite {
    shared: Arc<Shared>,
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let bad = |problem: String| args.bad(&problem);
    let config: Config = args.parse()?;
    let shown = config.db_path;
    if shown.is_empty() {
        return Err(bad("db_path is empty; name a file".to_owned()));
    }
    if shown == ":memory:" {
        return Err(bad("db_path \":memory:\" is not a file; use a DictStore".to_owned()));
    }
    let path = args.directory.join(&shown);
    if path.is_dir() {
        return Err(bad(format!("db_path {shown} is a directory; name a file")));
    }
    if path.exists() && !path.is_file() {
        return Err(bad(format!("db_path {shown} is a device, a socket or a pipe; name a file")));
    }
    if !path.exists() {
        args.may_create("db_path", &path)?;
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| bad(format!("db_path {shown}: its directory can't be made: {e}")))?;
    }
    let database = Arc::new(Database {
        path,
        shown,
        busy_timeout: config.busy_timeout,
        durable: config.durable,
        check_only: args.is_check(),
    });
    let queue = match args.is_check() {
        true => None,
        false => Some(Queue::start(database.clone(), database.writer(args.create)?)?),
    };
    let pool = Arc::new(Pool::new(database));
    if let Some(check) = &args.check {
        pool.with(|connection| pool.database.check(connection))?;
        let found = pool.with(|connection| {
            pool.database.check_objects(connection, "it would be created by a start")
        });
        if let Err(Error::InvalidConfig(_)) = found {
            check.note_missing();
        }
        found?;
    }
    Ok(Arc::new(Sqlite { shared: Arc::new(Shared { pool, queue }) }))
}

impl Sqlite {
    /// Reads little, on this thread if that needs no waiting.
    async fn ask<T: Send + 'static>(
        &self,
        key: &str,
        work: impl Fn(&Database, &Connection, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let pool = &self.shared.pool;
        match pool.at_once(|connection| work(&pool.database, connection, key)) {
            Some(result) => result,
            None => {
                self.with(key, move |pool, key| pool.with(|c| work(&pool.database, c, &key))).await
            }
        }
    }

    /// Reads a small object; `None` if it is not small, or that would take waiting.
    fn small(&self, key: &str, options: &ReadOptions) -> Result<Option<(ObjectInfo, Bytes)>> {
        let pool = &self.shared.pool;
        let read = |connection: &_| reader::small(&pool.database, connection, key, options);
        pool.at_once(read).unwrap_or(Ok(None))
    }

    /// Does work on a thread that may block.
    async fn with<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Arc<Pool>, String) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (pool, key) = (self.shared.pool.clone(), key.to_owned());
        blocking(move || work(&pool, key)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for Sqlite {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        check_key(key)?;
        match self.small(key, &options)? {
            Some(found) => Ok(found),
            None => self.with(key, move |pool, key| reader::get(pool, &key, &options)).await,
        }
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        check_key(key)?;
        rows::check_size(&self.shared.pool.database, key, data.len() as u64)?;
        let change = Change::Put(key.to_owned(), Body::Bytes(data), options);
        self.shared.queue()?.submit(change).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        self.ask(key, query::exists).await
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        check_key(key)?;
        self.shared.queue()?.submit(Change::Delete(key.to_owned(), options)).await.map(drop)
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        check_key(key)?;
        let found = self.ask(key, query::find).await?.filter(query::Found::is_object);
        Ok(found.ok_or(Error::NotFound)?.info)
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        self.with("", move |pool, _| pool.with(|c| query::list(&pool.database, c, &options))).await
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        check_key(key)?;
        match self.small(key, &options)? {
            Some((info, data)) => Ok(reader::held(info, data)),
            None => self.with(key, move |pool, key| reader::open(pool, key, &options)).await,
        }
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        check_key(key)?;
        self.shared.queue()?;
        if options.if_absent || options.if_match.is_some() {
            // Fail early for the client's sake; the transaction decides.
            let current = match self.stat(key).await {
                Ok(info) => Some(info),
                Err(Error::NotFound) => None,
                Err(error) => return Err(error),
            };
            check_write(&options, current.as_ref())?;
        }
        Ok(Box::new(SpoolWriter::new(self.shared.clone(), key.to_owned(), options)))
    }

    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        check_key(to)?;
        // Find the size now, because the writer thread limits its batches by size.
        let found = match self.stat(from).await {
            Err(Error::NotFound) => return Ok(None),
            found => found?,
        };
        let Some(size) = found.size.filter(|_| from != to && found.etag.as_deref() == Some(etag))
        else {
            return Ok(None);
        };
        let (from, etag, to) = (from.to_owned(), etag.to_owned(), to.to_owned());
        let change = Change::Copy(CopyRequest { from, etag, to, size }, options);
        match self.shared.queue()?.submit(change).await {
            Err(Error::NotFound) => Ok(None),
            copied => copied.map(Some),
        }
    }

    async fn join(
        &self,
        _: &[(String, String)],
        _: &str,
        _: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        Ok(None)
    }

    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(None)
    }

    async fn close(&self) -> Result<()> {
        let pool = self.shared.pool.clone();
        blocking(move || {
            pool.close();
            Ok(())
        })
        .await?;
        match &self.shared.queue {
            Some(queue) => queue.submit(Change::Close).await.map(drop),
            None => Ok(()),
        }
    }
}
