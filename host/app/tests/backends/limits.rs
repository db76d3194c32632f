//! Full disks and read-only directories. Each case runs in a child process that really
//! lacks the space or the permission.

use super::{files, keys, put, text, try_open};
use bytes::Bytes;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use storage_host::store::{DeleteOptions, Error, PutOptions};

const HOME: &str = "BACKENDS_TEST_HOME";

fn config(kind: &str) -> Value {
    match kind {
        "SqliteStore" => json!({"db_path": "objects.db"}),
        _ => json!({"root_path": "root"}),
    }
}

/// The child's working directory; `None` in the parent.
fn home() -> Option<PathBuf> {
    std::env::var_os(HOME).map(PathBuf::from)
}

fn again(program: &mut Command, home: &Path) {
    let output = program.env(HOME, home).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Reruns the named test with a file size limit of 1 MiB.
fn again_without_room(test: &str, home: &Path) {
    let script = "trap '' XFSZ; ulimit -f 1024; exec \"$0\" --exact \"$1\"";
    let me = std::env::current_exe().unwrap();
    // bash counts in KiB, sh in half of that; both are far below the object's size.
    again(Command::new("sh").args(["-c", script]).arg(me).arg(test), home);
}

async fn an_object_too_large_for_the_disk(kind: &str, home: &Path) {
    let store = try_open(kind, home, config(kind), false).await.unwrap();
    put(&*store, "k", "old").await;
    let before = files(home).len();
    let large = Bytes::from(vec![1; 4_000_000]);
    let error = store.put("k", large.clone(), PutOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::LimitExceeded(_) | Error::Unavailable(_)), "{error}");
    let mut writer = store.write("k", PutOptions::default()).await.unwrap();
    assert!(writer.push(large).await.is_err());
    drop(writer);
    assert_eq!(text(&*store, "k").await, "old");
    put(&*store, "small", "still works").await;
    assert_eq!(keys(&*store, "", 10).await, ["k", "small"]);
    store.close().await.unwrap();
    let again = try_open(kind, home, config(kind), false).await.unwrap();
    assert_eq!(text(&*again, "k").await, "old");
    assert!(files(home).len() <= before + 1);
}

#[tokio::test]
async fn a_key_thousands_of_folders_deep_needs_few_open_files() {
    let Some(home) = home() else {
        let home = tempfile::tempdir().unwrap();
        let script = "ulimit -n 100; exec \"$0\" --exact \"$1\"";
        let test = "limits::a_key_thousands_of_folders_deep_needs_few_open_files";
        let me = std::env::current_exe().unwrap();
        return again(Command::new("sh").args(["-c", script]).arg(me).arg(test), home.path());
    };
    let config = json!({"root_path": "root", "durable": false});
    let store = try_open("FilesystemStore", &home, config, false).await.unwrap();
    let folders = "d/".repeat(storage_contract::MAX_KEY_BYTES / 2 - 1);
    let wanted = [format!("{folders}k"), "d/e/k".to_owned(), "z".to_owned()];
    for key in &wanted {
        put(&*store, key, "deep").await;
    }
    assert_eq!(keys(&*store, "", 10).await, wanted);
    assert_eq!(keys(&*store, "", 1).await, wanted);
    for key in &wanted {
        assert_eq!(text(&*store, key).await, "deep");
        store.delete(key, DeleteOptions::default()).await.unwrap();
    }
    assert_eq!(files(&home.join("root")).len(), 0);
}

#[tokio::test]
async fn a_file_without_room_leaves_the_old_object() {
    let Some(home) = home() else {
        let home = tempfile::tempdir().unwrap();
        let test = "limits::a_file_without_room_leaves_the_old_object";
        return again_without_room(test, home.path());
    };
    an_object_too_large_for_the_disk("FilesystemStore", &home).await;
}

#[tokio::test]
async fn a_database_without_room_leaves_the_old_object() {
    let Some(home) = home() else {
        let home = tempfile::tempdir().unwrap();
        let test = "limits::a_database_without_room_leaves_the_old_object";
        return again_without_room(test, home.path());
    };
    an_object_too_large_for_the_disk("SqliteStore", &home).await;
}

/// Reruns the named test in a directory that its user may only read. Permissions don't
/// restrict root, so as root the child runs as another user.
fn again_without_the_right(test: &str, home: &Path) {
    let program = home.join("test-program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(home, Permissions::from_mode(0o555)).unwrap();
    let mut child = Command::new(program);
    if rustix::process::geteuid().is_root() {
        child.uid(65534).gid(65534);
    }
    again(child.current_dir("/").args(["--exact", test]), home);
    fs::set_permissions(home, Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_directory_without_the_right_to_write_is_read_and_its_path_named() {
    let Some(home) = home() else {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("k"), "old").unwrap();
        fs::set_permissions(&root, Permissions::from_mode(0o555)).unwrap();
        let test = "limits::a_directory_without_the_right_to_write_is_read_and_its_path_named";
        return again_without_the_right(test, home.path());
    };
    let kind = "FilesystemStore";
    let store = try_open(kind, &home, config(kind), false).await.unwrap();
    assert_eq!(text(&*store, "k").await, "old");
    let error = store.put("k", Bytes::new(), PutOptions::default()).await.unwrap_err();
    assert!(matches!(&error, Error::PermissionDenied(m) if m.contains("root")), "{error}");
    assert!(store.delete("k", Default::default()).await.is_err());
    assert_eq!(text(&*store, "k").await, "old");
}

#[tokio::test]
async fn a_database_without_the_right_to_write_is_refused_by_name() {
    let Some(home) = home() else {
        let home = tempfile::tempdir().unwrap();
        let test = "limits::a_database_without_the_right_to_write_is_refused_by_name";
        return again_without_the_right(test, home.path());
    };
    let kind = "SqliteStore";
    let error = try_open(kind, &home, config(kind), false).await.err().unwrap();
    assert!(matches!(&error, Error::PermissionDenied(m) if m.contains("objects.db")), "{error}");
}
