//! Objects far larger than memory, through a real client and the real binary.

use anyhow::Result;
use storage_tests::clients;
use storage_tests::server::{CHAIN, Server};

const COMPRESSED_FILES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
  compressed:
    type: GzipStore
    base: files
main: compressed
";

#[test]
fn an_object_of_900_mib_streams_through_a_chain_in_little_memory() -> Result<()> {
    let server = Server::start(CHAIN)?;
    let size = (900u64 * 1024 * 1024).to_string();
    clients::script(&server, "one_large_object.py", &["main", &size, "random", &server.pid()])?;
    server.stop()?;
    Ok(())
}

#[test]
fn an_object_of_4_gib_streams_through_gzip_over_files_in_little_memory() -> Result<()> {
    let server = Server::start(COMPRESSED_FILES)?;
    let size = (4u64 << 30).to_string();
    clients::script(&server, "one_large_object.py", &["main", &size, "repeating", &server.pid()])?;
    server.stop()?;
    Ok(())
}
