//! Real S3 clients against the real binary.

use anyhow::Result;
use storage_tests::clients;
use storage_tests::server::Server;

/// A cached, compressed store with hashed keys in SQLite.
const CHAIN: &str = "
stores:
  database:
    type: SqliteStore
    config: {db_path: objects.db}
  layout:
    type: HashPrefixStore
    base: database
  compressed:
    type: GzipStore
    base: layout
  files:
    type: FilesystemStore
    config: {root_path: cache}
  cached:
    type: CachingStore
    base: {main_store: compressed, cache_store: files}
main: cached
";

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
fn boto3_and_aws_cli_move_a_directory_of_a_thousand_files() -> Result<()> {
    let server = Server::start(CHAIN)?;
    let work = tempfile::tempdir()?;
    let path = |name: &str| work.path().join(name).display().to_string();
    let pid = server.pid();
    clients::script(&server, "boto3_directory.py", &["main", &path("."), &pid])?;
    clients::script(&server, "awscli_directory.sh", &["main", &path("source"), &path("."), &pid])?;
    server.stop()?;
    Ok(())
}

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
