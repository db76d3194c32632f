//! Programs that keep their data in buckets, over files and over a compressed chain: the
//! keys that they use, and the order in which they do things, are theirs.

use anyhow::{Context, Result};
use storage_tests::server::Server;
use storage_tests::{clients, corpus};

const STORES: &[&str] = &[
    "stores:\n  main: {type: FilesystemStore, config: {root_path: objects}}\nmain: main\n",
    "stores:\n  rows: {type: SqliteStore, config: {db_path: objects.db}}\n  \
     main: {type: GzipStore, base: rows}\nmain: main\n",
];

/// Runs a program's script. `debian` is what it needs of Debian's packages.
fn keeps_its_data(script: &str, debian: Option<&str>) -> Result<()> {
    for stores in STORES {
        let server = Server::start(stores)?;
        let work = tempfile::tempdir()?;
        corpus::small_tree(work.path())?;
        let path = work.path().display().to_string();
        clients::program_script(&server, script, &["main", &path], debian)
            .with_context(|| format!("{script} over {stores}"))?;
        anyhow::ensure!(!server.log().contains("panicked"), "{}", server.log());
        server.stop()?;
    }
    Ok(())
}

#[test]
fn restic_keeps_its_data() -> Result<()> {
    keeps_its_data("restic.sh", Some("restic"))
}

#[test]
fn rclone_synchronizes_in_both_directions() -> Result<()> {
    keeps_its_data("rclone_bisync.sh", None)
}

#[test]
fn s3fs_mounts_a_bucket() -> Result<()> {
    keeps_its_data("s3fs.sh", Some("s3fs"))
}

#[test]
fn git_annex_keeps_its_data() -> Result<()> {
    keeps_its_data("git_annex.sh", Some("git-annex"))
}

#[test]
fn docker_registry_keeps_its_data() -> Result<()> {
    keeps_its_data("docker_registry.sh", Some("docker-registry"))
}

#[test]
fn arrow_keeps_datasets() -> Result<()> {
    keeps_its_data("arrow_datasets.py", None)
}

#[test]
fn duckdb_queries_datasets() -> Result<()> {
    keeps_its_data("duckdb_queries.py", None)
}

#[test]
fn delta_keeps_tables() -> Result<()> {
    keeps_its_data("delta_tables.py", None)
}

#[test]
fn borg_keeps_its_data() -> Result<()> {
    keeps_its_data("borg_store.py", None)
}
