//! Objects that the server of a bucket makes of others, without the bytes coming here.

use super::{PART, open, random, read, with};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use storage_host::store::{ListOptions, PutOptions, Trailer};
use storage_tests::servers::{garage, moto};

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_joined_by_the_server_where_they_can_be_parts() -> Result<()> {
    let node = garage::shared()?;
    for config in [node.config(&node.bucket()?), moto::shared()?.bucket()?] {
        let store = open(with(config, json!({"part_size": PART, "conditional": false}))).await?;
        let (mut parts, mut all) = (Vec::new(), Vec::new());
        for (key, length) in [("a b/ü+?&%", PART), ("large", PART + 7), ("last", 5)] {
            let data = random(length, length as u64);
            // An own etag, which the server doesn't know.
            let options =
                PutOptions { etag: Some(format!("own of {length}")), ..PutOptions::default() };
            let info = store.put(key, data.clone().into(), options).await?;
            parts.push((key.to_owned(), info.etag.context("an etag")?));
            all.extend(data);
        }
        let options = PutOptions {
            content_type: Some("text/plain".to_owned()),
            metadata: vec![(":checksum".to_owned(), "x".to_owned())],
            etag: Some("of all".to_owned()),
            ..PutOptions::default()
        };
        let joined = store.join(&parts, "to/all", options.clone()).await?;
        ensure!(!store.exists("to/all").await?, "it is there before it is finished");
        let joined = joined.context("it was not joined")?.finish(Trailer::default()).await?;
        let found = store.stat("to/all").await?;
        ensure!(
            (&found.etag, &found.metadata, found.size)
                == (&options.etag, &options.metadata, joined.size),
            "{found:?}"
        );
        ensure!(
            joined.size == Some(all.len() as u64) && found.content_type == options.content_type
        );
        ensure!(read(&store, "to/all").await? == all, "other bytes");
        let listed = store.list(ListOptions { prefix: "to/".to_owned(), ..Default::default() });
        ensure!(listed.await?.entries[0].info.etag == options.etag, "it is listed otherwise");
        // One too small for a part, one that changed, one that is missing.
        let turned: Vec<_> = parts.iter().rev().cloned().collect();
        ensure!(store.join(&turned, "none", options.clone()).await?.is_none());
        for wrong in [("large", "another"), ("missing", "own of 5")] {
            let wrong = vec![parts[0].clone(), (wrong.0.to_owned(), wrong.1.to_owned())];
            ensure!(store.join(&wrong, "none", options.clone()).await?.is_none());
        }
        ensure!(!store.exists("none").await?);
        store.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn small_objects_are_copied_by_the_server_and_others_left_to_be_carried() -> Result<()> {
    let node = garage::shared()?;
    let garage = open(with(node.config(&node.bucket()?), json!({"part_size": PART}))).await?;
    let moto = open(moto::shared()?.bucket()?).await?;
    for store in [&garage, &moto] {
        let options = PutOptions {
            content_type: Some("text/plain".to_owned()),
            metadata: vec![
                (":checksum".to_owned(), "x".to_owned()),
                ("a".to_owned(), "1".to_owned()),
            ],
            ..PutOptions::default()
        };
        for (from, data) in [("a b/ü+?&%", random(70_000, 1)), ("empty", Vec::new())] {
            let old = store.put(from, data.clone().into(), options.clone()).await?;
            let etag = old.etag.clone().context("an etag")?;
            let copied = store.copy(from, &etag, "to/a copy", options.clone()).await?;
            ensure!(copied == Some(old), "{copied:?}");
            let found = store.stat("to/a copy").await?;
            let copied = copied.context("it was not copied")?;
            ensure!(
                (&found.etag, &found.metadata) == (&copied.etag, &copied.metadata),
                "{found:?}"
            );
            ensure!(found.content_type == options.content_type, "{found:?}");
            ensure!(read(store, "to/a copy").await? == data, "other bytes");
            // A copy with another etag or other metadata is not made.
            let other = PutOptions { content_type: None, ..options.clone() };
            for (etag, options) in [("0", options.clone()), (&etag, other)] {
                ensure!(store.copy(from, etag, "none", options).await?.is_none());
            }
            ensure!(store.copy("nothing", &etag, "none", options.clone()).await?.is_none());
            ensure!(!store.exists("none").await?);
        }
    }
    let large = garage.put("large", random(PART + 1, 2).into(), PutOptions::default()).await?;
    let etag = large.etag.context("an etag")?;
    ensure!(garage.copy("large", &etag, "none", PutOptions::default()).await?.is_none());
    for store in [garage, moto] {
        store.close().await?;
    }
    Ok(())
}
