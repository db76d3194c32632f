//! Uploads in parts outlive the server.

use anyhow::Result;
use std::fs;
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
