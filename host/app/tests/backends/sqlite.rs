//! Tests specific to the SQLite backend.

use super::{files, keys, open, put, text, try_open};
use bytes::Bytes;
use rusqlite::Connection;
use serde_json::json;
use std::fs;
use storage_host::store::{Error, PutOptions, ReadOptions};

const KIND: &str = "SqliteStore";

#[tokio::test]
async fn rows_of_another_program_are_objects_and_text_is_utf8() {
    let home = tempfile::tempdir().unwrap();
    let plain = Connection::open(home.path().join("objects.db")).unwrap();
    plain
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB);
         INSERT INTO objects VALUES ('text', 'gr\u{fc}n'), ('blob', x'0102'), ('null', NULL);
         INSERT INTO objects VALUES (x'ff', 'no text key');",
        )
        .unwrap();
    let store = open(KIND, home.path()).await;
    assert_eq!(text(&*store, "text").await, "gr\u{fc}n");
    let before = store.stat("text").await.unwrap();
    assert_eq!(before.size, Some(5));
    assert!(before.etag.as_ref().unwrap().ends_with("-1"));
    assert_eq!(keys(&*store, "", 2).await, ["blob", "text"], "NULL is no object");
    // Values that are not objects are not modified, either.
    assert!(!store.exists("null").await.unwrap());
    let refused = store.put("null", "x".into(), Default::default()).await;
    assert!(matches!(refused, Err(Error::InvalidKey(_))), "{refused:?}");
    assert_eq!(store.delete("null", Default::default()).await, Err(Error::NotFound));
    assert_eq!(store.stat("null").await, Err(Error::NotFound));
    for (from, to) in [("null", "text"), ("text", "null")] {
        let etag = store.stat("text").await.unwrap().etag.unwrap();
        let copied = store.copy(from, &etag, to, Default::default()).await;
        assert!(!matches!(copied, Ok(Some(_))), "{from} to {to}: {copied:?}");
    }
    let kept = "SELECT count(*) FROM objects WHERE key = 'null' AND data IS NULL";
    assert_eq!(plain.query_row(kept, [], |row| row.get(0)), Ok(1));
    plain.execute("REPLACE INTO objects VALUES ('text', 'bl\u{e4}u!')", []).unwrap();
    assert_ne!(store.stat("text").await.unwrap().etag, before.etag);
}

#[tokio::test]
async fn what_another_program_changed_loses_its_metadata() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let plain = Connection::open(home.path().join("objects.db")).unwrap();
    for change in [
        "INSERT OR REPLACE INTO objects (key, data) VALUES ('k', x'00')",
        "UPDATE objects SET data = x'00' WHERE key = 'k'",
        "DELETE FROM objects; INSERT INTO objects VALUES ('k', x'00')",
        "INSERT INTO objects VALUES ('k', x'00') ON CONFLICT (key) DO UPDATE SET data = excluded.data",
    ] {
        let options = PutOptions {
            etag: Some("0123456789abcdef0123456789abcdef".to_owned()),
            content_type: Some("a/b".to_owned()),
            metadata: vec![("n".to_owned(), "v".to_owned())],
            ..PutOptions::default()
        };
        store.put("k", Bytes::from_static(b"!"), options).await.unwrap();
        plain.execute_batch(change).unwrap();
        let info = store.stat("k").await.unwrap();
        assert_eq!((info.content_type, info.metadata.len()), (None, 0), "{change}");
        assert!(info.etag.unwrap().ends_with("-1"), "{change}");
    }
    plain.execute("DELETE FROM objects", []).unwrap();
    assert_eq!(store.exists("k").await, Ok(false));
    let left: i64 =
        plain.query_row("SELECT count(*) FROM storage_metadata", [], |r| r.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn another_program_reads_what_was_written() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    put(&*store, "k", "value").await;
    store.close().await.unwrap();
    let plain = Connection::open(home.path().join("objects.db")).unwrap();
    let data: Vec<u8> =
        plain.query_row("SELECT data FROM objects WHERE key = 'k'", [], |r| r.get(0)).unwrap();
    assert_eq!(data, b"value");
    assert!(store.put("k", Bytes::new(), PutOptions::default()).await.is_err());
}

#[tokio::test]
async fn files_that_are_no_such_database_are_refused_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("objects.db");
    fs::write(&path, "this is a letter, not a database, and it is long enough".repeat(40)).unwrap();
    let before = fs::read(&path).unwrap();
    let config = json!({"db_path": "objects.db"});
    for look in [true, false] {
        let error = try_open(KIND, home.path(), config.clone(), look).await.err().unwrap();
        assert!(
            matches!(&error, Error::InvalidData(m) if m.contains("objects.db: not an SQLite database")),
            "{error}"
        );
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    for table in [
        "CREATE TABLE objects (id INTEGER PRIMARY KEY, name TEXT)",
        "CREATE TABLE objects (key TEXT, data BLOB)",
        "CREATE TABLE objects (key TEXT COLLATE NOCASE PRIMARY KEY, data BLOB)",
        "CREATE TABLE objects (key TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID",
        "CREATE TABLE objects (key INTEGER PRIMARY KEY, data BLOB)",
        "CREATE VIEW objects AS SELECT 1 AS key, 2 AS data",
    ] {
        fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch(table).unwrap();
        for look in [true, false] {
            let error = try_open(KIND, home.path(), config.clone(), look).await.err();
            assert!(matches!(error, Some(Error::InvalidConfig(_))), "{table}: {error:?}");
        }
    }
}

