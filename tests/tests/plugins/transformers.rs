//! Transformers as plug-ins: what they do works, and their failures harm nobody else.

use anyhow::{Context, Result, ensure};
use std::sync::Arc;
use storage_host::StoreFactory;
use storage_host::backends::memory::Memory;
use storage_host::source::Ended;
use storage_host::store::{ByteRange, Error, ListOptions, PutOptions, ReadOptions, SharedStore};
use storage_tests::guests::TRANSFORMER;
use storage_tests::server::Server;
use storage_tests::{http, transformers};
use tempfile::TempDir;

const LIMITS: &str = "{memory: 64MiB, call_timeout: 2s, cpu_time: 300ms, instances: 4}";

fn directory(component: &[u8], yaml: &str) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("rules.wasm"), component)?;
    std::fs::write(directory.path().join("stores.yaml"), yaml)?;
    Ok(directory)
}

/// A transformer that misbehaves on the key `bad`, but not on `good`.
fn yaml(rules: &str, at: &str, harm: &str) -> String {
    format!(
        "
plugins:
  rules: {{component: rules.wasm, limits: {LIMITS}}}
stores:
  memory: {{type: DictStore}}
  well: {{type: rules/RulesStore, base: memory, config: {{as: {rules}}}}}
  ill: {{type: rules/RulesStore, base: memory, config: {{as: {rules}, at: {at}, do: {harm}}}}}
main: ill
"
    )
}

async fn get(store: &SharedStore, key: &str) -> Result<Vec<u8>, Error> {
    store.get(key, ReadOptions::default()).await.map(|(_, data)| data.to_vec())
}

async fn put(store: &SharedStore, key: &str) -> Result<Vec<u8>, Error> {
    store.put(key, "some bytes".into(), PutOptions::default()).await.map(|_| Vec::new())
}

