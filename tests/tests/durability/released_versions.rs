//! Data of released versions opens completely, both after a clean shutdown and after a
//! killed server.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::TryStreamExt;
use std::collections::BTreeMap;
use std::path::Path;
use storage_host::store::PutOptions;
use storage_host::{Objects, StoreFactory};
use storage_tests::released::{Object, READABLE, expected, folder, make, unpack, versions};
use storage_tests::server::run;

#[test]
fn there_is_data_of_this_version() -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    ensure!(
        versions()?.iter().any(|found| found == version),
        "there is none of {version}: `cargo run -p storage-tests --bin released` makes it, to be \
         committed with the release"
    );
    Ok(())
}

#[tokio::test]
async fn what_each_version_wrote_is_read_and_added_to() -> Result<()> {
    for version in versions()? {
        let from = folder().join(&version);
        let work = unpack(&from)?;
        read(work.path(), expected(&from)?).await.with_context(|| version.clone())?;
        println!("{version}: {} stores are read and added to", READABLE.len());
    }
    Ok(())
}

#[tokio::test]
async fn what_this_version_writes_is_read_the_same_way() -> Result<()> {
    let work = tempfile::tempdir()?;
    let made = work.path().join("made");
    make(&made).await?;
    read(unpack(&made)?.path(), expected(&made)?).await
}

async fn read(folder: &Path, expected: BTreeMap<String, Object>) -> Result<()> {
    let more = Object {
        length: 3_000,
        seed: 99,
        etag: String::new(),
        content_type: Some("text/x-more".to_owned()),
        metadata: vec![("more".to_owned(), "yes".to_owned())],
    };
    for add in [true, false] {
        let factory = StoreFactory::from_yaml(folder.join("stores.yaml"))?;
        for name in READABLE {
            let store = factory.open(name).await?;
            let mut expected = expected.clone();
            if add {
                let options = PutOptions {
                    content_type: more.content_type.clone(),
                    metadata: more.metadata.clone(),
                    ..PutOptions::default()
                };
                let info = store.put("more", Bytes::from(more.data()), options).await?;
                let etag = info.etag.context("no etag")?;
                expected.insert("more".to_owned(), Object { etag, ..more.clone() });
            } else {
                let etag = store.stat("more").await?.etag.context("no etag")?;
                expected.insert("more".to_owned(), Object { etag, ..more.clone() });
            }
            same(&store, &expected).await.with_context(|| (*name).to_owned())?;
        }
        factory.close().await?;
    }
    healed(folder, expected.len() + 1)
}

async fn same(store: &Objects, expected: &BTreeMap<String, Object>) -> Result<()> {
    for (key, object) in expected {
        let (info, data) =
            store.get(key, Default::default(), u64::MAX).await.context(key.clone())?;
        ensure!(data == object.data(), "{key} has other bytes");
        ensure!(info == store.stat(key).await?, "{key} is told to be two things");
        ensure!(info.size == Some(object.length as u64), "{key}: {info:?}");
        ensure!(info.etag.as_ref() == Some(&object.etag), "{key}: {info:?}");
        let kind = object.content_type.as_ref();
        ensure!(kind.is_none() || info.content_type.as_ref() == kind, "{key}: {info:?}");
        // The endpoint stores its own entries, under names that no client can use.
        let theirs = info.metadata.into_iter().filter(|(name, _)| !name.starts_with(':'));
        ensure!(theirs.eq(object.metadata.iter().cloned()), "{key}: other metadata");
    }
    if store.capabilities().list {
        let mut listed: Vec<_> = store.entries("").map_ok(|e| e.key).try_collect().await?;
        // Some chains list in no order.
        listed.sort();
        let wanted: Vec<_> = expected.keys().cloned().collect();
        ensure!(listed == wanted, "{listed:?}");
    }
    Ok(())
}

/// Checks that writes recorded by a version as missed by a child are healed.
fn healed(folder: &Path, objects: usize) -> Result<()> {
    for args in [&["heal"][..], &["check", "--deep"]] {
        let output = run(folder, args);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{args:?}: {said}{error}");
        let wanted = match args.len() {
            1 => format!("{} copied", objects - 1),
            _ => format!("both: {objects} objects"),
        };
        ensure!(said.contains(&wanted), "{args:?}: {said}{error}");
    }
    Ok(())
}
