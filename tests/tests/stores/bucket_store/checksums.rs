//! Bytes that change on the way from a server: which checksums notice.

use super::{MIB, PART, open, put, random, read, with, write};
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use storage_host::store::{Error, PutOptions, SharedStore, Trailer};
use storage_tests::proxy::{Fault, Proxy};
use storage_tests::servers::{garage, moto, s3s_fs};

/// Configs of a bucket each of Garage and moto, and a proxy before the server.
fn servers() -> Result<Vec<(Value, Proxy)>> {
    let (node, moto) = (garage::shared()?, moto::shared()?);
    let servers = [(node.config(&node.bucket()?), node.port()), (moto.bucket()?, moto.port())];
    let more = json!({"conditional": false, "part_size": PART});
    let servers =
        servers.map(|(config, port)| Ok((with(config, more.clone()), Proxy::start(port)?)));
    servers.into_iter().collect()
}

async fn through(proxy: &Proxy, config: &Value, checksums: &str) -> Result<SharedStore> {
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    open(with(config.clone(), json!({"endpoint_url": endpoint, "checksums": checksums}))).await
}

/// Whether a read over a connection with these faults fails. Otherwise it must give other
/// bytes.
async fn noticed(
    proxy: &Proxy,
    faults: &[Fault],
    store: &SharedStore,
    key: &str,
    data: &[u8],
) -> Result<bool> {
    proxy.plan(faults);
    let outcome = read(store, key).await;
    ensure!(proxy.is_done(), "{faults:?} was not met");
    match outcome {
        Ok(got) => ensure!(got.len() == data.len() && got != data, "nothing was changed"),
        Err(Error::Unavailable(why)) if why.contains("checksum") => return Ok(true),
        Err(error) => bail!("{error}"),
    }
    Ok(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_noticed_by_the_crc_and_by_md5_where_that_is_asked_for() -> Result<()> {
    let data = random(3 * MIB, 1);
    let broken = [Fault::CutAnswer(MIB), Fault::SpoilAnswer(MIB)];
    for (config, proxy) in servers()? {
        for written in ["auto", "always", "when_required", "md5", "never"] {
            let straight = open(with(config.clone(), json!({"checksums": written}))).await?;
            put(&straight, written, &data).await?;
            let has_crc = ["auto", "always"].contains(&written);
            for checks in ["auto", "always", "when_required", "md5", "never"] {
                let expected = match checks {
                    "md5" => true,
                    "never" => false,
                    _ => has_crc,
                };
                let store = through(&proxy, &config, checks).await?;
                for faults in [&[Fault::SpoilAnswer(2 * MIB)], &broken[..]] {
                    let noticed = noticed(&proxy, faults, &store, written, &data).await?;
                    ensure!(
                        noticed == expected,
                        "{config}: written with {written}, read with {checks}: {noticed}"
                    );
                }
                proxy.plan(&[]);
                ensure!(read(&store, written).await? == data, "{written} by {checks}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_what_was_written_in_parts_is_noticed() -> Result<()> {
    let data = random(2 * PART + 5, 1);
    let small = data.get(..3 * MIB).unwrap_or_default();
    for (config, proxy) in servers()? {
        let never = through(&proxy, &config, "never").await?;
        for checks in ["auto", "when_required", "md5"] {
            let straight = open(with(config.clone(), json!({"checksums": checks}))).await?;
            let options = PutOptions { etag: Some("an etag".to_owned()), ..PutOptions::default() };
            straight.put("own", small.to_vec().into(), options).await?;
            write(&straight, "parts", &data, Trailer::default()).await?;
            let metadata = vec![("storage-size".to_owned(), "7".to_owned())];
            let trailer = Trailer { etag: Some("an etag".to_owned()), metadata };
            write(&straight, "restated", &data, trailer).await?;
            let store = through(&proxy, &config, checks).await?;
            for (key, data) in [("own", small), ("parts", &data), ("restated", &data)] {
                // Without checksums from here the server has none of the parts.
                let expected = checks != "when_required" || key != "parts";
                for place in [MIB, data.len() - MIB / 2] {
                    let spoilt = [Fault::SpoilAnswer(place)];
                    let found = noticed(&proxy, &spoilt, &store, key, data).await?;
                    ensure!(found == expected, "{config}: {key} with {checks}: {found}");
                    ensure!(!noticed(&proxy, &spoilt, &never, key, data).await?, "{key}");
                }
                proxy.plan(&[]);
                for store in [&store, &never] {
                    ensure!(read(store, key).await? == data, "{config}: {key} with {checks}");
                }
            }
            straight.close().await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_that_the_server_kept_of_an_older_object_is_not_believed() -> Result<()> {
    // s3s-fs sends the checksum of the object that an upload in parts replaced.
    let store = open(with(s3s_fs::shared()?.bucket()?, json!({"part_size": PART}))).await?;
    let (old, new) = (random(MIB, 1), random(PART + 1, 2));
    put(&store, "k", &old).await?;
    ensure!(read(&store, "k").await? == old, "other bytes");
    write(&store, "k", &new, Trailer::default()).await?;
    ensure!(read(&store, "k").await? == new, "other bytes");
    put(&store, "k", &old).await?;
    let options = PutOptions { etag: Some("an etag".to_owned()), ..PutOptions::default() };
    store.put("k", new.get(..MIB).unwrap_or_default().to_vec().into(), options).await?;
    ensure!(read(&store, "k").await? == new.get(..MIB).unwrap_or_default(), "other bytes");
    Ok(())
}
