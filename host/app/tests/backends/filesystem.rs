//! Tests specific to the filesystem backends.

use super::{files, keys, open, put, text, try_open};
use bytes::Bytes;
use rustix::fs::{CWD, RenameFlags};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use storage_host::store::{DeleteOptions, Error, PutOptions, ReadOptions, SharedStore, Trailer};

const KIND: &str = "FilesystemStore";

/// A store that keeps no odd keys.
async fn refusing(directory: &Path) -> SharedStore {
    let config = json!({"root_path": "root", "durable": false, "odd_keys": "refuse"});
    try_open(KIND, directory, config, false).await.unwrap()
}

#[tokio::test]
async fn keys_that_leave_the_root_are_refused_and_touch_nothing() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("secret"), "s").unwrap();
    let store = refusing(home.path()).await;
    for key in ["../secret", "a/../../secret", "/etc/passwd", "./a", "a//b", "a/", ".."] {
        for result in [
            store.put(key, Bytes::new(), PutOptions::default()).await.err(),
            store.get(key, ReadOptions::default()).await.err(),
            store.delete(key, DeleteOptions::default()).await.err(),
            store.exists(key).await.err(),
            store.write(key, PutOptions::default()).await.err(),
        ] {
            assert!(matches!(result, Some(Error::InvalidKey(_))), "{key}: {result:?}");
        }
    }
    assert_eq!(files(home.path()).len(), 1);
}

#[tokio::test]
async fn a_key_as_long_as_keys_may_be_is_a_file_like_any_other() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let longest = format!("{}/", "s".repeat(200)).repeat(21);
    let others = format!("{}/", "\u{e9}".repeat(127)).repeat(16);
    for key in [format!("{}x", &longest[..storage_contract::MAX_KEY_BYTES - 1]), others + "x"] {
        put(&*store, &key, "one").await;
        assert_eq!(text(&*store, &key).await, "one");
        let if_match = store.stat(&key).await.unwrap().etag;
        let options = PutOptions { if_match, ..PutOptions::default() };
        let etag = store.put(&key, Bytes::from_static(b"two"), options).await.unwrap().etag;
        assert_eq!(keys(&*store, &key[..255 * 11], 10).await, std::slice::from_ref(&key));
        assert_eq!(store.stat(&key).await.unwrap().etag, etag);
        let to = format!("{}y", &key[..key.len() - 1]);
        store.copy(&key, &etag.unwrap(), &to, PutOptions::default()).await.unwrap().unwrap();
        assert_eq!(text(&*store, &to).await, "two");
        for key in [&key, &to] {
            store.delete(key, DeleteOptions::default()).await.unwrap();
        }
    }
    assert_eq!(keys(&*store, "", 10).await, [""; 0]);
    assert_eq!(files(&home.path().join("root")).len(), 0);
    let store = refusing(home.path()).await;
    let error = store.put(&"s".repeat(256), Bytes::new(), PutOptions::default()).await;
    assert!(matches!(error, Err(Error::InvalidKey(text)) if text.contains("at most 255")));
}

#[tokio::test]
async fn objects_are_joined_in_the_order_and_the_versions_that_were_meant() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let mut parts = Vec::new();
    let mut all = Vec::new();
    for (key, length) in [("parts/1", 3_000_001), ("parts/2", 0), ("parts/2/", 70_000)] {
        let data: Vec<u8> = (0..length).map(|i| (i % 249) as u8 ^ key.len() as u8).collect();
        let info = store.put(key, data.clone().into(), PutOptions::default()).await.unwrap();
        parts.push((key.to_owned(), info.etag.unwrap()));
        all.extend(data);
    }
    let own = PutOptions {
        content_type: Some("image/png".to_owned()),
        etag: Some("own".to_owned()),
        ..PutOptions::default()
    };
    for to in ["joined", "parts/1", "parts/1/joined"] {
        let joined = store.join(&parts, to, own.clone()).await.unwrap().unwrap();
        let info = joined.finish(Trailer::default()).await.unwrap();
        assert_eq!((info.size, info.etag.as_deref()), (Some(all.len() as u64), Some("own")));
        assert_eq!(store.stat(to).await.unwrap(), info);
        assert_eq!(store.get(to, ReadOptions::default()).await.unwrap().1, all);
        if to == "parts/1" {
            let joined = store.join(&parts, "none", own.clone()).await;
            assert!(matches!(joined, Ok(None)), "it has changed");
            parts[0].1 = "own".to_owned();
            all = [&all[..], &all[3_000_001..]].concat();
        }
    }
    parts.push(("missing".to_owned(), "x".to_owned()));
    assert!(matches!(store.join(&parts, "none", own.clone()).await, Ok(None)));
    let absent = PutOptions { if_absent: true, ..own.clone() };
    let refused = store.join(&parts[..1], "joined", absent.clone()).await;
    assert!(matches!(refused, Err(Error::AlreadyExists)));
    let late = store.join(&parts[..1], "late", absent).await.unwrap().unwrap();
    put(&*store, "late", "first").await;
    assert_eq!(late.finish(Trailer::default()).await.unwrap_err(), Error::AlreadyExists);
    drop(store.join(&parts[..1], "none", own).await.unwrap().unwrap());
    assert!(!store.exists("none").await.unwrap());
}

