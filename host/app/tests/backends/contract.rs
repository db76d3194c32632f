//! The contract that every backend must meet.

use super::{drain, keys, open, put, text, try_open};
use bytes::Bytes;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use storage_host::store::{
    ByteRange, DeleteOptions, Error, ListOptions, PutOptions, ReadOptions, SharedStore, Trailer,
};

/// Runs each test once per backend.
macro_rules! for_every_backend {
    ($($name:ident),* $(,)?) => {
        mod memory { $(#[tokio::test] async fn $name() { super::run("DictStore", super::$name).await })* }
        mod filesystem { $(#[tokio::test] async fn $name() { super::run("FilesystemStore", super::$name).await })* }
        mod sqlite { $(#[tokio::test] async fn $name() { super::run("SqliteStore", super::$name).await })* }
    };
}

async fn run<F: Future<Output = ()>>(kind: &str, case: impl Fn(SharedStore) -> F) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(kind, directory.path()).await;
    case(store.clone()).await;
    store.close().await.unwrap();
}

for_every_backend!(
    what_is_put_is_got,
    metadata_and_etag_are_the_same_everywhere,
    a_derived_etag_changes_with_the_object_and_is_no_md5,
    ranges_are_cut_at_the_end_and_refused_past_it,
    conditions_decide_what_is_written,
    conditions_decide_what_is_read,
    a_missing_object_is_not_found,
    a_writer_publishes_only_when_finished,
    a_large_object_streams_both_ways,
    an_open_reader_gives_one_version,
    listing_is_ordered_by_the_bytes_of_the_whole_key,
    listing_starts_after_any_string,
    listing_loses_nothing_while_others_write,
    sixty_four_puts_at_once_all_land,
    one_of_many_if_absent_puts_wins,
    deletes_and_puts_of_neighbours_do_not_meet,
    keys_outside_the_contract_are_refused,
    a_copy_has_the_bytes_of_the_version_that_was_meant_and_nothing_else_of_it,
);

fn options(etag: Option<&str>) -> PutOptions {
    PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: vec![
            ("a".to_owned(), "1".to_owned()),
            ("storage-size".to_owned(), "9".to_owned()),
        ],
        etag: etag.map(str::to_owned),
        ..PutOptions::default()
    }
}

async fn what_is_put_is_got(store: SharedStore) {
    for key in ["a", "b/c d/\u{1f980}#%+?&", "é", "b/e\u{301}", "back\\slash"] {
        put(&*store, key, key).await;
    }
    for key in ["a", "b/c d/\u{1f980}#%+?&", "é", "b/e\u{301}", "back\\slash"] {
        assert_eq!(text(&*store, key).await, key);
        assert!(store.exists(key).await.unwrap());
    }
    put(&*store, "empty", "").await;
    assert_eq!(store.stat("empty").await.unwrap().size, Some(0));
    assert_eq!(text(&*store, "empty").await, "");
    put(&*store, "a", "new").await;
    assert_eq!(text(&*store, "a").await, "new");
}

async fn metadata_and_etag_are_the_same_everywhere(store: SharedStore) {
    for etag in [Some("0123456789abcdef0123456789abcdef"), None] {
        let info = store.put("k", Bytes::from_static(b"12345"), options(etag)).await.unwrap();
        assert_eq!(info.size, Some(5));
        assert_eq!(info.content_type.as_deref(), Some("text/plain"));
        assert_eq!(info.metadata, options(None).metadata);
        if etag.is_some() {
            assert_eq!(info.etag.as_deref(), etag);
        }
        assert_eq!(store.stat("k").await.unwrap(), info);
        assert_eq!(store.get("k", ReadOptions::default()).await.unwrap().0, info);
        assert_eq!(*store.read("k", ReadOptions::default()).await.unwrap().info(), info);
        let page = store.list(ListOptions::default()).await.unwrap();
        assert_eq!(page.entries[0].info, info);
    }
    put(&*store, "k", "x").await;
    let info = store.stat("k").await.unwrap();
    assert_eq!((info.content_type, info.metadata), (None, Vec::new()));
}

async fn a_derived_etag_changes_with_the_object_and_is_no_md5(store: SharedStore) {
    let mut seen = HashSet::new();
    for version in 0..500 {
        put(&*store, "k", &format!("{version:03}")).await;
        let etag = store.stat("k").await.unwrap().etag.unwrap();
        assert!(etag.ends_with("-1"), "{etag}");
        assert!(seen.insert(etag.clone()), "{etag} was that of an older version");
    }
}

async fn ranges_are_cut_at_the_end_and_refused_past_it(store: SharedStore) {
    put(&*store, "k", "0123456789").await;
    put(&*store, "empty", "").await;
    let cases = [
        (ByteRange::span(2, 3), Some("234")),
        (ByteRange::span(8, 100), Some("89")),
        (ByteRange::from(9), Some("9")),
        (ByteRange::last(4), Some("6789")),
        (ByteRange::last(40), Some("0123456789")),
        (ByteRange::span(0, u64::MAX), Some("0123456789")),
        (ByteRange::from(10), None),
        (ByteRange::span(u64::MAX, 1), None),
        (ByteRange::span(1, 0), None),
    ];
    for (range, expected) in cases {
        let read = ReadOptions { range: Some(range), ..ReadOptions::default() };
        let whole = store.get("k", read.clone()).await.map(|(_, data)| data.to_vec());
        let streamed = match store.read("k", read.clone()).await {
            Ok(reader) => drain(reader).await,
            Err(error) => Err(error),
        };
        let expected = expected.map(|t| t.as_bytes().to_vec()).ok_or(Error::InvalidRange);
        assert_eq!((&whole, &streamed), (&expected, &expected), "{range:?}");
        assert_eq!(store.get("empty", read).await.unwrap_err(), Error::InvalidRange);
    }
}

async fn conditions_decide_what_is_written(store: SharedStore) {
    let data = || Bytes::from_static(b"x");
    let absent = PutOptions { if_absent: true, ..PutOptions::default() };
    let matching =
        |etag: &str| PutOptions { if_match: Some(etag.to_owned()), ..options(Some("e2")) };
    assert_eq!(store.put("k", data(), matching("e1")).await, Err(Error::NotFound));
    store.put("k", data(), absent.clone()).await.unwrap();
    assert_eq!(store.put("k", data(), absent.clone()).await, Err(Error::AlreadyExists));
    assert_eq!(store.write("k", absent).await.err(), Some(Error::AlreadyExists));
    store.put("k", data(), options(Some("e1"))).await.unwrap();
    assert_eq!(store.put("k", data(), matching("no")).await, Err(Error::PreconditionFailed));
    store.put("k", data(), matching("e1")).await.unwrap();
    let writer = store.write("k", matching("e2")).await.unwrap();
    put(&*store, "k", "meanwhile").await;
    let finished = writer.finish(Trailer::default()).await;
    assert_eq!(finished, Err(Error::PreconditionFailed));
    assert_eq!(text(&*store, "k").await, "meanwhile");
    let stale = DeleteOptions { if_match: Some("no".to_owned()) };
    assert_eq!(store.delete("k", stale).await, Err(Error::PreconditionFailed));
    let etag = store.stat("k").await.unwrap().etag;
    store.delete("k", DeleteOptions { if_match: etag }).await.unwrap();
}

async fn conditions_decide_what_is_read(store: SharedStore) {
    store.put("k", Bytes::from_static(b"x"), options(Some("e1"))).await.unwrap();
    let cases = [
        (Some("e1"), None, true),
        (Some("e2"), None, false),
        (None, Some("e1"), false),
        (None, Some("e2"), true),
    ];
    for (same, other, ok) in cases {
        let read = ReadOptions {
            if_match: same.map(str::to_owned),
            if_none_match: other.map(str::to_owned),
            ..ReadOptions::default()
        };
        assert_eq!(store.get("k", read.clone()).await.is_ok(), ok);
        assert_eq!(store.read("k", read).await.is_ok(), ok);
    }
}

async fn a_missing_object_is_not_found(store: SharedStore) {
    put(&*store, "folder/k", "x").await;
    for key in ["none", "folder", "none/below", "folder/k/below"] {
        assert_eq!(store.get(key, ReadOptions::default()).await.err(), Some(Error::NotFound));
        assert_eq!(store.read(key, ReadOptions::default()).await.err(), Some(Error::NotFound));
        assert_eq!(store.stat(key).await, Err(Error::NotFound));
        assert_eq!(store.delete(key, DeleteOptions::default()).await, Err(Error::NotFound));
        assert_eq!(store.exists(key).await, Ok(false), "{key}");
    }
}

async fn a_writer_publishes_only_when_finished(store: SharedStore) {
    let mut writer = store.write("k", options(None)).await.unwrap();
    writer.push(Bytes::from_static(b"abc")).await.unwrap();
    drop(writer);
    assert_eq!(store.exists("k").await, Ok(false));
    let mut writer = store.write("k", options(None)).await.unwrap();
    writer.push(Bytes::from_static(b"abc")).await.unwrap();
    writer.push(Bytes::from_static(b"def")).await.unwrap();
    assert_eq!(store.exists("k").await, Ok(false));
    let trailer = Trailer {
        etag: Some("t".to_owned()),
        metadata: vec![("storage-size".to_owned(), "6".to_owned())],
    };
    let info = writer.finish(trailer).await.unwrap();
    assert_eq!(info.etag.as_deref(), Some("t"));
    assert!(info.metadata.contains(&("storage-size".to_owned(), "6".to_owned())));
    assert_eq!(store.stat("k").await.unwrap(), info);
    assert_eq!(text(&*store, "k").await, "abcdef");
}

async fn a_large_object_streams_both_ways(store: SharedStore) {
    let data: Vec<u8> = (0..5_000_001_u32).map(|n| (n % 251) as u8).collect();
    let mut writer = store.write("k", PutOptions::default()).await.unwrap();
    for piece in data.chunks(77_777) {
        writer.push(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    let info = writer.finish(Trailer::default()).await.unwrap();
    assert_eq!(info.size, Some(data.len() as u64));
    let read = drain(store.read("k", ReadOptions::default()).await.unwrap()).await.unwrap();
    assert!(read == data);
    let range = Some(ByteRange::span(1_000_003, 2_500_000));
    let read = store.read("k", ReadOptions { range, ..ReadOptions::default() }).await.unwrap();
    assert!(drain(read).await.unwrap() == data[1_000_003..3_500_003]);
}

async fn an_open_reader_gives_one_version(store: SharedStore) {
    let old = vec![b'o'; 3_000_000];
    store.put("k", old.clone().into(), PutOptions::default()).await.unwrap();
    let mut replaced = store.read("k", ReadOptions::default()).await.unwrap();
    let first = replaced.next(10).await.unwrap();
    store.put("k", vec![b'n'; 3_000_000].into(), PutOptions::default()).await.unwrap();
    store.delete("k", DeleteOptions::default()).await.unwrap();
    let rest = drain(replaced).await.unwrap();
    assert!([&first[..], &rest[..]].concat() == old);
}

async fn listing_is_ordered_by_the_bytes_of_the_whole_key(store: SharedStore) {
    let mut all = [
        "a-b",
        "a.b",
        "a/b",
        "a/b.c",
        "a/b-c",
        "a0",
        "a/c/d",
        "a/c.d",
        "z",
        "\u{e9}",
        "\u{ffff}",
        "\u{1f980}",
        "B",
        "a!/x",
        "b/\u{10000}",
        "b/\u{e000}",
        "b/c/d/e/f",
        "b/c/d!",
        "b/c/d0",
    ];
    for key in all {
        put(&*store, key, "x").await;
    }
    all.sort_unstable();
    for limit in [1, 2, 3, 7, 1000] {
        assert_eq!(keys(&*store, "", limit).await, all, "limit {limit}");
    }
    for prefix in ["a", "a/", "a/b", "b/c/d", "b/c/d/", "nothing", "a/b/c", "a//", "/", "../"] {
        let expected: Vec<_> = all.iter().copied().filter(|k| k.starts_with(prefix)).collect();
        for limit in [1, 1000] {
            assert_eq!(keys(&*store, prefix, limit).await, expected, "{prefix:?}");
        }
    }
}

async fn listing_starts_after_any_string(store: SharedStore) {
    let all = ["a.b", "a/b", "a/b/c0", "a/d", "a0", "b"].map(|k| k.replace("a/b/c0", "a/c/0"));
    for key in &all {
        put(&*store, key, "x").await;
    }
    for after in
        ["", "a", "a.", "a/", "a/b", "a/b/zzz", "a/c", "a/c/", "a/c/0", "a/zz", "a0", "zz", "a//"]
    {
        let options = ListOptions { start_after: Some(after.to_owned()), ..ListOptions::default() };
        let page = store.list(options).await.unwrap();
        let listed: Vec<_> = page.entries.into_iter().map(|e| e.key).collect();
        let mut expected: Vec<_> = all.iter().filter(|k| k.as_str() > after).cloned().collect();
        expected.sort_unstable();
        assert_eq!(listed, expected, "after {after:?}");
    }
}

async fn listing_loses_nothing_while_others_write(store: SharedStore) {
    let stable: Vec<String> = (0..200).map(|n| format!("s{}/k{n:03}", n % 7)).collect();
    for key in &stable {
        put(&*store, key, "x").await;
    }
    let other = store.clone();
    let churn = tokio::spawn(async move {
        for n in 0..150 {
            let key = format!("s{}/k{n:03}!", n % 9);
            put(&*other, &key, "y").await;
            other.delete(&key, DeleteOptions::default()).await.unwrap();
        }
    });
    let mut expected = stable.clone();
    expected.sort_unstable();
    for _ in 0..5 {
        let listed = keys(&*store, "", 9).await;
        assert!(listed.is_sorted_by(|a, b| a < b));
        let kept: Vec<_> = listed.into_iter().filter(|k| !k.ends_with('!')).collect();
        assert_eq!(kept, expected);
    }
    churn.await.unwrap();
}

async fn sixty_four_puts_at_once_all_land(store: SharedStore) {
    let puts = (0..64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { put(&*store, &format!("k/{n:02}"), &n.to_string()).await })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap();
    }
    assert_eq!(keys(&*store, "k/", 1000).await.len(), 64);
    assert_eq!(text(&*store, "k/63").await, "63");
}

async fn one_of_many_if_absent_puts_wins(store: SharedStore) {
    let won = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let puts = (0..32).map(|_| {
        let (store, won) = (store.clone(), won.clone());
        tokio::spawn(async move {
            let absent = PutOptions { if_absent: true, ..PutOptions::default() };
            match store.put("f/k", Bytes::from_static(b"x"), absent).await {
                Ok(_) => won.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                Err(error) => {
                    assert_eq!(error, Error::AlreadyExists);
                    0
                }
            };
        })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap();
    }
    assert_eq!(won.load(std::sync::atomic::Ordering::Relaxed), 1);
}

async fn deletes_and_puts_of_neighbours_do_not_meet(store: SharedStore) {
    let tasks = (0..4).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..60 {
                let key = format!("x/y/{n}");
                put(&*store, &key, "v").await;
                assert_eq!(text(&*store, &key).await, "v");
                store.delete(&key, DeleteOptions::default()).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(keys(&*store, "", 10).await.is_empty());
}

async fn keys_outside_the_contract_are_refused(store: SharedStore) {
    for key in ["", "a\0b", &"k/".repeat(storage_contract::MAX_KEY_BYTES / 2 + 1)] {
        let refused = |result: Option<Error>| assert!(matches!(result, Some(Error::InvalidKey(_))));
        refused(store.put(key, Bytes::new(), PutOptions::default()).await.err());
        refused(store.write(key, PutOptions::default()).await.err());
        refused(store.get(key, ReadOptions::default()).await.err());
        refused(store.delete(key, DeleteOptions::default()).await.err());
        refused(store.exists(key).await.err());
    }
}

async fn a_copy_has_the_bytes_of_the_version_that_was_meant_and_nothing_else_of_it(
    store: SharedStore,
) {
    for size in [0, 1_000, 3_000_000] {
        let data = Bytes::from((0..size).map(|i| (i % 251) as u8).collect::<Vec<_>>());
        let old = store.put("from", data.clone(), options(None)).await.unwrap();
        let etag = old.etag.unwrap();
        let wanted = PutOptions {
            content_type: Some("image/png".to_owned()),
            metadata: vec![("b".to_owned(), "2".to_owned())],
            etag: Some("own".to_owned()),
            ..PutOptions::default()
        };
        for target in ["new", "folder/to", "new"] {
            let copied = store.copy("from", &etag, target, wanted.clone()).await.unwrap().unwrap();
            assert_eq!(copied.etag.as_deref(), Some("own"));
            assert_eq!(copied.content_type, wanted.content_type);
            assert_eq!(copied.metadata, wanted.metadata);
            assert_eq!(store.stat(target).await.unwrap(), copied);
            let reader = store.read(target, ReadOptions::default()).await.unwrap();
            assert_eq!(drain(reader).await.unwrap(), data);
        }
        let absent = PutOptions { if_absent: true, ..PutOptions::default() };
        let refused = store.copy("from", &etag, "new", absent.clone()).await;
        assert_eq!(refused, Err(Error::AlreadyExists));
        let matching = PutOptions { if_match: Some("other".to_owned()), ..PutOptions::default() };
        let refused = store.copy("from", &etag, "new", matching).await;
        assert_eq!(refused, Err(Error::PreconditionFailed));
        assert_eq!(store.copy("from", "another", "none", absent.clone()).await, Ok(None));
        assert_eq!(store.copy("nothing", &etag, "none", absent).await, Ok(None));
        assert!(!store.exists("none").await.unwrap());
        assert_eq!(store.stat("from").await.unwrap().etag, Some(etag));
    }
    let left = keys(&*store, "", 10).await;
    assert_eq!(left, ["folder/to", "from", "new"]);
}

/// A reload may leave two stores on the same location open, and a configuration may
/// list one twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_stores_of_one_place_one_alone_meets_a_condition() {
    for (kind, config) in [
        ("FilesystemStore", json!({"root_path": "root", "durable": false})),
        ("SafeFilesystemStore", json!({"root_path": "root", "durable": false})),
        ("HashdirStore", json!({"root_path": "root", "durable": false})),
        ("SqliteStore", json!({"db_path": "objects.db", "durable": false})),
    ] {
        let home = tempfile::tempdir().unwrap();
        let stores = [
            try_open(kind, home.path(), config.clone(), false).await.unwrap(),
            try_open(kind, home.path(), config.clone(), false).await.unwrap(),
        ];
        put(&*stores[0], "k", "start").await;
        for round in 0..400 {
            let there = stores[0].stat("k").await.unwrap().etag;
            let tries = stores.iter().enumerate().map(|(number, store)| {
                let (store, if_match) = (store.clone(), there.clone());
                tokio::spawn(async move {
                    let data = Bytes::from(format!("{round} {number}"));
                    store.put("k", data, PutOptions { if_match, ..PutOptions::default() }).await
                })
            });
            let mut done = 0;
            for tried in futures::future::join_all(tries).await {
                match tried.unwrap() {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error, Error::PreconditionFailed, "{kind}"),
                }
            }
            assert_eq!(done, 1, "{kind}, round {round}");
        }
    }
}
