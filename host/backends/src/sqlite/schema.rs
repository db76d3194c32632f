//! The database: opening it, its tables, and its errors.
//!
//! `objects` is the table of the Python library. `storage_metadata` holds what has
//! no column there. Triggers in the database keep it right when another program
//! writes, with whatever version of SQLite; hence the plain old SQL.

use super::guard::Guarded;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::path::{Path, PathBuf};
use std::time::Duration;
use storage_store::{Error, Result};

/// The size limit of a row in a default build of SQLite.
pub(super) const MAX_ROW_BYTES: u64 = 1_000_000_000;

/// The location of a database and how to open it.
pub(super) struct Database {
    pub(super) path: PathBuf,
    /// The path as written in the configuration, for messages.
    pub(super) shown: String,
    pub(super) busy_timeout: Duration,
    pub(super) durable: bool,
    pub(super) check_only: bool,
}

// Versions are random. A program that restores old rows could turn back a counter.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS storage_metadata (
    key TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    modified INTEGER NOT NULL,
    etag TEXT,
    content_type TEXT,
    metadata TEXT
);
CREATE TRIGGER IF NOT EXISTS storage_metadata_insert AFTER INSERT ON objects BEGIN
    DELETE FROM storage_metadata WHERE key = NEW.key;
    INSERT INTO storage_metadata (key, version, modified) VALUES (NEW.key,
        lower(hex(randomblob(12))),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
CREATE TRIGGER IF NOT EXISTS storage_metadata_update AFTER UPDATE ON objects BEGIN
    DELETE FROM storage_metadata WHERE key = OLD.key OR key = NEW.key;
    INSERT INTO storage_metadata (key, version, modified) VALUES (NEW.key,
        lower(hex(randomblob(12))),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
CREATE TRIGGER IF NOT EXISTS storage_metadata_delete AFTER DELETE ON objects BEGIN
    DELETE FROM storage_metadata WHERE key = OLD.key;
END;
";

/// Our table for what `objects` has no column for, and its columns with their
/// positions in the primary key (0: not in it).
const METADATA: &str = "storage_metadata";
const COLUMNS: [(&str, i64); 6] = [
    ("key", 1),
    ("version", 0),
    ("modified", 0),
    ("etag", 0),
    ("content_type", 0),
    ("metadata", 0),
];

/// Temporary tables in place of missing ones, for a database opened only to check.
const TEMPORARY: &[(&str, &str)] = &[(
    "storage_metadata",
    "CREATE TEMP TABLE storage_metadata (key TEXT PRIMARY KEY, version TEXT, modified INTEGER, \
         etag TEXT, content_type TEXT, metadata TEXT)",
)];

impl Database {
    /// Converts an SQLite error; `key` is the key that it was about.
    pub(super) fn error(&self, key: Option<&str>, error: &rusqlite::Error) -> Error {
        let at = match key {
            Some(key) => format!("{}, key {key:?}", self.shown),
            None => self.shown.clone(),
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Error::Unavailable(format!(
                    "{at}: another process has kept the database locked for {} s; try again, or raise busy_timeout",
                    self.busy_timeout.as_secs_f64()
                ))
            }
            Some(ErrorCode::DiskFull) => Error::out_of_space(&format!("{at}: the disk is full")),
            Some(ErrorCode::OperationInterrupted) => Error::InvalidData(format!(
                "{at}: a view or a trigger of the database does not come to an end; remove it"
            )),
            Some(ErrorCode::TooBig) => Error::LimitExceeded(too_big(&at)),
            Some(ErrorCode::NotADatabase) => Error::InvalidData(format!(
                "{at}: not an SQLite database; name another db_path, or move that file away"
            )),
            // SQLite reports an unreadable disk as corruption, too.
            Some(ErrorCode::DatabaseCorrupt) => Error::Other(format!(
                "{at}: the database is damaged, or its disk fails ({error}); look at the disk, then \
                 restore the database, or try sqlite3's .recover"
            )),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Error::PermissionDenied(
                format!("{at}: the database or its directory is not writable ({error})"),
            ),
            Some(ErrorCode::CannotOpen) => Error::PermissionDenied(format!(
                "{at}: can't be opened; its directory must exist and be writable ({error})"
            )),
            Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
                Error::Unavailable(format!("{at}: {error}"))
            }
            _ => Error::Other(format!("{at}: {error}")),
        }
    }

    fn connect(&self, flags: OpenFlags) -> Result<Guarded> {
        let fail = |e: rusqlite::Error| self.error(None, &e);
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let logged = Path::new(&log).try_exists().map_err(|e| {
            Error::Unavailable(format!("{}: its log can't be looked at: {e}", self.shown))
        })?;
        let connection = if self.check_only && !logged {
            // Even a reader would create the log and its index. Without a log
            // nobody else has the database open, so read it as it is.
            let uri = format!("file:{}?immutable=1", escape(&self.path));
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
        } else {
            Connection::open_with_flags(&self.path, flags)
        };
        let connection = connection.map_err(fail)?;
        connection.busy_timeout(self.busy_timeout).map_err(fail)?;
        Guarded::new(connection).map_err(fail)
    }

    /// Opens a read-only connection.
    pub(super) fn reader(&self) -> Result<Guarded> {
        let fail = |e: rusqlite::Error| self.error(None, &e);
        let flags = if self.check_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            // Recovering the log after a crash takes a writable handle.
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        let connection = self.connect(flags)?;
        // There may be many, so each has a small cache.
        connection.execute_batch("PRAGMA cache_size = -512").map_err(fail)?;
        if self.check_only {
            for (table, create) in TEMPORARY {
                if !has(&connection, table).map_err(fail)? {
                    connection.execute_batch(create).map_err(fail)?;
                }
            }
        }
        connection.execute_batch("PRAGMA query_only = 1").map_err(fail)?;
        Ok(connection)
    }

    /// Opens the write connection. Creates a missing table of objects if `create`
    /// is set; otherwise that is an error.
    pub(super) fn writer(&self, create: bool) -> Result<Guarded> {
        let fail = |e: rusqlite::Error| self.error(None, &e);
        let connection =
            self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        self.check(&connection)?;
        if !create {
            let why = "reading does not create it: correct the path, or write an object";
            self.check_objects(&connection, why)?;
        }
        // For a new database; others keep their pages. With 4096, the default, large objects
        // take longer to write.
        connection.execute_batch("PRAGMA page_size = 8192").map_err(fail)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(fail)?;
        if mode != "wal" {
            return Err(Error::InvalidConfig(format!(
                "{}: write-ahead logging does not work here (journal mode {mode}); use a local filesystem",
                self.shown
            )));
        }
        let synchronous = if self.durable { "FULL" } else { "NORMAL" };
        connection
            .execute_batch(&format!(
                "PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -8192;
                 PRAGMA journal_size_limit = 67108864; BEGIN IMMEDIATE; {TABLES} COMMIT;"
            ))
            .map_err(fail)?;
        Ok(connection)
    }

    /// Checks that the table of objects exists, for a caller that does not create it.
    pub(super) fn check_objects(&self, connection: &Connection, why: &str) -> Result<()> {
        match has(connection, "objects").map_err(|e| self.error(None, &e))? {
            true => Ok(()),
            false => Err(Error::InvalidConfig(format!(
                "{}: the database has no table \"objects\"; {why}",
                self.shown
            ))),
        }
    }

    /// Checks that existing tables have the shape that the queries rely on.
    pub(super) fn check(&self, connection: &Connection) -> Result<()> {
        let fail = |e: rusqlite::Error| self.error(None, &e);
        let bad = |problem: &str| {
            Error::InvalidConfig(format!(
                "{}: {problem}; name another db_path, or move that table away",
                self.shown
            ))
        };
        self.check_metadata(connection)?;
        let encoding: String =
            connection.query_row("PRAGMA encoding", [], |row| row.get(0)).map_err(fail)?;
        if !has(connection, "objects").map_err(fail)? {
            return if encoding == "UTF-8" {
                Ok(())
            } else {
                Err(bad("the database keeps text as UTF-16, which sorts keys differently"))
            };
        }
        let mut columns = connection
            .prepare("SELECT name, pk FROM pragma_table_info('objects') ORDER BY name")
            .map_err(fail)?;
        let columns: Vec<(String, i64)> = columns
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(fail)?;
        if columns != [("data".to_owned(), 0), ("key".to_owned(), 1)] {
            return Err(bad(
                "there is a table \"objects\" of another shape than (key TEXT PRIMARY KEY, data BLOB)",
            ));
        }
        if !is_plain(connection, "objects").map_err(fail)?
            || connection.prepare("SELECT rowid FROM objects").is_err()
        {
            return Err(bad(
                "the table \"objects\" is a view or virtual, or was made WITHOUT ROWID",
            ));
        }
        let collation: Option<String> = connection
            .query_row(
                "SELECT x.coll FROM pragma_index_list('objects') l, pragma_index_xinfo(l.name) x \
                 WHERE l.origin = 'pk' AND x.name = 'key'",
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(fail)?;
        if collation.as_deref() != Some("BINARY") {
            return Err(bad(
                "the table \"objects\" has keys that are not text, or does not compare them byte by byte",
            ));
        }
        if encoding != "UTF-8" {
            return Err(bad("the database keeps text as UTF-16, which sorts keys differently"));
        }
        Ok(())
    }

    /// Rejects anything else under the name of our own table: every operation would
    /// run a view, for example.
    fn check_metadata(&self, connection: &Connection) -> Result<()> {
        let fail = |e: rusqlite::Error| self.error(None, &e);
        if !has(connection, METADATA).map_err(fail)? {
            return Ok(());
        }
        let bad = |what: &str| {
            Error::InvalidConfig(format!(
                "{}: {what} \"{METADATA}\" is not the table that this store makes; drop it, and \
                 its content types, user metadata and etags are lost, not the objects",
                self.shown
            ))
        };
        // Checked before anything else queries it.
        if !is_plain(connection, METADATA).map_err(fail)? {
            return Err(bad("the view or virtual table"));
        }
        let columns = connection
            .prepare("SELECT name, pk FROM pragma_table_xinfo('storage_metadata')")
            .and_then(|mut statement| {
                let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                columns.collect::<rusqlite::Result<Vec<(String, i64)>>>()
            })
            .map_err(fail)?;
        let as_made = columns.iter().map(|(name, pk)| (name.as_str(), *pk)).eq(COLUMNS);
        if as_made { Ok(()) } else { Err(bad("the table")) }
    }
}

/// The message for an object that does not fit into a row.
pub(super) fn too_big(at: &str) -> String {
    format!(
        "{at}: SQLite keeps at most {MAX_ROW_BYTES} bytes in a row, and the object is larger; nothing was written"
    )
}

fn has(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_master WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view'))",
        [name],
        |row| row.get(0),
    )
}

/// Whether this is an ordinary table, neither a view nor virtual.
fn is_plain(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_master WHERE name = ?1 COLLATE NOCASE \
         AND type = 'table' AND rootpage > 0)",
        [name],
        |row| row.get(0),
    )
}

/// Escapes a path for an SQLite URI.
fn escape(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut text, &byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}
