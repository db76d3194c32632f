//! Uploads in parts outlive the server.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use storage_host::StoreFactory;
use storage_host::config::Staging;
use storage_tests::clients;
use storage_tests::server::Server;

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
