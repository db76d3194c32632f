//! Configurations of the Python library load and work, and no text causes a panic.

use anyhow::Result;
use proptest::prelude::*;
use std::collections::HashMap;
use storage_host::config::Config;
use storage_host::factory::types;
use storage_host::{Error, StoreFactory};

const SHAPES: &str = r#"
stores:
  given: {type: DictStore, config: {objects: {greeting: hello}}}
  readonly:
    type: ReadonlyStore
    base: given
  database:
    type: AsyncSqliteStore
    config:
      db_path: ${SHAPES_DIR_THAT_IS_NOT_SET:-@DIR@}/objects.db
  files:
    type: AsyncFilesystemStore
    config: {root_path: "@DIR@/files"}
  caching:
    type: AsyncCachingStore
    base:
      main_store: database
      cache_store: near
  near: {type: MemoryStore}
  mirror:
    type: AsyncFanoutStore
    base:
      - caching
      - files
  encoded: {type: UrlEncodingStore, base: mirror}
  layout:
    type: HashPrefixStore
    base: encoded
    config:
      hash_length: "4"
      separator: "-"
main: layout
"#;

#[test]
fn every_name_with_async_is_that_of_the_same_store() {
    // AsyncFanoutStore is another name of MirroringStore.
    for name in [
        "AsyncBase64Store",
        "AsyncBucketStore",
        "AsyncBufferStore",
        "AsyncCachingStore",
        "AsyncFilesystemStore",
        "AsyncGzipStore",
        "AsyncHashPrefixStore",
        "AsyncHashdirStore",
        "AsyncJsonStore",
        "AsyncPrefixStore",
        "AsyncRegexValidatingStore",
        "AsyncSafeFilesystemStore",
        "AsyncSqliteStore",
        "AsyncTextEncodingStore",
        "AsyncUrlEncodingStore",
        "AsyncUrlValidatingStore",
    ] {
        let kind = types().unwrap().into_iter().find(|kind| kind.aliases.iter().any(|a| a == name));
        assert_eq!(kind.map(|kind| kind.name), name.strip_prefix("Async").map(str::to_owned));
    }
}

#[tokio::test]
async fn a_bucket_of_an_older_configuration_loads() -> Result<()> {
    let yaml = |arguments: &str| {
        format!(
            "stores:\n  old:\n    type: BucketStore\n    config: {{bucket_name: old, s3_url: \
             'http://127.0.0.1:9', s3_access_key: key, s3_secret_key: secret, \
             botocore_config_kwargs: {{{arguments}}}}}\n"
        )
    };
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("stores.yaml");
    std::fs::write(&file, yaml("region_name: eu-west-1, s3: {addressing_style: path}"))?;
    StoreFactory::from_yaml(&file)?.build().await?;
    std::fs::write(&file, yaml("retries: {max_attempts: 3}"))?;
    let opened = StoreFactory::from_yaml(&file)?.build().await;
    let error = opened.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(error.contains("botocore_config_kwargs"), "{error}");
    assert!(error.contains("retries: give retry_deadline"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_shapes_of_the_python_library_load_and_work() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("stores.yaml");
    let here = directory.path().display().to_string();
    // A quoted number is text, which `hash_length` does not accept.
    std::fs::write(&file, SHAPES.replace("@DIR@", &here))?;
    let error = StoreFactory::from_yaml(&file).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.ends_with("hash_length must be a whole number, not text"), "{error}");
    std::fs::write(&file, SHAPES.replace("@DIR@", &here).replace("\"4\"", "4"))?;
    let factory = StoreFactory::from_yaml(&file)?;

    let main = factory.build().await?;
    main.put("a b/c", "text".into(), Default::default()).await?;
    // The first four digits of sha256("a b/c"), a hyphen, and the encoded key.
    let stored = "5391-a%20b/c";
    assert_eq!(std::fs::read_to_string(directory.path().join("files").join(stored))?, "text");
    let database = factory.open("database").await?;
    assert!(database.exists(stored).await?);

    let readonly = factory.open("readonly").await?;
    assert_eq!(readonly.get("greeting", Default::default(), 100).await?.1, "hello");
    let refused = readonly.put("greeting", "bye".into(), Default::default()).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))));
    factory.close().await?;
    Ok(())
}

#[test]
fn what_comes_from_the_environment_becomes_what_the_config_wants() -> Result<()> {
    let text = "
stores:
  base: {type: DictStore}
  zip: {type: GzipStore, base: '${BASE}', config: {level: '${LEVEL:-7}'}}
  text: {type: TextEncodingStore, base: zip, config: {encoding: '${NUMBER}'}}
main: text
";
    let vars = HashMap::from([("BASE", "base"), ("NUMBER", "646")]);
    let vars = |name: &str| vars.get(name).map(|value| (*value).to_owned());
    let config = Config::parse(text, "stores.yaml", &types()?, &vars)?;
    let config_of = |name: &str| {
        config.stores.iter().find(|def| def.name == name).map(|def| def.config.clone())
    };
    assert_eq!(serde_json::json!(config_of("zip")), serde_json::json!({"level": 7}));
    assert_eq!(serde_json::json!(config_of("text")), serde_json::json!({"encoding": "646"}));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "[a-z:{}\\[\\],&*<>|!%@`'\"$ \\n\\-#?~]{0,200}") {
        let _ = Config::parse(&text, "f", &[], &|_| None);
    }

    #[test]
    fn no_damage_to_a_good_file_panics(at in 0usize..1100, cut in 0usize..40, put in "[ -~\\n]{0,8}") {
        let types = types().unwrap();
        let mut text: Vec<char> = SHAPES.chars().collect();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, put.chars());
        let text: String = text.into_iter().collect();
        let _ = Config::parse(&text, "f", &types, &|_| Some("x".to_owned()));
    }
}
