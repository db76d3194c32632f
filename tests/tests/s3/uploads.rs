//! Uploads in parts outlive the server.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use storage_host::StoreFactory;
use storage_host::config::Staging;
use storage_tests::clients;
use storage_tests::server::{ACCESS_KEY, CHAIN, Server};

const FILES: &str = "
stores:
  main:
    type: FilesystemStore
    config: {root_path: files}
main: main
";

#[test]
fn an_upload_begun_before_a_crash_is_completed_after_it() -> Result<()> {
    let server = Server::start(FILES)?;
    let begun = clients::script(&server, "upload_in_two_lives.py", &["begin"])?;
    let id = begun.trim().to_owned();
    let server = Server::start_in(server.crash()?, FILES)?;
    clients::script(&server, "upload_in_two_lives.py", &["finish", &id])?;
    let directory = server.stop()?;
    let left: Vec<_> = fs::read_dir(directory.path().join("files"))?.flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    Ok(())
}

/// The backend joins the parts; the bytes of the chain with gzip are poured.
#[test]
fn an_upload_whose_parts_are_where_its_object_will_be_is_like_any_other() -> Result<()> {
    for (main, there) in
        [("{type: IdentityStore, base: disk}", true), ("{type: GzipStore, base: disk}", false)]
    {
        let stores = format!(
            "
stores:
  disk: {{type: FilesystemStore, config: {{root_path: files}}}}
  served: {main}
  main: {{type: PrefixStore, base: served, config: {{prefix: objects/}}}}
  parts: {{type: PrefixStore, base: disk, config: {{prefix: parts/}}}}
main: main
"
        );
        let user = format!("{{access_key: {ACCESS_KEY}, secret_key: \"${{SECRET}}\"}}");
        let serve = format!("staging: {{store: parts}}\n  credentials: {user}");
        let server = Server::start_serving(&stores, &serve)?;
        let begun = clients::script(&server, "upload_in_two_lives.py", &["begin"])?;
        clients::script(&server, "upload_in_two_lives.py", &["finish", begun.trim()])?;
        let directory = server.stop()?;
        let size = fs::metadata(directory.path().join("files/objects/large"))?.len();
        ensure!((size == 5 * 1024 * 1024 + 3) == there, "{main}: {size}");
    }
    Ok(())
}

/// Over files, whose backend joins the parts, and over a chain that transforms.
#[test]
fn fast_etags_are_no_md5s_and_the_same_everywhere() -> Result<()> {
    let user = format!("{{access_key: {ACCESS_KEY}, secret_key: \"${{SECRET}}\"}}");
    let parts = "
stores:
  main: {type: PrefixStore, base: disk, config: {prefix: objects/}}
  parts: {type: PrefixStore, base: disk, config: {prefix: parts/}}
  disk: {type: FilesystemStore, config: {root_path: files}}
main: main
";
    for (stores, staging) in [(parts, "{store: parts}"), (CHAIN, "staging")] {
        let serve = format!("staging: {staging}\n  etag: fast\n  credentials: {user}");
        let bucket = "main";
        let server = Server::start_serving(stores, &serve)?;
        clients::script(&server, "fast_etags.py", &[bucket])?;
        ensure!(!server.log().contains("panicked"), "{}", server.log());
        server.stop()?;
    }
    Ok(())
}

#[test]
fn the_store_of_parts_is_the_one_that_is_named_wherever_its_base_stands() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("stores.yaml");
    fs::write(
        &file,
        "
stores:
  main: {type: PrefixStore, base: disk, config: {prefix: objects/}}
  parts: {type: PrefixStore, base: scratch, config: {prefix: parts/}}
  disk: {type: MemoryStore}
  scratch: {type: MemoryStore}
main: main
serve: {staging: {store: parts}}
",
    )?;
    let factory = StoreFactory::from_yaml(&file)?;
    let config = factory.config();
    let Some(Staging::Store(store)) = config.serve.staging else { bail!("it is a store") };
    let named = config.stores.get(store).context("a store")?;
    ensure!(named.name == "parts", "{}", named.name);
    Ok(())
}
