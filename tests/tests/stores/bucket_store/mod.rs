//! BucketStore against real servers, beyond the conformance suite.

mod checksums;
mod conditions;
mod copies;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage_conformance::cases::bytes as random;
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{
    DeleteOptions, Error, ListOptions, PutOptions, ReadOptions, SharedStore, Trailer,
};
use storage_tests::proxy::{Fault, Proxy};
use storage_tests::servers::garage::{self, Cluster};
use storage_tests::servers::{moto, s3s_fs};

const MIB: usize = 1024 * 1024;
const PART: usize = 5 * MIB;

async fn try_open(config: Value, check_only: bool) -> storage_host::Result<SharedStore> {
    let backend = BACKENDS.iter().find(|backend| backend.name == "BucketStore");
    let backend = backend.ok_or_else(|| Error::Other("no BucketStore".to_owned()))?;
    let name = "bucket".to_owned();
    (backend.open)(OpenArgs {
        name,
        config,
        directory: PathBuf::from("."),
        create: !check_only,
        check: check_only.then(Default::default),
    })
    .await
}

async fn open(config: Value) -> Result<SharedStore> {
    Ok(try_open(config, false).await?)
}

/// `config` with more settings.
fn with(mut config: Value, more: Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    config
}

async fn read(store: &SharedStore, key: &str) -> storage_host::Result<Vec<u8>> {
    let mut reader = store.read(key, ReadOptions::default()).await?;
    let mut data = Vec::new();
    loop {
        let chunk = reader.next(256 * 1024).await?;
        if chunk.is_empty() {
            return Ok(data);
        }
        data.extend_from_slice(&chunk);
    }
}

async fn put(store: &SharedStore, key: &str, data: &[u8]) -> storage_host::Result<()> {
    let data = Bytes::copy_from_slice(data);
    store.put(key, data, PutOptions::default()).await.map(drop)
}