/// An endless query, as an expression.
const ENDLESS: &str = "(WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
    SELECT count(*) FROM n WHERE x < 0)";

#[tokio::test]
async fn what_stands_in_the_place_of_the_table_of_metadata_is_refused_before_it_is_asked() {
    let home = tempfile::tempdir().unwrap();
    let config = json!({"db_path": "objects.db"});
    let view = format!(
        "AS SELECT {ENDLESS} AS key, 1 AS version, 1 AS modified, 1 AS etag, 1 AS content_type, \
         1 AS metadata"
    );
    for table in [
        format!("CREATE VIEW storage_metadata {view}"),
        format!("CREATE VIEW Storage_Metadata {view}"),
        "CREATE VIRTUAL TABLE storage_metadata USING fts5(key, version)".to_owned(),
        "CREATE TABLE storage_metadata (key TEXT PRIMARY KEY, version TEXT)".to_owned(),
    ] {
        let path = home.path().join("objects.db");
        let plain = Connection::open(&path).unwrap();
        plain.execute_batch("CREATE TABLE objects (key TEXT PRIMARY KEY, data BLOB)").unwrap();
        plain.execute_batch(&table).unwrap();
        drop(plain);
        for look in [true, false] {
            let error = try_open(KIND, home.path(), config.clone(), look).await.err().unwrap();
            let named = matches!(&error, Error::InvalidConfig(m) if m.contains("storage_metadata"));
            assert!(named, "{table}: {error}");
        }
        fs::remove_file(&path).unwrap();
    }
}

#[tokio::test]
async fn triggers_and_views_without_end_are_stopped_and_the_store_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    put(&*store, "k", "old").await;
    let plain = Connection::open(home.path().join("objects.db")).unwrap();
    plain
        .execute_batch(&format!(
            "CREATE TRIGGER endless AFTER UPDATE ON objects BEGIN SELECT {ENDLESS}; END"
        ))
        .unwrap();
    let (endless, other) = futures::join!(
        store.put("k", Bytes::from_static(b"new"), PutOptions::default()),
        store.put("other", Bytes::from_static(b"x"), PutOptions::default())
    );
    let error = endless.unwrap_err();
    assert!(matches!(&error, Error::InvalidData(m) if m.contains("trigger")), "{error}");
    other.unwrap();
    assert_eq!(text(&*store, "k").await, "old");
    // The same if another program changes the schema while the store is open.
    plain
        .execute_batch(&format!(
            "DROP TRIGGER endless; DROP TABLE storage_metadata; CREATE VIEW storage_metadata AS \
             SELECT {ENDLESS} AS key, 1 AS version, 1 AS modified, 1 AS etag, 1 AS content_type, \
             1 AS metadata"
        ))
        .unwrap();
    let error = store.stat("k").await.unwrap_err();
    assert!(matches!(&error, Error::InvalidData(m) if m.contains("view")), "{error}");
    assert_eq!(store.exists("k").await, Ok(true));
}

#[tokio::test]
async fn a_path_to_a_pipe_or_a_device_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("objects.db");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    for path in ["objects.db", "/dev/zero"] {
        let error = try_open(KIND, home.path(), json!({"db_path": path}), false).await.err();
        assert!(matches!(error, Some(Error::InvalidConfig(_))), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn a_database_locked_for_too_long_is_unavailable() {
    let home = tempfile::tempdir().unwrap();
    let config = json!({"db_path": "objects.db", "busy_timeout": 0.01});
    let store = try_open(KIND, home.path(), config, false).await.unwrap();
    put(&*store, "k", "old").await;
    let plain = Connection::open(home.path().join("objects.db")).unwrap();
    plain.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.put("k", Bytes::new(), PutOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(m) if m.contains("busy_timeout")), "{error}");
    assert_eq!(text(&*store, "k").await, "old");
    plain.execute_batch("ROLLBACK").unwrap();
    put(&*store, "k", "new").await;
}

#[tokio::test]
async fn an_object_over_the_limit_of_a_row_is_refused_at_once() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    // The memory is never touched: the size alone is refused.
    let huge = Bytes::from(vec![0; 1_000_000_000]);
    let error = store.put("k", huge, PutOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::LimitExceeded(m) if m.contains("1000000000 bytes")), "{error}");
    assert_eq!(store.exists("k").await, Ok(false));
}

#[tokio::test]
async fn a_look_creates_nothing() {
    let home = tempfile::tempdir().unwrap();
    let config = json!({"db_path": "objects.db"});
    let error = try_open(KIND, home.path(), config.clone(), true).await.err().unwrap();
    assert!(matches!(&error, Error::InvalidConfig(m) if m.contains("would be created")), "{error}");
    assert!(files(home.path()).is_empty());
    let store = open(KIND, home.path()).await;
    put(&*store, "k", "x").await;
    store.close().await.unwrap();
    let before = fs::read(home.path().join("objects.db")).unwrap();
    let store = try_open(KIND, home.path(), config, true).await.unwrap();
    assert_eq!(text(&*store, "k").await, "x");
    let refused = store.put("k", Bytes::new(), PutOptions::default()).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))));
    assert_eq!(files(home.path()).len(), 1);
    assert_eq!(fs::read(home.path().join("objects.db")).unwrap(), before);
}

#[tokio::test]
async fn a_value_that_is_neither_bytes_nor_text_is_called_that() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let plain = Connection::open(home.path().join("objects.db")).unwrap();
    plain.execute("INSERT INTO objects VALUES ('n', 42)", []).unwrap();
    let error = store.get("n", ReadOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::InvalidData(m) if m.contains("integer")), "{error}");
}