#[tokio::test]
async fn symbolic_links_are_not_followed_or_listed() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("outside")).unwrap();
    fs::write(home.path().join("outside/secret"), "s").unwrap();
    let store = open(KIND, home.path()).await;
    let root = home.path().join("root");
    symlink("../outside", root.join("dir")).unwrap();
    symlink("../outside/secret", root.join("file")).unwrap();
    put(&*store, "plain", "x").await;
    for key in ["dir/secret", "file", "dir/new"] {
        let got = store.get(key, ReadOptions::default()).await.err();
        assert!(got.is_some(), "{key}");
        let written = store.put(key, Bytes::from_static(b"!"), PutOptions::default()).await;
        assert!(written.is_err(), "{key}");
        assert!(store.delete(key, DeleteOptions::default()).await.is_err(), "{key}");
    }
    assert_eq!(keys(&*store, "", 10).await, ["plain"]);
    assert_eq!(fs::read_to_string(home.path().join("outside/secret")).unwrap(), "s");
    assert_eq!(files(&home.path().join("outside")).len(), 1);
}

#[tokio::test]
async fn a_folder_that_becomes_a_link_in_mid_operation_leads_nowhere() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("outside")).unwrap();
    fs::write(home.path().join("outside/k"), "secret").unwrap();
    let store = open(KIND, home.path()).await;
    // The same names under the root and outside it.
    let (folder, link) = (home.path().join("root/folder"), home.path().join("link"));
    fs::create_dir_all(&folder).unwrap();
    symlink("../outside", &link).unwrap();
    let (over, exchanges) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let attacker = std::thread::spawn({
        let (over, exchanges) = (over.clone(), exchanges.clone());
        move || {
            while !over.load(Ordering::Relaxed) {
                // The folder may be missing for a moment, when it is empty.
                let done =
                    rustix::fs::renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE);
                exchanges.fetch_add(usize::from(done.is_ok()), Ordering::Relaxed);
            }
        }
    });
    let (mut done, mut refused) = (0, 0);
    while done < 200 || refused < 200 || exchanges.load(Ordering::Relaxed) < 1_000 {
        match store.put("folder/k", Bytes::from_static(b"mine"), PutOptions::default()).await {
            Ok(_) => done += 1,
            Err(_) => refused += 1,
        }
        if let Ok((_, data)) = store.get("folder/k", ReadOptions::default()).await {
            assert_eq!(data, b"mine"[..]);
        }
        if let Ok(mut reader) = store.read("folder/k", ReadOptions::default()).await {
            assert_ne!(reader.next(100).await.unwrap_or_default(), b"secret"[..]);
        }
        if let Ok(info) = store.stat("folder/k").await {
            assert_ne!(info.size, Some(6));
        }
        let _ = store.delete("folder/k", DeleteOptions::default()).await;
    }
    over.store(true, Ordering::Relaxed);
    attacker.join().unwrap();
    assert_eq!(fs::read_to_string(home.path().join("outside/k")).unwrap(), "secret");
    assert_eq!(files(&home.path().join("outside")).len(), 1);
}

#[tokio::test]
async fn an_object_and_a_folder_of_one_name_conflict_where_odd_keys_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = refusing(home.path()).await;
    put(&*store, "a", "x").await;
    let below = store.put("a/b", Bytes::new(), PutOptions::default()).await.unwrap_err();
    assert!(matches!(&below, Error::InvalidKey(m) if m.contains("\"a\" is an object")), "{below}");
    put(&*store, "f/b", "y").await;
    let over = store.put("f", Bytes::new(), PutOptions::default()).await.unwrap_err();
    assert!(matches!(&over, Error::InvalidKey(m) if m.contains("\"f/\"")), "{over}");
    assert_eq!(text(&*store, "a").await, "x");
    assert_eq!(text(&*store, "f/b").await, "y");
    store.delete("f/b", DeleteOptions::default()).await.unwrap();
    put(&*store, "f", "now free").await;
}

#[tokio::test]
async fn empty_folders_are_pruned_and_never_in_the_way() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    put(&*store, "a/b/c/d", "x").await;
    store.delete("a/b/c/d", DeleteOptions::default()).await.unwrap();
    assert!(!home.path().join("root/a").exists());
    fs::create_dir_all(home.path().join("root/left/over")).unwrap();
    put(&*store, "left", "x").await;
    assert_eq!(text(&*store, "left").await, "x");
}

