//! Tests of FilesystemStore with keys that a filesystem can't have as paths.

use super::{files, keys, open, put, text, try_open};
use bytes::Bytes;
use serde_json::json;
use std::fs;
use std::path::Path;
use storage_host::store::{
    DeleteOptions, Error, ListOptions, ObjectStore, PutOptions, ReadOptions, Trailer,
};

const KIND: &str = "FilesystemStore";

async fn delete(store: &dyn ObjectStore, key: &str) {
    store.delete(key, DeleteOptions::default()).await.unwrap();
}

/// What the Python library lists: every file below the root.
fn python_keys(home: &Path) -> Vec<String> {
    let root = home.join("root");
    let below =
        |file: String| file.strip_prefix(&format!("{}/", root.display())).map(str::to_owned);
    let mut keys: Vec<String> = files(&root).into_iter().filter_map(below).collect();
    keys.sort();
    keys
}

fn odd_files(home: &Path) -> usize {
    let odd = home.join(".root.storage/odd");
    if odd.exists() { files(&odd).len() } else { 0 }
}

#[tokio::test]
async fn keys_that_can_be_no_paths_are_objects_and_leave_the_root_alone() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("secret"), "s").unwrap();
    let store = open(KIND, home.path()).await;
    let long = "n".repeat(256);
    let mut odd = vec![
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "./a",
        "a//b",
        "a/",
        "..",
        ".",
        "/",
        "//",
        ".storage-host",
        ".storage-host/metadata/x",
        &long,
    ];
    odd.sort_unstable();
    for key in &odd {
        assert!(!store.exists(key).await.unwrap(), "{key}");
        assert_eq!(store.stat(key).await.unwrap_err(), Error::NotFound, "{key}");
        let gone = store.delete(key, DeleteOptions::default()).await;
        assert_eq!(gone.unwrap_err(), Error::NotFound, "{key}");
    }
    assert!(!home.path().join(".root.storage/odd").exists(), "made before it is needed");
    for key in &odd {
        let options = PutOptions { if_absent: true, ..PutOptions::default() };
        store.put(key, Bytes::from((*key).to_owned()), options.clone()).await.unwrap();
        let again = store.put(key, Bytes::new(), options).await;
        assert_eq!(again.unwrap_err(), Error::AlreadyExists, "{key}");
    }
    assert_eq!(keys(&*store, "", 2).await, odd);
    assert_eq!(python_keys(home.path()), [""; 0]);
    for key in &odd {
        assert_eq!(text(&*store, key).await, *key);
        let etag = store.stat(key).await.unwrap().etag.unwrap();
        let copied = store.copy(key, &etag, "copy/", PutOptions::default()).await.unwrap();
        assert!(copied.is_some(), "{key}");
        assert_eq!(text(&*store, "copy/").await, *key);
        let mut writer = store.write(key, PutOptions::default()).await.unwrap();
        writer.push(Bytes::from_static(b"streamed")).await.unwrap();
        writer.finish(Trailer::default()).await.unwrap();
        assert_eq!(text(&*store, key).await, "streamed");
        let stale = DeleteOptions { if_match: Some(etag) };
        let refused = store.delete(key, stale).await;
        assert_eq!(refused.unwrap_err(), Error::PreconditionFailed, "{key}");
        delete(&*store, key).await;
        assert!(!store.exists(key).await.unwrap());
    }
    delete(&*store, "copy/").await;
    assert_eq!(keys(&*store, "", 10).await, [""; 0]);
    let left: Vec<_> = fs::read_dir(home.path().join(".root.storage/odd")).unwrap().collect();
    assert!(left.is_empty(), "empty folders stay: {left:?}");
    assert_eq!(fs::read_to_string(home.path().join("secret")).unwrap(), "s");
}

#[tokio::test]
async fn an_object_and_objects_below_its_name_are_both_kept() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    put(&*store, "a", "object first").await;
    put(&*store, "a/b", "below it").await;
    put(&*store, "a/b/c", "and below that").await;
    put(&*store, "f/b", "folder first").await;
    put(&*store, "f", "of its name").await;
    assert_eq!(python_keys(home.path()), ["a", "f/b"]);
    assert_eq!(keys(&*store, "", 10).await, ["a", "a/b", "a/b/c", "f", "f/b"]);
    for (key, data) in [("a", "object first"), ("a/b", "below it"), ("f", "of its name")] {
        assert_eq!(text(&*store, key).await, data);
    }
    // What was put stays where it is, until it is put again.
    delete(&*store, "a").await;
    assert_eq!(python_keys(home.path()), ["f/b"]);
    assert_eq!(text(&*store, "a/b").await, "below it");
    put(&*store, "a/b", "as a path").await;
    assert_eq!(python_keys(home.path()), ["a/b", "f/b"]);
    assert_eq!(text(&*store, "a/b").await, "as a path");
    assert_eq!(odd_files(home.path()), 2, "what the file shadows is gone");
    delete(&*store, "a/b").await;
    assert!(!store.exists("a/b").await.unwrap());
    assert_eq!(keys(&*store, "", 1).await, ["a/b/c", "f", "f/b"]);
}

