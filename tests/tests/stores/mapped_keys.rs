//! What is said of a key that a backend refuses below stores that map keys.

use anyhow::{Result, ensure};
use storage_host::source::Ended;
use storage_host::store::{Error, PutOptions, ReadOptions};
use storage_host::{Objects, StoreFactory};

/// What every operation says of a key that ends in a slash, which no file can have.
async fn said(store: &Objects, key: &str) -> Vec<Result<(), Error>> {
    let mut said = vec![
        store.put(key, "x".into(), PutOptions::default()).await.map(drop),
        store.get(key, ReadOptions::default(), 100).await.map(drop),
        store.stat(key).await.map(drop),
        store.exists(key).await.map(drop),
        store.delete(key, Default::default()).await,
        store.read(key, ReadOptions::default()).await.map(drop),
    ];
    said.push(match store.write(key, PutOptions::default()).await {
        Ok(mut upload) => match upload.push("x".into()).await {
            Ok(()) => upload.finish(Ended::own(1)).await.map(drop),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    });
    said
}

#[tokio::test]
async fn a_refused_key_is_named_as_the_caller_gave_it_and_as_the_backend_has_it() -> Result<()> {
    // A chain that is passed by, and two that do the operations.
    for (above, between) in [
        ("IdentityStore", "IdentityStore"),
        ("LoggingStore", "IdentityStore"),
        ("IdentityStore", "GzipStore"),
    ] {
        let directory = tempfile::tempdir()?;
        let stores = directory.path().join("stores.yaml");
        let text = format!(
            "stores:
  files: {{type: FilesystemStore, config: {{root_path: files, odd_keys: refuse}}}}
  low: {{type: PrefixStore, base: files, config: {{prefix: low/}}}}
  between: {{type: {between}, base: low}}
  high: {{type: PrefixStore, base: between, config: {{prefix: high/}}}}
  main: {{type: {above}, base: high}}
main: main
"
        );
        std::fs::write(&stores, text)?;
        let factory = StoreFactory::from_yaml(&stores)?;
        let store = factory.build().await?;
        store.put("taken", "x".into(), PutOptions::default()).await?;
        for (key, operations) in [("k/", 7), ("taken/k", 1)] {
            for (number, said) in said(&store, key).await.into_iter().take(operations).enumerate() {
                let Err(Error::InvalidKey(text)) = said else {
                    anyhow::bail!("{above}, {between}, {key}, {number}: {said:?}");
                };
                let (ours, theirs) = (format!("the key {key:?}: "), format!("\"low/high/{key}\""));
                ensure!(text.starts_with(&ours), "{above}, {between}, {number}: {text}");
                ensure!(text.matches("the key").count() == 1, "{text}");
                ensure!(text.matches(&theirs).count() == 1, "{text}");
            }
        }
        factory.close().await?;
    }
    Ok(())
}
