use super::*;
use crate::backends::memory::Memory;
use std::sync::Arc;

async fn store(objects: &[(&str, &str)]) -> Objects {
    let store = Objects::new("m", Arc::new(Memory::new()));
    for (key, text) in objects {
        let text = bytes::Bytes::copy_from_slice(text.as_bytes());
        store.put(key, text, PutOptions::default()).await.unwrap();
    }
    store
}

async fn contents(store: &Objects) -> Vec<(String, String)> {
    use futures::TryStreamExt;
    let entries: Vec<_> = store.entries("").try_collect().await.unwrap();
    let mut contents = Vec::new();
    for entry in entries {
        let (_, data) = store.get(&entry.key, ReadOptions::default(), 1000).await.unwrap();
        contents.push((entry.key, String::from_utf8(data.to_vec()).unwrap()));
    }
    contents
}

fn control(stop: &Stop) -> Control<'_> {
    Control { dry_run: false, stop, progress: &|_| {} }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn copy_moves_a_prefix_and_keeps_what_it_must_not_replace() {
    let from = store(&[("a/1", "one"), ("a/2", "two"), ("b", "other")]).await;
    let to = store(&[("c/1", "old")]).await;
    let stop = Stop::default();
    let what = Copy { from: &from, from_prefix: "a/", to: &to, to_prefix: "c/", overwrite: false };
    let counts = copy(&what, &control(&stop)).await.unwrap();
    assert_eq!((counts.copied, counts.skipped, counts.bytes), (1, 1, 3));
    assert_eq!(contents(&to).await, pairs(&[("c/1", "old"), ("c/2", "two")]));
    let counts = copy(&Copy { overwrite: true, ..what }, &control(&stop)).await.unwrap();
    assert_eq!((counts.copied, counts.skipped), (2, 0));
    assert_eq!(contents(&to).await, pairs(&[("c/1", "one"), ("c/2", "two")]));
}

fn whole<'a>(from: &'a Objects, to: &'a Objects) -> Sync<'a> {
    Sync {
        from,
        from_prefix: "",
        to,
        to_prefix: "",
        names_only: false,
        delete: false,
        max_delete: None,
    }
}

#[tokio::test]
async fn sync_copies_what_differs_and_nothing_else() {
    let from = store(&[("equal", "same"), ("changed", "new"), ("missing", "m")]).await;
    let to = store(&[("equal", "same"), ("changed", "old"), ("more", "x")]).await;
    // An etag that says nothing of the bytes: they are compared.
    let own = PutOptions { etag: Some("own-1".to_owned()), ..PutOptions::default() };
    to.put("equal", "same".into(), own).await.unwrap();
    let stop = Stop::default();
    let counts = sync(&whole(&from, &to), &control(&stop)).await.unwrap();
    assert_eq!((counts.copied, counts.skipped, counts.deleted), (2, 1, 0));
    let what = Sync { delete: true, ..whole(&from, &to) };
    let counts = sync(&what, &control(&stop)).await.unwrap();
    assert_eq!((counts.copied, counts.skipped, counts.deleted), (0, 3, 1));
    assert_eq!(contents(&to).await, contents(&from).await);
}

#[tokio::test]
async fn names_are_enough_when_asked_for() {
    let (from, to) = (store(&[("k", "new")]).await, store(&[("k", "old")]).await);
    let stop = Stop::default();
    let what = Sync { names_only: true, ..whole(&from, &to) };
    assert_eq!(sync(&what, &control(&stop)).await.unwrap().skipped, 1);
    assert_eq!(contents(&to).await, pairs(&[("k", "old")]));
}

#[tokio::test]
async fn deleting_is_refused_for_an_empty_source_and_beyond_the_limit() {
    let empty = store(&[]).await;
    let one = store(&[("z", "")]).await;
    let to = store(&[("a", ""), ("b", "")]).await;
    let stop = Stop::default();
    let what = Sync { delete: true, ..whole(&empty, &to) };
    assert!(matches!(sync(&what, &control(&stop)).await, Err(Error::LimitExceeded(_))));
    let what = Sync { delete: true, max_delete: Some(1), ..whole(&one, &to) };
    assert!(matches!(sync(&what, &control(&stop)).await, Err(Error::LimitExceeded(_))));
    assert_eq!(contents(&to).await, pairs(&[("a", ""), ("b", "")]));
}

#[tokio::test]
async fn clear_deletes_a_prefix_and_a_dry_run_nothing() {
    let store = store(&[("a/1", ""), ("a/2", ""), ("b", "")]).await;
    let stop = Stop::default();
    let dry = Control { dry_run: true, ..control(&stop) };
    assert_eq!(clear(&store, "", &dry).await.unwrap().deleted, 3);
    assert_eq!(clear(&store, "a/", &control(&stop)).await.unwrap().deleted, 2);
    assert_eq!(contents(&store).await, pairs(&[("b", "")]));
}

#[tokio::test]
async fn one_key_that_fails_does_not_stop_the_others() {
    let long = "k".repeat(1024);
    let from = store(&[("a", "1"), (&long, "2"), ("z", "3")]).await;
    let to = store(&[]).await;
    let stop = Stop::default();
    let what = Copy { from: &from, from_prefix: "", to: &to, to_prefix: "p/", overwrite: true };
    let counts = copy(&what, &control(&stop)).await.unwrap();
    assert_eq!((counts.copied, counts.failed.len()), (2, 1));
    assert_eq!(counts.failed[0].0, long);
}

#[tokio::test]
async fn a_transfer_that_is_stopped_says_so() {
    let (from, to) = (store(&[("a", ""), ("b", "")]).await, store(&[]).await);
    let stop = Stop::default();
    stop.stop();
    let counts = sync(&whole(&from, &to), &control(&stop)).await.unwrap();
    assert!(counts.stopped && counts.copied == 0);
}