#[tokio::test]
async fn an_odd_object_that_a_killed_put_left_is_shadowed_and_deleted_with_the_other() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    put(&*store, "a", "x").await;
    put(&*store, "a/b", "old").await;
    // As if the process had died between publishing the new one and removing this one.
    fs::remove_file(home.path().join("root/a")).unwrap();
    fs::create_dir(home.path().join("root/a")).unwrap();
    fs::write(home.path().join("root/a/b"), "new").unwrap();
    assert_eq!(odd_files(home.path()), 1);
    assert_eq!(text(&*store, "a/b").await, "new");
    assert_eq!(store.stat("a/b").await.unwrap().size, Some(3));
    assert_eq!(keys(&*store, "", 1).await, ["a/b"]);
    delete(&*store, "a/b").await;
    assert!(!store.exists("a/b").await.unwrap());
    assert_eq!(odd_files(home.path()), 0);
}

/// Puts, deletes and gets of keys that are in each other's way, many at a time. A put
/// always succeeds, whatever comes and goes where its path would be.
#[tokio::test(flavor = "multi_thread")]
async fn keys_in_each_others_way_fail_no_operation_however_many_run_at_a_time() {
    for round in 0..20 {
        let home = tempfile::tempdir().unwrap();
        let config = json!({"root_path": "root"});
        let store = try_open(KIND, home.path(), config, false).await.unwrap();
        let tasks = (0..24).map(|number: usize| {
            let store = store.clone();
            tokio::spawn(async move {
                for step in 0..20_usize {
                    let mixed = (number * 31 + step * 17 + round * 7) % 101;
                    let key = ["a", "a/b", "a/b/c", "a/b/c/d", "a/"][mixed % 5];
                    let data = Bytes::from(vec![b'x'; mixed]);
                    match (step, mixed % 4) {
                        (0, _) | (_, 0 | 1) => {
                            store.put(key, data, PutOptions::default()).await.map(drop).unwrap();
                        }
                        (_, 2) => match store.delete(key, DeleteOptions::default()).await {
                            Ok(()) | Err(Error::NotFound) => {}
                            Err(error) => panic!("delete of {key}: {error}"),
                        },
                        _ => match store.get(key, ReadOptions::default()).await {
                            Ok(_) | Err(Error::NotFound) => {}
                            Err(error) => panic!("get of {key}: {error}"),
                        },
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        for key in keys(&*store, "", 2).await {
            delete(&*store, &key).await;
        }
        assert_eq!(keys(&*store, "", 10).await, [""; 0]);
        for tree in ["root", ".root.storage/odd"] {
            let left = fs::read_dir(home.path().join(tree)).unwrap().count();
            assert_eq!(left, 0, "empty folders stay in {tree}");
        }
    }
}

#[tokio::test]
async fn what_was_odd_does_not_come_back_after_a_store_that_refuses_odd_keys() {
    let home = tempfile::tempdir().unwrap();
    let keeping = open(KIND, home.path()).await;
    put(&*keeping, "a", "x").await;
    put(&*keeping, "a/b", "odd").await;
    delete(&*keeping, "a").await;
    let config = json!({"root_path": "root", "odd_keys": "refuse"});
    let refusing = try_open(KIND, home.path(), config, false).await.unwrap();
    let gone = refusing.delete("a/b", DeleteOptions::default()).await;
    assert_eq!(gone.unwrap_err(), Error::NotFound, "it can't be seen");
    assert_eq!(text(&*keeping, "a/b").await, "odd");
    put(&*refusing, "a/b", "as a path").await;
    delete(&*refusing, "a/b").await;
    assert!(!keeping.exists("a/b").await.unwrap());
}

#[tokio::test]
async fn a_conditional_put_is_refused_only_by_an_object_of_its_key() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let options = PutOptions { if_absent: true, ..PutOptions::default() };
    put(&*store, "a/b", "x").await;
    store.put("a", Bytes::new(), options.clone()).await.unwrap();
    assert_eq!(store.put("a", Bytes::new(), options).await.unwrap_err(), Error::AlreadyExists);
    let info = store.stat("a").await.unwrap();
    let options = PutOptions { if_match: info.etag, ..PutOptions::default() };
    store.put("a", Bytes::from_static(b"next"), options.clone()).await.unwrap();
    let stale = store.put("a", Bytes::new(), options).await;
    assert_eq!(stale.unwrap_err(), Error::PreconditionFailed);
}

#[tokio::test]
async fn listings_of_both_trees_are_one_in_pages_of_any_size() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let mut wanted = Vec::new();
    for part in ["", "a", "a!", "a+", "a,", "a-", "a.", "a/", "a0", "a=", "a~", "\u{e9}", "x//y"] {
        for end in ["k", "", "/", "//", "/k", "-", "0"] {
            let key = format!("p{part}{end}");
            if !wanted.contains(&key) {
                put(&*store, &key, "x").await;
                wanted.push(key);
            }
        }
    }
    wanted.sort();
    for limit in [1, 2, 3, 7, 1_000] {
        assert_eq!(keys(&*store, "", limit).await, wanted, "pages of {limit}");
    }
    for prefix in ["p", "pa", "pa/", "pa//", "pa-", "p/", "p//", "px/", "px//y", "none/"] {
        let below: Vec<&String> = wanted.iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(keys(&*store, prefix, 3).await.iter().collect::<Vec<_>>(), below, "{prefix}");
    }
    for after in ["p", "pa", "pa/", "pa/zzz", "pa//k", "pa\u{10ffff}", "q", ""] {
        let options = ListOptions { start_after: Some(after.to_owned()), ..Default::default() };
        let listed = store.list(options).await.unwrap().entries.into_iter().map(|e| e.key);
        let rest = wanted.iter().filter(|key| key.as_str() > after);
        assert!(listed.eq(rest.cloned()), "after {after:?}");
    }
}

#[tokio::test]
async fn metadata_of_any_size_belongs_to_an_odd_object_as_to_any() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    for length in [10, 200_000] {
        let metadata = vec![("n".to_owned(), "v".repeat(length))];
        let content_type = Some("a/b".to_owned());
        let options = PutOptions { metadata, content_type, ..PutOptions::default() };
        store.put("k/", Bytes::from_static(b"v"), options).await.unwrap();
        let info = store.stat("k/").await.unwrap();
        assert_eq!((info.metadata[0].1.len(), info.content_type.as_deref()), (length, Some("a/b")));
        let listed = store.list(ListOptions::default()).await.unwrap().entries;
        assert_eq!(listed[0].info.metadata[0].1.len(), length);
    }
    delete(&*store, "k/").await;
    assert_eq!(files(&home.path().join(".root.storage/metadata")).len(), 0);
}

#[tokio::test]
async fn a_root_that_is_only_looked_at_shows_its_odd_objects() {
    let home = tempfile::tempdir().unwrap();
    put(&*open(KIND, home.path()).await, "k/", "x").await;
    let store = try_open(KIND, home.path(), json!({"root_path": "root"}), true).await.unwrap();
    assert_eq!(keys(&*store, "", 10).await, ["k/"]);
    assert_eq!(text(&*store, "k/").await, "x");
    assert!(store.put("l/", Bytes::new(), PutOptions::default()).await.is_err());
}

#[tokio::test]
async fn where_odd_keys_are_refused_those_that_are_there_are_neither_seen_nor_harmed() {
    let home = tempfile::tempdir().unwrap();
    put(&*open(KIND, home.path()).await, "k/", "x").await;
    let config = json!({"root_path": "root", "odd_keys": "refuse"});
    let store = try_open(KIND, home.path(), config, false).await.unwrap();
    assert_eq!(keys(&*store, "", 10).await, [""; 0]);
    for error in [
        store.get("k/", ReadOptions::default()).await.map(drop).unwrap_err(),
        store.put("k/", Bytes::new(), PutOptions::default()).await.map(drop).unwrap_err(),
        store.delete("k/", DeleteOptions::default()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidKey(_)), "{error}");
    }
    drop(store);
    assert_eq!(text(&*open(KIND, home.path()).await, "k/").await, "x");
}

#[tokio::test]
async fn files_of_others_among_the_odd_ones_are_no_objects() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    put(&*store, "k/", "x").await;
    let odd = home.path().join(".root.storage/odd");
    for name in ["notes.txt", "=a", "=,61+", "+", "=k/README"] {
        fs::write(odd.join(name), "?").unwrap();
    }
    std::os::unix::fs::symlink("notes.txt", odd.join("=link+")).unwrap();
    assert_eq!(keys(&*store, "", 1).await, ["k/"]);
    delete(&*store, "k/").await;
    assert_eq!(files(&odd).len(), 6);
}
