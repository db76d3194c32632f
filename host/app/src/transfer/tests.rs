mod odd;

use super::*;
use bytes::Bytes;
use odd::Odd;
use std::sync::Arc;
use std::sync::Mutex;
use storage_backends::memory::Memory;
use storage_store::checksum::{Crc64, crc64};
use storage_store::objects::Objects;
use storage_store::{Capabilities, DeleteOptions, Error, PutOptions, ReadOptions, SharedStore};

async fn store(objects: &[(&str, &str)]) -> Objects {
    filled("m", Arc::new(Memory::new()), objects).await
}

async fn filled(name: &str, store: SharedStore, objects: &[(&str, &str)]) -> Objects {
    let store = Objects::new(name, store);
    for (key, text) in objects {
        let text = Bytes::copy_from_slice(text.as_bytes());
        store.put(key, text, PutOptions::default()).await.unwrap();
    }
    store
}

async fn contents(store: &Objects) -> Vec<(String, String)> {
    use futures::TryStreamExt;
    let mut entries: Vec<_> = store.entries("").try_collect().await.unwrap();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut contents = Vec::new();
    for entry in entries {
        let (_, data) = store.get(&entry.key, ReadOptions::default(), 1000).await.unwrap();
        contents.push((entry.key, String::from_utf8(data.to_vec()).unwrap()));
    }
    contents
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn side(objects: &Objects, prefix: &str) -> Endpoint {
    Endpoint::new(objects.clone(), prefix)
}

fn whole(from: &Objects, to: &Objects) -> Sync {
    Sync::new(side(from, ""), side(to, ""))
}

fn filtered(include: &[&str], exclude: &[&str]) -> Control {
    let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
    let filter = Filter::new(&owned(include), &owned(exclude)).unwrap();
    Control { filter, ..Control::default() }
}

#[tokio::test]
async fn copy_moves_a_prefix_and_keeps_what_it_must_not_replace() {
    let from = store(&[("a/1", "one"), ("a/2", "two"), ("b", "other")]).await;
    let to = store(&[("c/1", "old")]).await;
    let what = Copy { from: side(&from, "a/"), to: side(&to, "c/"), overwrite: false };
    let counts = copy(&what, &Control::default()).await.unwrap();
    assert_eq!((counts.copied, counts.skipped, counts.bytes), (1, 1, 3));
    assert_eq!(contents(&to).await, pairs(&[("c/1", "old"), ("c/2", "two")]));
    let counts = copy(&Copy { overwrite: true, ..what }, &Control::default()).await.unwrap();
    assert_eq!((counts.copied, counts.skipped), (2, 0));
    assert_eq!(contents(&to).await, pairs(&[("c/1", "one"), ("c/2", "two")]));
}

#[tokio::test]
async fn sync_copies_what_differs_and_nothing_else_in_order_and_out_of_order() {
    for ordered in [true, false] {
        let unordered = Capabilities { ordered, ..Capabilities::ALL };
        let odd = || Arc::new(Odd { capabilities: unordered, backwards: !ordered, ..Odd::new() });
        let objects = [("0first", "f"), ("equal", "same"), ("changed", "new"), ("missing", "m")];
        let from = filled("from", odd(), &objects).await;
        let objects =
            [("equal", "same"), ("changed", "old"), ("aaa", "x"), ("more", "x"), ("z", "x")];
        let to = filled("to", odd(), &objects).await;
        // An etag that is not an MD5: the bytes are compared.
        let own = PutOptions { etag: Some("own-1".to_owned()), ..PutOptions::default() };
        to.put("equal", "same".into(), own).await.unwrap();
        let counts = sync(&whole(&from, &to), &Control::default()).await.unwrap();
        assert_eq!((counts.copied, counts.skipped, counts.deleted), (3, 1, 0));
        let what = Sync { delete: true, max_delete: Some(3), ..whole(&from, &to) };
        let counts = sync(&what, &Control::default()).await.unwrap();
        assert_eq!((counts.copied, counts.skipped, counts.deleted), (0, 4, 3));
        assert_eq!(contents(&to).await, contents(&from).await);
    }
}

#[tokio::test]
async fn what_has_a_checksum_is_compared_without_being_read() {
    let side = async |name: &str, text: &str, checksum: bool| {
        let odd = Odd::new();
        let reads = odd.reads.clone();
        let mut crc = Crc64::default();
        crc.update(text.as_bytes());
        let metadata = checksum.then(|| crc.entry()).into_iter().collect();
        let options = PutOptions { metadata, ..PutOptions::default() };
        let objects = Objects::new(name, Arc::new(odd));
        objects.put("k", Bytes::copy_from_slice(text.as_bytes()), options).await.unwrap();
        (objects, move || reads.lock().unwrap().0)
    };
    for (here, there, text, wanted) in [
        (true, true, "same", (0, 0)),
        (true, false, "same", (0, 1)),
        (false, true, "same", (1, 0)),
        (false, false, "same", (1, 1)),
        (true, true, "else", (1, 0)),
    ] {
        let (from, from_reads) = side("from", "same", here).await;
        let (to, to_reads) = side("to", text, there).await;
        let counts = sync(&whole(&from, &to), &Control::default()).await.unwrap();
        assert_eq!(counts.copied, u64::from(text != "same"), "{here} {there} {text}");
        assert_eq!((from_reads(), to_reads()), wanted, "{here} {there} {text}");
        assert_eq!(contents(&to).await, pairs(&[("k", "same")]));
    }
}

#[tokio::test]
async fn a_checksum_of_other_bytes_does_not_go_along() {
    let from = store(&[]).await;
    for (key, metadata) in [
        ("changed", vec![(":checksum", "CRC64NVME FULL_OBJECT AAAAAAAAAAA= 4")]),
        (
            "encoded",
            vec![(":checksum", "CRC64NVME FULL_OBJECT AAAAAAAAAAA= 5"), ("storage-size", "5")],
        ),
    ] {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let metadata = metadata.into_iter().map(owned).collect();
        let options = PutOptions { metadata, ..PutOptions::default() };
        from.exact().put(key, "hello".into(), options).await.unwrap();
        assert_eq!(crc64(&from.stat(key).await.unwrap()), None);
        let to = store(&[]).await;
        copy(
            &Copy { from: side(&from, ""), to: side(&to, ""), overwrite: true },
            &Control::default(),
        )
        .await
        .unwrap();
        assert_eq!(crc64(&to.stat(key).await.unwrap()), Some("M3eFcAZSQlc="), "{key}");
        let _ = from.delete(key, DeleteOptions::default()).await;
    }
}

#[tokio::test]
async fn what_is_copied_gets_a_checksum_before_or_after_its_bytes() {
    let from = store(&[("small", "hello")]).await;
    let large = Bytes::from(vec![7; 3 * 1024 * 1024]);
    from.put("large", large.clone(), PutOptions::default()).await.unwrap();
    let to = store(&[]).await;
    let what = Copy { from: side(&from, ""), to: side(&to, ""), overwrite: true };
    copy(&what, &Control::default()).await.unwrap();
    assert_eq!(crc64(&to.stat("small").await.unwrap()), Some("M3eFcAZSQlc="));
    let mut crc = Crc64::default();
    crc.update(&large);
    assert_eq!(crc64(&to.stat("large").await.unwrap()), Some(crc.value().as_str()));
}

#[tokio::test]
async fn names_are_enough_when_asked_for() {
    let (from, to) = (store(&[("k", "new")]).await, store(&[("k", "old")]).await);
    let what = Sync { names_only: true, ..whole(&from, &to) };
    assert_eq!(sync(&what, &Control::default()).await.unwrap().skipped, 1);
    assert_eq!(contents(&to).await, pairs(&[("k", "old")]));
}

#[tokio::test]
async fn deleting_is_refused_for_an_empty_source_and_beyond_the_limit() {
    let empty = store(&[]).await;
    let one = store(&[("z", "")]).await;
    let to = store(&[("a", ""), ("b", "")]).await;
    let what = Sync { delete: true, ..whole(&empty, &to) };
    let refused = sync(&what, &Control::default()).await.unwrap_err();
    assert!(matches!(refused.cause, Error::LimitExceeded(_)));
    let what = Sync { delete: true, max_delete: Some(1), ..whole(&one, &to) };
    let refused = sync(&what, &Control::default()).await.unwrap_err();
    assert!(matches!(refused.cause, Error::LimitExceeded(_)));
    assert_eq!(contents(&to).await, pairs(&[("a", ""), ("b", "")]), "nothing was copied, either");
}

#[tokio::test]
async fn deleting_is_refused_where_the_filter_leaves_nothing_of_the_source() {
    let from = store(&[("a.txt", "")]).await;
    let to = store(&[("b.jpg", "")]).await;
    let what = Sync { delete: true, ..whole(&from, &to) };
    let refused = sync(&what, &filtered(&["*.jpg"], &[])).await.unwrap_err();
    assert!(refused.to_string().contains("the source is empty"), "{refused}");
    assert_eq!(contents(&to).await.len(), 1);
}

#[tokio::test]
async fn what_the_filter_leaves_out_is_neither_copied_nor_deleted() {
    let from = store(&[("p/a.txt", "1"), ("p/b.jpg", "2"), ("p/d/c.txt", "3")]).await;
    let to = store(&[("old.txt", ""), ("old.jpg", ""), ("d/old.txt", "")]).await;
    let what = Sync { delete: true, ..Sync::new(side(&from, "p/"), side(&to, "")) };
    let counts = sync(&what, &filtered(&["*.txt"], &[])).await.unwrap();
    assert_eq!((counts.copied, counts.deleted), (1, 1));
    let left = pairs(&[("a.txt", "1"), ("d/old.txt", ""), ("old.jpg", "")]);
    assert_eq!(contents(&to).await, left);
    let counts = clear(&side(&to, ""), &filtered(&["**/*.txt"], &["a.*"])).await.unwrap();
    assert_eq!(counts.deleted, 1);
    assert_eq!(contents(&to).await, pairs(&[("a.txt", "1"), ("old.jpg", "")]));
}

#[tokio::test]
async fn a_listing_that_fails_deletes_nothing_and_says_what_was_done() {
    let objects = [("a", ""), ("b", ""), ("c", ""), ("d", "")];
    let good = || async { store(&[("a", ""), ("b", ""), ("x", "")]).await };
    for ordered in [true, false] {
        let capabilities = Capabilities { ordered, ..Capabilities::ALL };
        let odd = || Arc::new(Odd { fails_at_page: Some(2), capabilities, ..Odd::new() });
        let (from, to) = (filled("bad", odd(), &objects).await, good().await);
        let what = Sync { delete: true, ..whole(&from, &to) };
        let aborted = sync(&what, &Control::default()).await.unwrap_err();
        assert_eq!((aborted.store.as_str(), aborted.what), ("bad", "list"));
        assert_eq!((aborted.counts.skipped, aborted.counts.deleted), (2, 0));
        assert_eq!(contents(&to).await.len(), 3);
        let (from, to) = (good().await, filled("bad", odd(), &objects).await);
        let what = Sync { delete: true, ..whole(&from, &to) };
        let aborted = sync(&what, &Control::default()).await.unwrap_err();
        assert_eq!((aborted.store.as_str(), aborted.counts.deleted), ("bad", 0));
        for (key, _) in objects {
            assert!(to.exists(key).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_listing_out_of_order_is_an_error_and_no_reason_to_delete() {
    let odd = Arc::new(Odd { backwards: true, ..Odd::new() });
    let from = filled("liar", odd, &[("a", ""), ("b", "")]).await;
    let to = store(&[("a", ""), ("b", "")]).await;
    let what = Sync { delete: true, ..whole(&from, &to) };
    let aborted = sync(&what, &Control::default()).await.unwrap_err();
    assert!(aborted.to_string().contains("gave \"a\" after \"b\""), "{aborted}");
    assert_eq!(contents(&to).await.len(), 2);
}

#[tokio::test]
async fn a_source_that_ends_early_publishes_nothing() {
    let odd = Arc::new(Odd { short: true, ..Odd::new() });
    let from = filled("short", odd, &[("k", "text")]).await;
    let to = store(&[("k", "old"), ("surplus", "")]).await;
    let what = Sync { delete: true, ..whole(&from, &to) };
    let counts = sync(&what, &Control::default()).await.unwrap();
    assert_eq!((counts.copied, counts.failed.len(), counts.deleted), (0, 1, 0));
    assert_eq!((counts.failed[0].what, counts.failed[0].store.as_str()), ("read", "short"));
    assert_eq!(contents(&to).await, pairs(&[("k", "old"), ("surplus", "")]));
}

#[tokio::test]
async fn as_many_objects_are_under_way_as_asked_for_and_no_more() {
    let odd = Arc::new(Odd::new());
    let reads = odd.reads.clone();
    let keys: Vec<_> = (0..50).map(|i| format!("{i:02}")).collect();
    let objects: Vec<_> = keys.iter().map(|key| (key.as_str(), "text")).collect();
    let from = filled("from", odd, &objects).await;
    let to = store(&[]).await;
    let what = Copy { from: side(&from, ""), to: side(&to, ""), overwrite: true };
    let control = Control { concurrency: 5, ..Control::default() };
    assert_eq!(copy(&what, &control).await.unwrap().copied, 50);
    assert_eq!(*reads.lock().unwrap(), (5, 0));
}

#[tokio::test]
async fn clear_deletes_a_prefix_and_a_dry_run_nothing() {
    let store = store(&[("a/1", ""), ("a/2", ""), ("b", "")]).await;
    let dry = Control { dry_run: true, ..Control::default() };
    assert_eq!(clear(&side(&store, ""), &dry).await.unwrap().deleted, 3);
    assert_eq!(clear(&side(&store, "a/"), &Control::default()).await.unwrap().deleted, 2);
    assert_eq!(contents(&store).await, pairs(&[("b", "")]));
}

#[tokio::test]
async fn one_key_that_fails_does_not_stop_the_others() {
    let long = "k".repeat(storage_contract::MAX_KEY_BYTES);
    let from = store(&[("a", "1"), (&long, "2"), ("z", "3")]).await;
    let to = store(&[]).await;
    let what = Copy { from: side(&from, ""), to: side(&to, "p/"), overwrite: true };
    let counts = copy(&what, &Control::default()).await.unwrap();
    assert_eq!((counts.copied, counts.failed.len()), (2, 1));
    assert_eq!(counts.failed[0].key, format!("p/{long}"));
}

#[tokio::test]
async fn a_transfer_that_is_stopped_says_so() {
    let (from, to) = (store(&[("a", ""), ("b", "")]).await, store(&[("x", "")]).await);
    let control = Control::default();
    control.stop.stop();
    let what = Sync { delete: true, ..whole(&from, &to) };
    let counts = sync(&what, &control).await.unwrap();
    assert!(counts.stopped && counts.copied == 0 && counts.deleted == 0);
}

#[tokio::test]
async fn a_move_deletes_each_object_after_its_copy_and_keeps_what_was_skipped() {
    let from = store(&[("a/1", "one"), ("a/2", "two"), ("b", "other")]).await;
    let to = store(&[("c/1", "old")]).await;
    let what = Mv { from: side(&from, "a/"), to: side(&to, "c/"), overwrite: false };
    let counts = mv(&what, &Control::default()).await.unwrap();
    assert_eq!((counts.moved, counts.skipped, counts.bytes), (1, 1, 3));
    assert_eq!(contents(&from).await, pairs(&[("a/1", "one"), ("b", "other")]));
    assert_eq!(contents(&to).await, pairs(&[("c/1", "old"), ("c/2", "two")]));
    let one = Mv { from: side(&from, "b"), to: side(&from, "a/b"), overwrite: true };
    assert_eq!(mv_one(&one, &Control::default()).await.unwrap().moved, 1);
    assert_eq!(contents(&from).await, pairs(&[("a/1", "one"), ("a/b", "other")]));
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_moved_is_not_deleted() {
    let odd = Arc::new(Odd { restless: true, ..Odd::new() });
    let from = filled("from", odd, &[("k", "text!")]).await;
    let to = store(&[]).await;
    let what = Mv { from: side(&from, ""), to: side(&to, ""), overwrite: true };
    let counts = mv(&what, &Control::default()).await.unwrap();
    assert_eq!((counts.moved, counts.failed.len()), (0, 1));
    assert_eq!(counts.failed[0].cause, Error::PreconditionFailed);
    assert_eq!(contents(&to).await, pairs(&[("k", "text!")]));
    assert!(from.exists("k").await.unwrap());
}

#[tokio::test]
async fn places_that_overlap_are_refused_and_unchanged() {
    let store = store(&[("a", "1"), ("a/b", "2")]).await;
    let before = contents(&store).await;
    for (from, to) in [("", ""), ("", "copy/"), ("a/", ""), ("a", "a/"), ("a/", "a/")] {
        let (from, to) = (side(&store, from), side(&store, to));
        let (control, overwrite) = (Control::default(), true);
        let what = Copy { from: from.clone(), to: to.clone(), overwrite };
        let error = copy(&what, &control).await.unwrap_err();
        assert!(matches!(error.cause, Error::Unsupported(_)), "{error}");
        assert!(sync(&Sync::new(from.clone(), to.clone()), &control).await.is_err());
        assert!(mv(&Mv { from, to, overwrite }, &control).await.is_err());
    }
    let same = Mv { from: side(&store, "a"), to: side(&store, "a"), overwrite: true };
    assert!(mv_one(&same, &Control::default()).await.is_err());
    assert_eq!(contents(&store).await, before);
}

#[tokio::test]
async fn media_type_and_metadata_go_along_or_one_warning_says_that_they_do_not() {
    let from = store(&[]).await;
    let given = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: vec![("by".to_owned(), "me".to_owned())],
        ..PutOptions::default()
    };
    for key in ["a", "b", "c"] {
        from.put(key, "x".into(), given.clone()).await.unwrap();
    }
    for metadata in [true, false] {
        let capabilities = Capabilities { metadata, ..Capabilities::ALL };
        let to = filled("to", Arc::new(Odd { capabilities, ..Odd::new() }), &[]).await;
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let heard = warnings.clone();
        let watch: Watcher = Arc::new(move |event| {
            if let Event::Warning(text) = event {
                heard.lock().unwrap().push(text.to_owned());
            }
        });
        let what = Copy { from: side(&from, ""), to: side(&to, ""), overwrite: true };
        copy(&what, &Control { watch, ..Control::default() }).await.unwrap();
        let info = to.stat("b").await.unwrap();
        assert_eq!(info.content_type.is_some(), metadata);
        assert_eq!(info.metadata.contains(&("by".to_owned(), "me".to_owned())), metadata);
        let warning =
            "store \"to\" keeps no metadata: media types and user metadata are not copied";
        let wanted: &[&str] = if metadata { &[] } else { &[warning] };
        assert_eq!(*warnings.lock().unwrap(), wanted);
    }
}

#[tokio::test]
async fn a_tree_is_an_object_and_what_lies_below_it_and_no_longer_name() {
    for ordered in [true, false] {
        let capabilities = Capabilities { ordered, ..Capabilities::ALL };
        let odd = || Arc::new(Odd { capabilities, backwards: !ordered, ..Odd::new() });
        let objects = [("a", "1"), ("a-b", "2"), ("a/x", "3"), ("a/y/z", "4"), ("ab", "5")];
        let from = filled("from", odd(), &objects).await;
        let to = filled("to", odd(), &[("b", "old"), ("b/gone", ""), ("bc", "kept")]).await;
        let tree = |store: &Objects, key| Endpoint::tree(store.clone(), key);
        let what = Sync { delete: true, ..Sync::new(tree(&from, "a"), tree(&to, "b")) };
        let counts = sync(&what, &Control::default()).await.unwrap();
        assert_eq!((counts.copied, counts.deleted, counts.failed.len()), (3, 1, 0));
        let wanted = [("b", "1"), ("b/x", "3"), ("b/y/z", "4"), ("bc", "kept")];
        assert_eq!(contents(&to).await, pairs(&wanted));
        // Filters see what follows the slash, so they never match the object itself.
        let counts = clear(&tree(&to, "b"), &filtered(&["x", "b"], &[])).await.unwrap();
        assert_eq!(counts.deleted, 1);
        let wanted = [("b", "1"), ("b/y/z", "4"), ("bc", "kept")];
        assert_eq!(contents(&to).await, pairs(&wanted));
        let counts = clear(&tree(&from, "a"), &Control::default()).await.unwrap();
        assert_eq!(counts.deleted, 3);
        assert_eq!(contents(&from).await, pairs(&[("a-b", "2"), ("ab", "5")]));
    }
}

#[tokio::test]
async fn one_object_says_nothing_of_what_should_lie_below_its_name() {
    for max_delete in [None, Some(10)] {
        let from = store(&[("a", "1")]).await;
        let to = store(&[("a", "old"), ("a/x", "2"), ("a/y", "3")]).await;
        let tree = |store: &Objects| Endpoint::tree(store.clone(), "a");
        let what = Sync { delete: true, max_delete, ..Sync::new(tree(&from), tree(&to)) };
        let refused = sync(&what, &Control::default()).await.unwrap_err();
        assert!(refused.to_string().contains("source is empty"), "{refused}");
        assert!(contents(&to).await.len() == 3);
    }
}

#[tokio::test]
async fn trees_beside_each_other_are_apart_and_one_inside_the_other_is_not() {
    let store = store(&[("a", "1"), ("a/x", "2")]).await;
    let tree = |key| Endpoint::tree(store.clone(), key);
    let copied = async |from, to| {
        let what = Copy { from: tree(from), to: tree(to), overwrite: true };
        copy(&what, &Control::default()).await.map(|counts| counts.copied)
    };
    assert_eq!(copied("a", "ab").await, Ok(2));
    for (from, to) in [("a", "a"), ("a", "a/b"), ("a/x", "a"), ("a", ""), ("", "a")] {
        assert!(copied(from, to).await.is_err(), "{from} {to}");
    }
}

/// A source with entries that are not objects.
async fn with_left_out(left_out: &[&'static str], objects: &[(&str, &str)]) -> Objects {
    let odd = Odd { left_out: left_out.to_vec(), ..Odd::new() };
    filled("from", Arc::new(odd), objects).await
}

#[tokio::test]
async fn what_is_no_object_in_the_source_is_counted_and_told_unless_it_is_filtered() {
    let from = with_left_out(&["link", "tmp/link", "b\\xff"], &[("a", "1"), ("b", "2")]).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let watch: Watcher = Arc::new(move |event| {
        if let Event::LeftOut(skipped) = event {
            heard.lock().unwrap().push(skipped.entry.clone());
        }
    });
    for (exclude, wanted) in [
        (&[] as &[&str], &["link", "tmp/link", "b\\\\xff"] as &[&str]),
        (&["**/link"], &["b\\\\xff"]),
    ] {
        let control = Control { watch: watch.clone(), ..filtered(&[], exclude) };
        let to = store(&[]).await;
        let what = Copy { from: side(&from, ""), to: side(&to, ""), overwrite: true };
        let counts = copy(&what, &control).await.unwrap();
        assert_eq!((counts.copied, counts.left_out), (2, wanted.len() as u64));
        assert_eq!(std::mem::take(&mut *told.lock().unwrap()), wanted);
    }
    let counts = clear(&side(&from, ""), &Control::default()).await.unwrap();
    assert_eq!((counts.deleted, counts.left_out), (2, 3));
}

#[tokio::test]
async fn sync_deletes_nothing_for_which_the_source_may_hold_what_is_no_object_there() {
    let from = with_left_out(&["link", "l\n"], &[("a", "1")]).await;
    let there = [("link", "old"), ("link/below", "old"), ("l\n", "old"), ("link2", "old")];
    let to = store(&there).await;
    let what = Sync { delete: true, ..whole(&from, &to) };
    let counts = sync(&what, &Control::default()).await.unwrap();
    assert_eq!((counts.copied, counts.deleted, counts.left_out), (1, 0, 2));
    assert_eq!(contents(&to).await.len(), 5);
    let control = Control { allow_left_out: true, ..Control::default() };
    let counts = sync(&what, &control).await.unwrap();
    assert_eq!((counts.deleted, counts.left_out), (1, 2));
    let left = [("a", "1"), ("l\n", "old"), ("link", "old"), ("link/below", "old")];
    assert_eq!(contents(&to).await, pairs(&left));
}