#[tokio::test]
async fn a_folder_of_very_many_files_is_listed_whole_and_in_order() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let root = home.path().join("root/folder");
    let mut wanted = Vec::new();
    // More than are held in memory at a time.
    for i in 0..40_000 {
        let name = format!("{i:05}");
        if i % 10_000 == 5_000 {
            fs::create_dir_all(root.join(&name)).unwrap();
            for below in ["a", "b"] {
                fs::write(root.join(&name).join(below), "").unwrap();
                wanted.push(format!("folder/{name}/{below}"));
            }
        } else {
            fs::create_dir_all(&root).unwrap();
            fs::File::create(root.join(&name)).unwrap();
            wanted.push(format!("folder/{name}"));
        }
    }
    put(&*store, "other", "x").await;
    assert!(keys(&*store, "folder/", 1_000).await == wanted);
    wanted.push("other".to_owned());
    assert!(keys(&*store, "", 999).await == wanted);
}

#[tokio::test]
async fn a_pipe_in_the_place_of_metadata_is_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    // Too large for an extended attribute: it goes to the side directory.
    let metadata = vec![("n".to_owned(), "v".repeat(200_000))];
    let options = PutOptions { metadata, ..PutOptions::default() };
    store.put("k", Bytes::from_static(b"v"), options.clone()).await.unwrap();
    let kept = files(&home.path().join(".root.storage/metadata"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(store.stat("k").await.unwrap().metadata.len(), 1);
    fs::remove_file(&kept[0]).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &kept[0], fifo, mode, 0).unwrap();
    assert_eq!(store.stat("k").await.unwrap().metadata, []);
    assert_eq!(text(&*store, "k").await, "v");
    store.put("k", Bytes::from_static(b"w"), options).await.unwrap();
    assert_eq!(store.stat("k").await.unwrap().metadata.len(), 1);
}

#[tokio::test]
async fn what_another_program_changed_loses_its_metadata() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let options = PutOptions {
        etag: Some("0123456789abcdef0123456789abcdef".to_owned()),
        content_type: Some("a/b".to_owned()),
        ..PutOptions::default()
    };
    store.put("k", Bytes::from_static(b"old"), options).await.unwrap();
    fs::write(home.path().join("root/k"), "longer").unwrap();
    let info = store.stat("k").await.unwrap();
    assert_eq!((info.size, info.content_type), (Some(6), None));
    assert!(info.etag.unwrap().ends_with("-1"));
    fs::write(home.path().join("root/foreign"), "f").unwrap();
    assert_eq!(keys(&*store, "", 10).await, ["foreign", "k"]);
    assert_eq!(text(&*store, "foreign").await, "f");
}

#[tokio::test]
async fn a_file_truncated_under_a_reader_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    store.put("k", vec![7; 1_000_000].into(), PutOptions::default()).await.unwrap();
    let mut reader = store.read("k", ReadOptions::default()).await.unwrap();
    reader.next(10).await.unwrap();
    fs::File::options().write(true).open(home.path().join("root/k")).unwrap().set_len(5).unwrap();
    let error = super::drain(reader).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(m) if m.contains("root/k")));
}

#[tokio::test]
async fn nothing_but_objects_is_below_the_root_and_dropped_writes_leave_nothing() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let mut writer = store.write("a/k", PutOptions::default()).await.unwrap();
    writer.push(vec![1; 600_000].into()).await.unwrap();
    assert_eq!(files(&home.path().join("root")).len(), 0);
    // The file being written, which has no name if the filesystem allows that.
    assert!(files(home.path()).len() <= 1);
    drop(writer);
    store.close().await.unwrap();
    while !files(home.path()).is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_and_live_writers_are_spared() {
    let home = tempfile::tempdir().unwrap();
    let store = open(KIND, home.path()).await;
    let mut writer = store.write("k", PutOptions::default()).await.unwrap();
    writer.push(vec![1; 600_000].into()).await.unwrap();
    let dead = home.path().join(".root.storage/writing-1-00000000deadbeef");
    fs::create_dir(&dead).unwrap();
    fs::write(dead.join("0"), "half").unwrap();
    let second = open(KIND, home.path()).await;
    assert!(!dead.exists());
    writer.finish(storage_host::store::Trailer::default()).await.unwrap();
    assert_eq!(second.stat("k").await.unwrap().size, Some(600_000));
}

#[tokio::test]
async fn a_look_creates_nothing() {
    let home = tempfile::tempdir().unwrap();
    let config = json!({"root_path": "root"});
    let error = try_open(KIND, home.path(), config.clone(), true).await.err().unwrap();
    assert!(matches!(&error, Error::InvalidConfig(m) if m.contains("would be created")), "{error}");
    fs::create_dir(home.path().join("root")).unwrap();
    fs::write(home.path().join("root/k"), "x").unwrap();
    let store = try_open(KIND, home.path(), config, true).await.unwrap();
    assert_eq!(keys(&*store, "", 10).await, ["k"]);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_root_that_is_a_file_is_refused_by_name() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("root"), "").unwrap();
    let error =
        try_open(KIND, home.path(), json!({"root_path": "root"}), false).await.err().unwrap();
    assert!(
        matches!(&error, Error::InvalidConfig(m) if m.contains("root is not a directory")),
        "{error}"
    );
}