/// The rules, the function and the harm; the expected error code and a part of its
/// message; and whether the plug-in itself failed, rather than gave a bad answer.
const HARMS: &[(&str, &str, &str, &str, &str, bool)] = &[
    ("sealed", "encode", "loop", "limit-exceeded", "300ms of processor time", true),
    ("sealed", "encode", "trap", "other", "unreachable", true),
    ("sealed", "encode", "memory", "limit-exceeded", "the 64 MiB of memory", true),
    ("sealed", "encode", "sleep", "limit-exceeded", "within 2s", true),
    ("sealed", "encode", "network", "other", "which no plug-in is given", true),
    ("sealed", "encode", "huge-error", "other", "xxxx…", false),
    ("sealed", "encode", "longer", "other", "encode gave 15 bytes for 10", false),
    ("sealed", "encode", "vast", "limit-exceeded", "the 64 MiB of memory", true),
    ("sealed", "encode", "not-found", "other", "which only the base can say", false),
    ("sealed", "decode", "loop", "limit-exceeded", "300ms of processor time", true),
    ("sealed", "decode", "trap", "other", "unreachable", true),
    ("sealed", "decode", "panic", "other", "unreachable", true),
    ("sealed", "decode", "longer", "invalid-data", "chunk 0 of the object decodes to 11", false),
    ("sealed", "decode", "shorter", "invalid-data", "decodes to 9 bytes instead of 10", false),
    ("sealed", "decode", "empty", "invalid-data", "decodes to 0 bytes", false),
    ("runs", "decode", "longer", "invalid-data", "their end does not fit", false),
    ("runs", "encode", "vast", "limit-exceeded", "the 64 MiB of memory", true),
    ("backwards", "decode", "trap", "other", "unreachable", true),
    ("backwards", "decode", "loop", "limit-exceeded", "300ms of processor time", true),
    ("backwards", "decode", "longer", "invalid-data", "the size that they had", false),
    ("backwards", "decode", "shorter", "invalid-data", "the size that they had", false),
    ("redacted", "decode", "not-found", "other", "which only the base can say", false),
    ("keys", "map-key", "collide", "other", "broke its contract: map-key gives", false),
    ("keys", "map-key", "loop", "limit-exceeded", "300ms of processor time", true),
    ("keys", "unmap-key", "collide", "other", "for which unmap-key gives \"good\"", false),
    ("keys", "unmap-key", "trap", "other", "unreachable", true),
    ("checked", "validate", "trap", "other", "unreachable", true),
    ("checked-keys", "validate", "not-found", "other", "which only the base can say", false),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_transformer_does_wrong_is_an_error_and_nothing_else() -> Result<()> {
    for (rules, at, harm, code, text, failed) in HARMS {
        let what = format!("{harm} in {at} of {rules}");
        let directory = directory(&TRANSFORMER.component()?, &yaml(rules, at, harm))?;
        let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
        let well = factory.open("well").await?.store().clone();
        let ill = factory.open("ill").await?.store().clone();
        put(&well, "bad").await.context(what.clone())?;
        put(&ill, "good").await.context(what.clone())?;
        let result = match ["decode", "unmap-key"].contains(at) {
            true => get(&ill, "bad").await,
            false => put(&ill, "bad").await,
        };
        let error = result.err().with_context(|| format!("{what} was not noticed"))?;
        ensure!(error.code() == *code, "{what}: {error:?}");
        let message = error.to_string();
        ensure!(message.contains(text) && message.len() < 3_000, "{what}: {message}");
        if *failed {
            ensure!(message.contains(r#"plug-in "rules" of store "ill""#), "{what}: {message}");
        }
        let plugin = factory.plugins().next().context("no plug-in")?;
        ensure!(plugin.counts().failures() == u64::from(*failed), "{what}: {:?}", plugin.counts());
        // No trace is left: existing objects are intact.
        ensure!(get(&well, "bad").await? == b"some bytes", "{what}");
        ensure!(get(&ill, "good").await? == b"some bytes", "{what}");
        factory.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configure_that_fails_says_so_when_the_store_is_opened() -> Result<()> {
    for (rules, at, harm, text) in [
        ("sealed", "configure", "loop", "300ms of processor time"),
        ("sealed", "configure", "trap", "unreachable"),
        ("no-such", "none", "none", "there are no rules \"no-such\""),
        ("sealed, chunk_size: 0", "none", "none", "asks for chunks of 0 bytes"),
    ] {
        let directory = directory(&TRANSFORMER.component()?, &yaml(rules, at, harm))?;
        let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
        let error = factory.open("ill").await.err().context("it was opened")?;
        let error = format!("{error:#}");
        ensure!(error.contains(text) && error.contains("store \"ill\""), "{error}");
    }
    Ok(())
}

#[test]
fn a_transformer_that_can_not_be_used_is_refused_with_its_place_and_the_reason() -> Result<()> {
    let mode = |mode: &str| TRANSFORMER.altered("describe: well", &format!("describe: {mode}"));
    for (component, reason) in [
        (mode("loop")?, "asked for its store types and used more than 300ms"),
        (mode("trap")?, "asked for its store types and failed: wasm trap"),
        (mode("name")?, "can't name a store type"),
        (mode("json")?, "the config schema of its RulesStore is not JSON"),
        (
            TRANSFORMER.altered("@0.1.0", "@0.2.0")?,
            "version 0.2.0 of the contract storage:object-store; this host takes 0.1.x",
        ),
        (
            TRANSFORMER.altered("storage:object-store/types@", "storage:object-store/typos@")?,
            "it asks for storage:object-store/typos@0.1.0, which no plug-in is given",
        ),
    ] {
        let directory = directory(&component, &yaml("nothing", "none", "none"))?;
        let loaded = StoreFactory::from_yaml(directory.path().join("stores.yaml"));
        let said = format!("{:#}", loaded.err().context("it was taken")?);
        ensure!(said.contains(reason) && said.contains(":3:22: plug-in \"rules\": "), "{said}");
    }
    // Without a schema, there are no options.
    let directory = directory(&mode("none")?, &yaml("nothing", "none", "none"))?;
    let loaded = StoreFactory::from_yaml(directory.path().join("stores.yaml"));
    let said = format!("{:#}", loaded.err().context("it was taken")?);
    ensure!(said.contains("nothing can be set here"), "{said}");
    Ok(())
}

#[test]
fn a_transformer_for_a_later_patch_of_the_contract_is_taken() -> Result<()> {
    let component = TRANSFORMER.altered("@0.1.0", "@0.1.7")?;
    let directory = directory(&component, &yaml("sealed", "none", "none"))?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let plugin = factory.plugins().next().context("no plug-in")?;
    ensure!(plugin.outline.version == "0.1.7" && plugin.types[0].name == "rules/RulesStore");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_damage_in_the_base_gives_other_bytes() -> Result<()> {
    let data: Vec<u8> = (0..300_u32).map(|i| (i / 3) as u8).collect();
    for config in [r#"{"as":"sealed","chunk_size":100}"#, r#"{"as":"runs","chunk_size":100}"#] {
        let memory: SharedStore = Arc::new(Memory::new());
        let store = transformers::open(config, memory.clone()).await?;
        store.put("k", data.clone().into(), PutOptions::default()).await?;
        let (info, stored) = memory.get("k", ReadOptions::default()).await?;
        let flipped = (0..stored.len()).map(|place| {
            let mut bytes = stored.to_vec();
            bytes[place] ^= 1;
            bytes
        });
        let cut = (0..stored.len()).map(|end| stored[..end].to_vec());
        let longer = std::iter::once([&stored[..], b"x"].concat());
        for (number, damaged) in flipped.chain(cut).chain(longer).enumerate() {
            for metadata in [info.metadata.clone(), Vec::new()] {
                let options = PutOptions { metadata, ..PutOptions::default() };
                memory.put("k", damaged.clone().into(), options).await?;
                let got = get(&store, "k").await;
                ensure!(matches!(got, Err(Error::InvalidData(_))), "{config} {number}: {got:?}");
                let range = Some(ByteRange::span(150, 20));
                let part = store.get("k", ReadOptions { range, ..ReadOptions::default() }).await;
                match part {
                    Ok((_, part)) => ensure!(part == data[150..170], "{config} {number}"),
                    Err(error) => {
                        ensure!(error.code() == "invalid-data", "{config} {number}: {error:?}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_valid_is_never_written() -> Result<()> {
    let memory: SharedStore = Arc::new(Memory::new());
    let checked = transformers::open(r#"{"as":"checked"}"#, memory.clone()).await?;
    let put = |key: &'static str, data: &'static str| {
        checked.put(key, data.into(), PutOptions::default())
    };
    ensure!(put("invalid", "x").await.err().context("no error")?.code() == "invalid-key");
    let error = put("k", "invalid").await.err().context("no error")?;
    ensure!(error == Error::InvalidData("it says so itself".to_owned()), "{error:?}");
    let mut writer = checked.write("k", PutOptions::default()).await?;
    writer.push("inval".into()).await?;
    writer.push("id".into()).await?;
    ensure!(writer.finish(Default::default()).await.err() == Some(error));
    let too_large = checked.put("k", vec![0; (8 << 20) + 1].into(), PutOptions::default()).await;
    ensure!(too_large.err().context("no error")?.code() == "limit-exceeded");
    ensure!(memory.list(ListOptions::default()).await?.entries.is_empty());
    put("k", "valid").await?;
    Ok(())
}

/// Eight times the object's size, as `docs/transformers.md` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_whole_object_fits_into_eight_times_its_memory() -> Result<()> {
    for rules in ["backwards", "redacted", "checked"] {
        let directory = directory(&TRANSFORMER.component()?, &yaml(rules, "none", "none"))?;
        let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
        let store = factory.open("ill").await?.store().clone();
        let data = vec![b'x'; 8 << 20];
        store.put("put", data.clone().into(), PutOptions::default()).await?;
        let mut writer = store.write("written", PutOptions::default()).await?;
        for piece in data.chunks(100_000) {
            writer.push(piece.to_vec().into()).await?;
        }
        writer.finish(Default::default()).await?;
        for key in ["put", "written"] {
            ensure!(get(&store, key).await? == data, "{rules}: {key}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn transformers_and_built_in_stores_stand_on_each_other() -> Result<()> {
    let yaml = "
plugins:
  rules: {component: rules.wasm}
stores:
  memory: {type: DictStore}
  hashed: {type: HashPrefixStore, base: memory}
  sealed: {type: rules/RulesStore, base: hashed, config: {as: sealed, chunk_size: 65536}}
  runs: {type: rules/RulesStore, base: sealed, config: {as: runs}}
  packed: {type: GzipStore, base: runs}
  keys: {type: rules/RulesStore, base: packed, config: {as: keys}}
main: keys
";
    let directory = directory(&TRANSFORMER.component()?, yaml)?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let objects = factory.build().await?;
    let data: Vec<u8> = (0..20_000_000_u32).map(|i| (i / 1_000) as u8).collect();
    let mut writer = objects.write("large", Default::default()).await?;
    for chunk in data.chunks(100_000) {
        writer.push(chunk.to_vec().into()).await?;
    }
    writer.finish(Ended::own(data.len() as u64)).await?;
    let mut reader = objects.read("large", Default::default()).await?;
    let mut read = Vec::new();
    loop {
        let chunk = reader.next(65_536).await?;
        if chunk.is_empty() {
            break;
        }
        read.extend_from_slice(&chunk);
    }
    ensure!(read == data, "{} bytes came back", read.len());
    ensure!(objects.stat("large").await?.size == Some(data.len() as u64));
    let listed = factory.open("packed").await?.store().list(ListOptions::default()).await?;
    ensure!(listed.entries.len() == 1 && listed.entries[0].key == "~egral");
    factory.close().await?;
    Ok(())
}

#[test]
fn clients_of_the_endpoint_read_sizes_etags_and_parts_of_sealed_objects() -> Result<()> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("rules.wasm"), TRANSFORMER.component()?)?;
    let server = Server::start_anonymous_in(
        directory,
        "
plugins:
  rules: {component: rules.wasm}
stores:
  files: {type: SqliteStore, config: {db_path: objects.db}}
  main: {type: rules/RulesStore, base: files, config: {as: sealed, chunk_size: 10000}}
main: main",
    )?;
    let port = server.port();
    let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
    let (status, headers, _) = http::request(port, "PUT", "/main/key", &[], &data)?;
    ensure!(status == 200, "{status}");
    let md5 = {
        use md5::Digest;
        hex::encode(md5::Md5::digest(&data))
    };
    ensure!(headers.to_lowercase().contains(&format!("etag: \"{md5}\"")), "{headers}");
    let (status, headers, _) = http::request(port, "HEAD", "/main/key", &[], b"")?;
    ensure!(
        status == 200 && headers.to_lowercase().contains("content-length: 1000000"),
        "{headers}"
    );
    let (status, _, body) = http::request(port, "GET", "/main/key", &[], b"")?;
    ensure!(status == 200 && body == data);
    let range = [("range", "bytes=123456-234567")];
    let (status, _, body) = http::request(port, "GET", "/main/key", &range, b"")?;
    ensure!(status == 206 && body == data[123_456..=234_567], "{status}");
    let (status, _, body) = http::request(port, "GET", "/main?list-type=2", &[], b"")?;
    let listing = String::from_utf8_lossy(&body);
    ensure!(status == 200 && listing.contains("<Size>1000000</Size>"), "{listing}");
    server.stop()?;
    Ok(())
}
