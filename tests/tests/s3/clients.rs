//! Real S3 clients against the real binary: each runs the operations that the table in
//! docs/s3.md lists for it.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use storage_tests::server::{ACCESS_KEY, CHAIN, Server};
use storage_tests::{clients, corpus};

#[test]
fn boto3_and_aws_cli_move_a_directory_of_a_thousand_files() -> Result<()> {
    let server = Server::start(CHAIN)?;
    let work = tempfile::tempdir()?;
    let path = |name: &str| work.path().join(name).display().to_string();
    let pid = server.pid();
    let printed = clients::script(&server, "boto3_directory.py", &["main", &path("."), &pid])?;
    assert_eq!(clients::operations(&printed), promised("boto3")?, "boto3 in docs/s3.md");
    let args = ["main", &path("source"), &path("."), &pid];
    let printed = clients::script(&server, "awscli_directory.sh", &args)?;
    assert_eq!(clients::operations(&printed), promised("aws CLI")?, "aws CLI in docs/s3.md");
    server.stop()?;
    Ok(())
}

const TABLE: &str = include_str!("../../../docs/s3.md");

/// The operations that the table lists for a client.
fn promised(client: &str) -> Result<BTreeSet<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim);
    let mut lines = TABLE.lines().skip_while(|line| !line.starts_with("| client |"));
    let head = lines.next().context("no table of clients")?;
    let row = lines.find(|line| line.starts_with(&format!("| {client} |")));
    let row = row.with_context(|| format!("{client} is not in the table"))?;
    let both = cells(head).zip(cells(row)).skip(2);
    Ok(both.filter(|(_, cell)| *cell == "yes").map(|(operation, _)| operation).collect())
}

/// Runs a client's script against the chain, with a small tree of files.
fn goes_through_the_chain(client: &str, script: &str) -> Result<()> {
    let server = Server::start(CHAIN)?;
    let work = tempfile::tempdir()?;
    corpus::small_tree(work.path())?;
    let path = work.path().display().to_string();
    let printed = clients::script(&server, script, &["main", &path])
        .with_context(|| format!("the server said:\n{}", server.log()))?;
    assert_eq!(clients::operations(&printed), promised(client)?, "{client} in docs/s3.md");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    server.stop()?;
    Ok(())
}

/// Those that compare what they sent with the etag that they get.
#[test]
fn clients_take_etags_that_are_no_md5s() -> Result<()> {
    let user = format!("{{access_key: {ACCESS_KEY}, secret_key: \"${{SECRET}}\"}}");
    let server = Server::start_serving(CHAIN, &format!("etag: fast\n  credentials: {user}"))?;
    for script in ["s5cmd.sh", "s3cmd.sh", "rclone.sh"] {
        let work = tempfile::tempdir()?;
        corpus::small_tree(work.path())?;
        let path = work.path().display().to_string();
        clients::script_with(&server, script, &["main", &path], &[("ETAGS", "fast")])?;
    }
    server.stop()?;
    Ok(())
}

#[test]
fn s5cmd_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("s5cmd", "s5cmd.sh")
}

#[test]
fn s3cmd_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("s3cmd", "s3cmd.sh")
}

#[test]
fn rclone_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("rclone", "rclone.sh")
}

#[test]
fn minio_py_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("minio-py", "minio_client.py")
}

#[test]
fn the_common_runtime_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("AWS Common Runtime", "crt_transfers.py")
}

#[test]
fn the_javascript_sdk_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("AWS SDK for JavaScript", "sdk.cjs")
}

#[test]
fn curl_goes_through_the_chain() -> Result<()> {
    goes_through_the_chain("curl", "curl.sh")
}