async fn write(
    store: &SharedStore,
    key: &str,
    data: &[u8],
    trailer: Trailer,
) -> storage_host::Result<storage_host::store::ObjectInfo> {
    let mut writer = store.write(key, PutOptions::default()).await?;
    for chunk in data.chunks(300_000) {
        writer.push(Bytes::copy_from_slice(chunk)).await?;
    }
    writer.finish(trailer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_servers_do_with_preconditions_is_found_out() -> Result<()> {
    let node = garage::shared()?;
    let garage = open(node.config(&node.bucket()?)).await?;
    ensure!(!garage.capabilities().conditional, "Garage takes no notice of preconditions");
    let moto = open(moto::shared()?.bucket()?).await?;
    ensure!(
        !moto.capabilities().conditional,
        "moto takes no notice of If-Match at the end of parts"
    );
    let files = open(s3s_fs::shared()?.bucket()?).await?;
    ensure!(files.capabilities().conditional, "s3s-fs acts on those of one write at a time");
    for store in [&garage, &moto, &files] {
        let left = store.list(ListOptions::default()).await?.entries;
        ensure!(left.is_empty(), "trying it out left {left:?}");
    }
    let absent = PutOptions { if_absent: true, ..PutOptions::default() };
    let refused = garage.put("k", Bytes::new(), absent).await;
    ensure!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    ensure!(!garage.exists("k").await?, "it was written all the same");

    let told = open(with(node.config(&node.bucket()?), json!({"conditional": true}))).await?;
    ensure!(told.capabilities().conditional, "what the configuration says was not believed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reaches_the_bucket_and_writes_nothing() -> Result<()> {
    let node = garage::shared()?;
    let bucket = node.bucket()?;
    try_open(node.config(&bucket), true).await?;
    let store = open(with(node.config(&bucket), json!({"conditional": false}))).await?;
    ensure!(store.list(ListOptions::default()).await?.entries.is_empty(), "something was written");

    let said = |outcome: storage_host::Result<SharedStore>| match outcome {
        Ok(_) => "it opened".to_owned(),
        Err(error) => error.to_string(),
    };
    let missing = said(try_open(node.config("no-such-bucket"), true).await);
    ensure!(missing.contains("\"no-such-bucket\" at http"), "{missing}");
    ensure!(missing.contains("there is no such bucket"), "{missing}");
    let keys = json!({"s3_secret_key": "wrong-secret"});
    let wrong = said(try_open(with(node.config(&bucket), keys), true).await);
    ensure!(wrong.starts_with("permission denied: bucket"), "{wrong}");
    ensure!(!wrong.contains("wrong-secret"), "{wrong}");
    let nobody = json!({"endpoint_url": "http://127.0.0.1:1", "retry_deadline": 1});
    let down = said(try_open(with(node.config(&bucket), nobody), true).await);
    ensure!(down.starts_with("unavailable: bucket"), "{down}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_keys_and_more_are_listed_in_order() -> Result<()> {
    const KEYS: usize = 10_050;
    let node = garage::shared()?;
    let store = open(node.config(&node.bucket()?)).await?;
    let keys: Vec<String> = (0..KEYS).map(|n| format!("many/{:05} é+%", n * 7 % KEYS)).collect();
    let puts = stream::iter(&keys).map(|key| put(&store, key, b"x"));
    puts.buffer_unordered(32).try_collect::<Vec<()>>().await?;
    let mut wanted = keys.clone();
    wanted.sort();
    for limit in [None, Some(777)] {
        let prefix = "many/".to_owned();
        let mut options = ListOptions { prefix, limit, ..ListOptions::default() };
        let mut listed = Vec::new();
        loop {
            let page = store.list(options.clone()).await?;
            listed.extend(page.entries.into_iter().map(|entry| entry.key));
            match page.next {
                Some(next) => options.start_after = Some(next),
                None => break,
            }
        }
        ensure!(listed == wanted, "{} keys were listed with limit {limit:?}", listed.len());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn large_streams_keep_their_bytes_and_what_comes_last() -> Result<()> {
    let node = garage::shared()?;
    for config in [node.config(&node.bucket()?), moto::shared()?.bucket()?] {
        let store = open(with(config, json!({"part_size": PART}))).await?;
        for length in [PART - 1, PART, PART + 1, 3 * PART, 3 * PART + 17] {
            let data = random(length, length as u64);
            let info = write(&store, "large", &data, Trailer::default()).await?;
            ensure!(info.size == Some(length as u64), "{info:?}");
            ensure!(read(&store, "large").await? == data, "{length} bytes are others now");
            ensure!(store.stat("large").await?.etag == info.etag, "another etag than {info:?}");
        }
        let data = random(2 * PART + 5, 9);
        let metadata = vec![("storage-size".to_owned(), "7".to_owned())];
        let trailer = Trailer { etag: Some("an etag".to_owned()), metadata };
        let info = write(&store, "restated", &data, trailer).await?;
        ensure!(info.etag.as_deref() == Some("an etag") && info.metadata.len() == 1, "{info:?}");
        let prefix = "restated".to_owned();
        let page = store.list(ListOptions { prefix, ..ListOptions::default() }).await?;
        let listed = page.entries.first().context("it is not listed")?.info.clone();
        ensure!(listed.etag == info.etag && listed.metadata == info.metadata, "{listed:?}");
        ensure!(read(&store, "restated").await? == data, "the bytes are others now");
        store.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_are_dropped_or_fail_leave_no_upload() -> Result<()> {
    let node = garage::shared()?;
    let bucket = node.bucket()?;
    let config = with(node.config(&bucket), json!({"part_size": PART}));
    let store = open(config.clone()).await?;
    let mut dropped = store.write("dropped", PutOptions::default()).await?;
    dropped.push(random(3 * PART, 1).into()).await?;
    ensure!(node.unfinished(&bucket, "dropped")? == 1, "there is no upload yet");
    drop(dropped);
    let mut cancelled = store.write("cancelled", PutOptions::default()).await?;
    // Polled once, it usually waits for the upload to begin; then it is dropped.
    match cancelled.push(random(4 * PART, 1).into()).now_or_never() {
        None => {
            let finished = cancelled.finish(Trailer::default()).await;
            ensure!(finished.is_err(), "half an object was published");
        }
        Some(outcome) => {
            outcome?;
            drop(cancelled);
        }
    }
    store.close().await?;
    for key in ["dropped", "cancelled"] {
        ensure!(node.unfinished(&bucket, key)? == 0, "an upload of {key} was left behind");
    }

    // Bytes stop coming through; the upload is abandoned and aborted.
    let proxy = Proxy::start(node.port())?;
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    let through = json!({"endpoint_url": endpoint, "retry_deadline": 0, "conditional": false});
    let store = open(with(config, through)).await?;
    let mut failing = store.write("failing", PutOptions::default()).await?;
    failing.push(random(PART + 1, 1).into()).await?;
    proxy.plan(&[Fault::CutRequest(MIB); 4]);
    let outcome = async {
        failing.push(random(8 * PART, 1).into()).await?;
        failing.finish(Trailer::default()).await
    };
    let outcome = outcome.await;
    ensure!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    store.close().await?;
    ensure!(node.unfinished(&bucket, "failing")? == 0, "an upload was left behind");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_others_left_behind_are_aborted_where_that_is_asked_for() -> Result<()> {
    let moto = moto::shared()?;
    let config = with(moto.bucket()?, json!({"part_size": PART}));
    let name = config["bucket_name"].as_str().context("a name")?.to_owned();
    let store = open(config.clone()).await?;
    let mut left = store.write("left", PutOptions::default()).await?;
    left.push(random(2 * PART, 1).into()).await?;
    // Like a process that was killed.
    std::mem::forget(left);
    ensure!(moto.unfinished(&name)? == 1, "there is no upload");
    open(config.clone()).await?.close().await?;
    ensure!(moto.unfinished(&name)? == 1, "it was aborted unasked");
    open(with(config, json!({"stale_uploads_days": 1}))).await?.close().await?;
    ensure!(moto.unfinished(&name)? == 0, "it is still there");
    Ok(())
}

/// Whether an operation succeeded; any failure must be a clean one.
fn clean<T>(outcome: &storage_host::Result<T>, fault: Fault) -> Result<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(Error::Unavailable(_)) => Ok(false),
        Err(error) => anyhow::bail!("{fault:?}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_on_the_way_is_read_or_written_wrongly() -> Result<()> {
    let node = garage::shared()?;
    let config = with(node.config(&node.bucket()?), json!({"conditional": false}));
    let straight = open(config.clone()).await?;
    let (old, new) = (random(3 * MIB, 1), random(MIB / 2, 2));
    let faults = [
        Fault::Delay(Duration::from_millis(10)),
        Fault::CutAnswer(0),
        Fault::CutAnswer(100),
        Fault::CutAnswer(MIB),
        Fault::CutRequest(0),
        Fault::CutRequest(200),
        Fault::CutRequest(MIB / 4),
        Fault::SpoilAnswer(20),
        Fault::SpoilAnswer(MIB),
        Fault::SpoilAnswer(2 * MIB),
        Fault::SpoilRequest(200),
        Fault::SpoilRequest(MIB / 4),
        Fault::Mute,
        Fault::Busy(1),
        Fault::LoseAnswer,
    ];
    let (mut good, mut failed) = (0, 0);
    for deadline in [0, 20] {
        for (number, fault) in faults.into_iter().enumerate() {
            let proxy = Proxy::start(node.port())?;
            let through = json!({
                "endpoint_url": format!("http://127.0.0.1:{}", proxy.port()),
                "retry_deadline": deadline, "timeout": 2,
            });
            let key = format!("{deadline}/{number}");
            put(&straight, &key, &old).await?;
            let store = open(with(config.clone(), through)).await?;
            proxy.plan(&[fault]);
            let outcome = read(&store, &key).await;
            ensure!(proxy.is_done(), "{fault:?} was not met");
            match clean(&outcome, fault)? {
                true => {
                    ensure!(outcome? == old, "{fault:?}: read other bytes");
                    good += 1;
                }
                false => failed += 1,
            }

            proxy.plan(&[fault]);
            let written = clean(&put(&store, &key, &new).await, fault)?;
            let now = read(&straight, &key).await?;
            match written {
                true => {
                    ensure!(now == new, "{fault:?}: what was acknowledged is not there");
                    good += 1;
                }
                false => {
                    ensure!(now == old || now == new, "{fault:?}: neither the old nor the new");
                    failed += 1;
                }
            }
        }
    }
    println!("{good} operations succeeded, {failed} failed as unavailable");
    ensure!(good > 0 && failed > 0, "{good} good, {failed} failed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_server_is_asked_again_when_it_said_so() -> Result<()> {
    let node = garage::shared()?;
    let proxy = Proxy::start(node.port())?;
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    let config = with(
        node.config(&node.bucket()?),
        json!({"endpoint_url": endpoint, "conditional": false, "retry_deadline": 10}),
    );
    proxy.plan(&[Fault::Busy(1), Fault::Busy(1)]);
    let begun = std::time::Instant::now();
    let store = open(config.clone()).await?;
    ensure!(begun.elapsed() >= Duration::from_secs(2), "Retry-After was not waited for");
    ensure!(proxy.is_done(), "it was not asked three times");
    put(&store, "k", b"v").await?;

    // Longer than the deadline: fails at once.
    let short = with(config, json!({"retry_deadline": 3}));
    proxy.plan(&[Fault::Busy(60)]);
    let refused = try_open(short, true).await;
    ensure!(matches!(refused, Err(Error::Unavailable(_))), "it was not given up");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gives_one_version_over_broken_connections() -> Result<()> {
    let node = garage::shared()?;
    let config = with(node.config(&node.bucket()?), json!({"conditional": false}));
    let straight = open(config.clone()).await?;
    let data = random(6 * MIB, 1);
    put(&straight, "k", &data).await?;
    let proxy = Proxy::start(node.port())?;
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    let store = open(with(config, json!({"endpoint_url": endpoint}))).await?;
    proxy.plan(&[Fault::CutAnswer(MIB); 6]);
    let mut reader = store.read("k", ReadOptions::default()).await?;
    let mut got = reader.next(1).await?.to_vec();
    loop {
        let chunk = reader.next(100_000).await?;
        if chunk.is_empty() {
            break;
        }
        got.extend_from_slice(&chunk);
    }
    ensure!(got == data, "other bytes");

    let mut reader = store.read("k", ReadOptions::default()).await?;
    reader.next(1).await?;
    let other = read(&store, "k");
    ensure!(other.await? == data, "other bytes");
    put(&straight, "k", &random(6 * MIB, 2)).await?;
    let mut rest = vec![data[0]];
    let outcome = loop {
        match reader.next(100_000).await {
            Ok(chunk) if chunk.is_empty() => break Ok(()),
            Ok(chunk) => rest.extend_from_slice(&chunk),
            Err(error) => break Err(error),
        }
    };
    match outcome {
        Ok(()) => ensure!(rest == data, "a mixture of two versions was read"),
        Err(error) => ensure!(matches!(error, Error::Unavailable(_)), "{error}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_whose_answer_is_lost_claims_nothing() -> Result<()> {
    let moto = moto::shared()?;
    let config = moto.bucket()?;
    let straight = open(config.clone()).await?;
    let url = config["endpoint_url"].as_str().context("no endpoint")?.to_owned();
    let server = url.rsplit(':').next().context("no port")?.parse()?;
    let proxy = Proxy::start(server)?;
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    let more = json!({"endpoint_url": endpoint, "conditional": true});
    let store = open(with(config, more)).await?;
    let absent = PutOptions { if_absent: true, ..PutOptions::default() };
    for key in ["a", "b", "c"] {
        proxy.plan(&[Fault::LoseAnswer]);
        let outcome = store.put(key, Bytes::from_static(b"v"), absent.clone()).await;
        ensure!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
        ensure!(read(&straight, key).await? == b"v", "{key} is not there");
        let again = store.put(key, Bytes::from_static(b"w"), absent.clone()).await;
        ensure!(matches!(again, Err(Error::AlreadyExists)), "{again:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_one_of_three_nodes_is_killed() -> Result<()> {
    let mut cluster = Cluster::start()?;
    let mut dying = cluster.nodes.pop().context("no third node")?;
    let first = cluster.nodes.first().context("no first node")?;
    let config = with(first.config(&cluster.bucket), json!({"part_size": PART}));
    let store = open(config).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = |number: usize| {
        let (store, stop) = (store.clone(), stop.clone());
        tokio::spawn(async move {
            let mut kept = BTreeMap::new();
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let length = if count % 20 == 19 { 2 * PART + 1 } else { 10_000 + count };
                let data = random(length, (number * 1_000_000 + count) as u64);
                // Some keys are overwritten repeatedly.
                let key = format!("{number}/{}", count % 50);
                count += 1;
                match write(&store, &key, &data, Trailer::default()).await {
                    Ok(_) => _ = kept.insert(key, Some(data)),
                    Err(Error::Unavailable(_)) => _ = kept.insert(key, None),
                    Err(error) => return Err(error),
                }
            }
            Ok((count, kept))
        })
    };
    let writers: Vec<_> = (0..4).map(writer).collect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    dying.kill()?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    stop.store(true, Ordering::Relaxed);
    let (mut total, mut checked) = (0, 0);
    for writer in writers {
        let (count, kept) = writer.await??;
        total += count;
        for (key, data) in kept {
            // A failed write may have happened; all others did.
            let Some(data) = data else { continue };
            ensure!(read(&store, &key).await? == data, "{key} is lost or another");
            checked += 1;
        }
    }
    println!("{total} writes, {checked} objects read back");
    ensure!(checked > 20, "only {checked} objects were written");
    store.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_under_a_condition_is_done_or_refused() -> Result<()> {
    for config in [moto::shared()?.bucket()?, s3s_fs::shared()?.bucket()?] {
        let store = open(with(config, json!({"conditional": true}))).await?;
        put(&store, "k", b"v").await?;
        let wrong = DeleteOptions { if_match: Some("another".to_owned()) };
        let refused = store.delete("k", wrong).await;
        ensure!(matches!(refused, Err(Error::PreconditionFailed)), "{refused:?}");
        let right = DeleteOptions { if_match: store.stat("k").await?.etag };
        match store.delete("k", right).await {
            Ok(()) => ensure!(!store.exists("k").await?, "it is still there"),
            Err(Error::Unsupported(_)) => ensure!(store.exists("k").await?, "it is gone"),
            Err(error) => return Err(error.into()),
        }
        let left = store.list(ListOptions::default()).await?.entries;
        ensure!(left.len() <= 1, "trying it out left {left:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etag_that_looks_like_the_md5_of_the_bytes_is_kept_whether_it_is_or_not() -> Result<()> {
    let node = garage::shared()?;
    let garage = node.config(&node.bucket()?);
    let moto = moto::shared()?.bucket()?;
    let configs = [
        garage.clone(),
        with(garage.clone(), json!({"checksums": "when_required"})),
        with(garage.clone(), json!({"checksums": "md5"})),
        with(garage, json!({"checksums": "never"})),
        moto,
    ];
    for config in configs {
        let store = open(config.clone()).await?;
        let data = random(MIB, 1);
        let right = hex::encode(Md5::digest(&data));
        let wrong = hex::encode(Md5::digest("other bytes"));
        // Right etags again after a wrong one, since the store remembers it.
        for (number, etag) in [&right, &wrong, &right, &wrong].into_iter().enumerate() {
            let key = number.to_string();
            let options = PutOptions { etag: Some(etag.clone()), ..PutOptions::default() };
            let put = store.put(&key, data.clone().into(), options).await?;
            let found = store.stat(&key).await?;
            ensure!(put.etag.as_ref() == Some(etag), "{config}: put {number} gave {put:?}");
            ensure!(found.etag.as_ref() == Some(etag), "{config}: {number} is {found:?}");
            ensure!(read(&store, &key).await? == data, "{config}: {number} has other bytes");
        }
        store.close().await?;
    }
    Ok(())
}
