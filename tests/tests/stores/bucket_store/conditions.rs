//! Preconditions on various servers, servers that are down, and keys that XML can't
//! represent.

use super::{open, put, read, with};
use anyhow::{Result, ensure};
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;
use storage_host::store::{DeleteOptions, Error, ListOptions, PutOptions, SharedStore};
use storage_tests::servers::small::{Preconditions, Small};
use storage_tests::servers::{free_port, garage, s3s_fs, small};

const GAP: Duration = Duration::from_millis(50);

async fn create(store: &SharedStore, key: &str) -> storage_host::Result<()> {
    let absent = PutOptions { if_absent: true, ..PutOptions::default() };
    store.put(key, Bytes::from_static(b"v"), absent).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_checks_before_it_writes_is_found_out_by_a_race() -> Result<()> {
    let server = Small::start(Preconditions::Before(GAP))?;
    let store = open(server.config()).await?;
    ensure!(store.capabilities().conditional, "one write after the other shows nothing");
    let refused = create(&store, "k").await;
    ensure!(
        matches!(&refused, Err(Error::Unsupported(m)) if m.contains("one step")),
        "{refused:?}"
    );
    ensure!(!store.capabilities().conditional, "it still claims what it can't do");
    let removed = store.delete("k", DeleteOptions { if_match: Some("x".to_owned()) }).await;
    ensure!(matches!(removed, Err(Error::NotFound)), "{removed:?}");
    put(&store, "k", b"without").await?;
    store.close().await?;
    ensure!(server.keys() == ["k"] && server.uploads() == 0, "left: {:?}", server.keys());

    // A real server of this kind.
    let store = open(s3s_fs::shared()?.bucket()?).await?;
    let refused = create(&store, "k").await;
    ensure!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    let left = store.list(ListOptions::default()).await?.entries;
    ensure!(left.is_empty(), "trying it out left {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_checks_and_writes_in_one_step_is_tried_once_and_left_clean() -> Result<()> {
    let server = Small::start(Preconditions::InOneStep)?;
    let store = open(server.config()).await?;
    let opening = server.requests();
    ensure!(opening.len() <= 6, "opening took {opening:?}");
    ensure!(!opening.iter().any(|r| r.starts_with("DELETE .")), "something was made: {opening:?}");
    // The uploads of a trial are aborted later, in the background.
    let asked = || -> Vec<String> {
        let requests = server.requests().into_iter();
        requests.filter(|request| !request.starts_with("ABORT")).collect()
    };
    put(&store, "plain", b"v").await?;
    let plain = asked();
    ensure!(plain == ["PUT plain"], "a plain write tried something out: {plain:?}");
    let (a, b) = futures::join!(create(&store, "a"), create(&store, "b"));
    a?;
    b?;
    let race = asked();
    ensure!(race.len() > 40 && race.len() < 100, "{} requests", race.len());
    let again = create(&store, "a").await;
    ensure!(matches!(again, Err(Error::AlreadyExists)), "{again:?}");
    let again = asked();
    ensure!(again == ["PUT a"], "it was tried out again: {again:?}");
    store.close().await?;
    ensure!(server.keys() == ["a", "b", "plain"], "left: {:?}", server.keys());
    ensure!(server.uploads() == 0, "uploads were left behind");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_down_at_the_start_keeps_its_preconditions() -> Result<()> {
    let port = free_port()?;
    let store = open(with(small::config(port), json!({"retry_deadline": 1}))).await?;
    for _ in 0..2 {
        let down = create(&store, "k").await;
        ensure!(matches!(down, Err(Error::Unavailable(_))), "{down:?}");
        ensure!(store.capabilities().conditional, "it gave up a server that was down");
    }
    let server = Small::start_on(port, Preconditions::InOneStep)?;
    server.fail(true);
    let failing = create(&store, "k").await;
    ensure!(matches!(failing, Err(Error::Unavailable(_))), "{failing:?}");
    server.fail(false);
    create(&store, "k").await?;
    let again = create(&store, "k").await;
    ensure!(matches!(again, Err(Error::AlreadyExists)), "{again:?}");

    // A server that ignores preconditions is detected even if it starts this late.
    let port = free_port()?;
    let store = open(with(small::config(port), json!({"retry_deadline": 1}))).await?;
    let server = Small::start_on(port, Preconditions::Ignored)?;
    let refused = create(&store, "k").await;
    ensure!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    ensure!(!store.capabilities().conditional && server.keys().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_a_trial_are_removed_although_the_caller_left_and_are_never_seen() -> Result<()>
{
    let server = Small::start(Preconditions::InOneStep)?;
    let store = open(with(server.config(), json!({"retry_deadline": 0}))).await?;
    let trial = tokio::spawn({
        let store = store.clone();
        async move { create(&store, "k").await }
    });
    // The caller goes away in the middle of the trial.
    while !server.keys().iter().any(|key| key.starts_with(".storage-host-probe-")) {
        ensure!(!trial.is_finished(), "the trial ended unseen");
        tokio::task::yield_now().await;
    }
    trial.abort();
    store.close().await?;
    let left = server.keys();
    ensure!(left.iter().all(|key| key == "k") && server.uploads() == 0, "left: {left:?}");

    let other = ".storage-host-probe-0123456789abcdef0123456789abcdef";
    server.put(other, b"of another process");
    server.put(".storage-host-probe-mine", b"of a user");
    let store = open(server.config()).await?;
    let page = store.list(ListOptions::default()).await?;
    let keys: Vec<_> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
    ensure!(keys.iter().all(|key| *key != other), "{keys:?}");
    ensure!(keys.contains(&".storage-host-probe-mine"), "{keys:?}");
    let taken = put(&store, other, b"v").await;
    ensure!(matches!(taken, Err(Error::InvalidKey(_))), "{taken:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_xml_has_no_place_for_keep_nobody_from_starting() -> Result<()> {
    let node = garage::shared()?;
    let server = Small::start(Preconditions::InOneStep)?;
    for config in [node.config(&node.bucket()?), server.config()] {
        let config = with(config, json!({"stale_uploads_days": 1}));
        let store = open(config.clone()).await?;
        put(&store, "\u{1}evil", b"v").await?;
        server.begin("\u{1}begun & <long ago>");
        store.close().await?;
        let store = open(config).await?;
        let keys = store.list(ListOptions::default()).await?.entries;
        ensure!(keys.iter().map(|entry| &*entry.key).eq(["\u{1}evil"]), "{keys:?}");
        ensure!(read(&store, "\u{1}evil").await? == b"v");
        store.delete("\u{1}evil", DeleteOptions::default()).await?;
        store.close().await?;
    }
    ensure!(server.uploads() == 0, "an upload that was begun long ago is still there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answered_once_is_waited_for_and_a_strange_one_is_not() -> Result<()> {
    // Nothing listens there: it fails long before the deadline of a minute.
    let store = open(small::config(free_port()?)).await?;
    let nobody = tokio::time::timeout(Duration::from_secs(30), store.stat("k")).await?;
    let text = format!("{nobody:?}");
    ensure!(matches!(nobody, Err(Error::Unavailable(_))) && text.contains("refused"), "{text}");

    let server = Small::start(Preconditions::InOneStep)?;
    server.put("k", b"v");
    let store = open(server.config()).await?;
    server.fail(true);
    let waiting = tokio::spawn(async move { store.stat("k").await });
    tokio::time::sleep(Duration::from_millis(1500)).await;
    server.fail(false);
    ensure!(waiting.await??.size == Some(1), "it was not waited for");
    Ok(())
}
