//! How a BucketStore finds its server and its credentials.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server, binary, certify};
use storage_tests::servers::small::{Preconditions, Small};
use storage_tests::servers::{free_port, garage};

const DICT: &str = "
stores:
  main: {type: DictStore}
main: main
";

/// A directory with a YAML file whose main store is a bucket with this config.
fn bucket(config: &str) -> Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    let yaml = format!(
        "stores:\n  bucket:\n    type: BucketStore\n    config: {{{config}}}\nmain: bucket\n"
    );
    fs::write(directory.path().join("stores.yaml"), yaml)?;
    Ok(directory)
}

/// Runs the binary there, with no AWS variables in the environment except `env`.
fn run(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(binary());
    command.current_dir(directory).args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/dev/null");
    command.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null").envs(env.iter().copied());
    Ok(command.output()?)
}

/// Puts an object and reads it back.
fn works(directory: &Path, env: &[(&str, &str)]) -> Result<()> {
    fs::write(directory.join("file"), "there and back")?;
    let put = run(directory, &["put", "k", "file"], env)?;
    ensure!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let got = run(directory, &["get", "k", "-"], env)?;
    ensure!(got.stdout == b"there and back", "{got:?}");
    Ok(())
}

/// The error message of a failing run.
fn complaint(directory: &Path, env: &[(&str, &str)]) -> Result<String> {
    let output = run(directory, &["exists", "k"], env)?;
    ensure!(!output.status.success(), "it works");
    Ok(String::from_utf8(output.stderr)?)
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_trusted_where_ca_file_has_it() -> Result<()> {
    let directory = tempfile::tempdir()?;
    certify(directory.path())?;
    let serve = format!(
        "tls: {{cert: cert.pem, key: key.pem}}\n  \
         credentials: {{access_key: {ACCESS_KEY}, secret_key: {SECRET_KEY}}}"
    );
    let server = Server::start_serving_in(directory, DICT, &serve)?;
    let config = format!(
        "bucket_name: main, endpoint_url: 'https://localhost:{}', s3_access_key: {ACCESS_KEY}, \
         s3_secret_key: {SECRET_KEY}, retry_deadline: 1",
        server.port()
    );
    let trusting = bucket(&format!("{config}, ca_file: cert.pem"))?;
    fs::copy(server.directory().join("cert.pem"), trusting.path().join("cert.pem"))?;
    works(trusting.path(), &[])?;
    let said = complaint(bucket(&config)?.path(), &[])?;
    ensure!(said.contains("ca_file names certificates to trust"), "{said}");
    fs::write(trusting.path().join("cert.pem"), "no certificate")?;
    let said = complaint(trusting.path(), &[])?;
    ensure!(said.contains("ca_file") && said.contains("no certificate in it"), "{said}");
    server.stop()?;
    Ok(())
}

#[test]
fn a_command_says_that_it_has_no_keys_and_does_not_try_again() -> Result<()> {
    let config = "bucket_name: main, endpoint_url: 'http://127.0.0.1:9'";
    let said = complaint(bucket(config)?.path(), &[])?;
    ensure!(said.contains("give s3_access_key and s3_secret_key"), "{said}");
    ensure!(!said.contains("attempts"), "{said}");
    Ok(())
}

#[test]
fn a_command_says_that_nobody_is_there_and_that_it_tries_again() -> Result<()> {
    let keys = format!("s3_access_key: {ACCESS_KEY}, s3_secret_key: {SECRET_KEY}");
    let at = |port| format!("bucket_name: main, endpoint_url: 'http://127.0.0.1:{port}', {keys}");
    // It does not wait for the deadline of a minute.
    let said = complaint(bucket(&at(free_port()?))?.path(), &[])?;
    ensure!(said.contains("refused") && !said.contains("retrying"), "{said}");
    let nowhere = format!("bucket_name: main, endpoint_url: 'http://nowhere.invalid', {keys}");
    let said = complaint(bucket(&nowhere)?.path(), &[])?;
    ensure!(said.contains("DNS lookup") && !said.contains("retrying"), "{said}");
    let server = Small::start(Preconditions::InOneStep)?;
    server.fail(true);
    let busy = bucket(&format!("{}, retry_deadline: 2", at(server.port())))?;
    let said = complaint(busy.path(), &[])?;
    ensure!(said.contains("status 503; retrying for up to"), "{said}");
    Ok(())
}

#[test]
fn the_bucket_may_be_that_of_another_host_with_large_objects_and_etags_of_their_own() -> Result<()>
{
    let below = Server::start(DICT)?;
    // A GzipStore gives the bucket an etag that does not match the stored bytes.
    let stores = format!(
        "stores:
  bucket:
    type: BucketStore
    config: {{bucket_name: main, endpoint_url: '{}', s3_access_key: {ACCESS_KEY}, s3_secret_key: {SECRET_KEY}}}
  main: {{type: GzipStore, base: bucket}}
main: main",
        below.endpoint()
    );
    let above = Server::start_anonymous(&stores)?;
    for size in [0, 10, 12_000_000] {
        let data = bytes(size, 7);
        let headers = [("x-amz-meta-storage-of", "mine")];
        let (status, put, body) = http::request(above.port(), "PUT", "/main/k", &headers, &data)?;
        ensure!(status == 200, "{size}: {put}{}", String::from_utf8_lossy(&body));
        let (status, got, body) = http::request(above.port(), "GET", "/main/k", &[], b"")?;
        ensure!(status == 200 && body == data, "{size}: {got}");
        ensure!(got.contains("x-amz-meta-storage-of: mine"), "{got}");
        let etag = |head: &str| {
            head.lines().find_map(|line| line.strip_prefix("etag: ").map(str::to_owned))
        };
        ensure!(etag(&put).is_some() && etag(&put) == etag(&got), "{put}\n{got}");
    }
    above.stop()?;
    below.stop()?;
    Ok(())
}

#[test]
fn keys_come_from_the_environment_or_from_a_profile() -> Result<()> {
    let server = Server::start(DICT)?;
    let config = format!("bucket_name: main, endpoint_url: '{}'", server.endpoint());
    let plain = bucket(&config)?;
    let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
    works(plain.path(), &keys)?;
    let wrong = "not-the-secret-of-this-access-key-0000001";
    let said = complaint(plain.path(), &[keys[0], ("AWS_SECRET_ACCESS_KEY", wrong)])?;
    ensure!(!said.contains(wrong) && said.contains("bucket \"main\""), "{said}");

    let team = bucket(&format!("{config}, profile: team"))?;
    let file = team.path().join("credentials");
    let profile =
        format!("[team]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    fs::write(&file, profile)?;
    let file = file.display().to_string();
    works(team.path(), &[("AWS_SHARED_CREDENTIALS_FILE", &file)])?;
    let said = complaint(team.path(), &[])?;
    ensure!(said.contains("credentials"), "{said}");
    server.stop()?;
    Ok(())
}

#[test]
fn the_token_of_temporary_keys_is_sent_and_signed() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let heads = thread::spawn(move || -> Result<String> {
        let (mut stream, _) = listener.accept()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        stream.write_all(
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        )?;
        Ok(String::from_utf8(head)?.to_lowercase())
    });
    let directory = bucket(&format!(
        "bucket_name: main, endpoint_url: 'http://127.0.0.1:{port}', s3_access_key: {ACCESS_KEY}, \
         s3_secret_key: {SECRET_KEY}, session_token: the-token, retry_deadline: 0"
    ))?;
    run(directory.path(), &["exists", "k"], &[])?;
    let head = heads.join().map_err(|_| anyhow::anyhow!("the listener panicked"))??;
    ensure!(head.contains("x-amz-security-token: the-token\r\n"), "{head}");
    let signed = head.split("signedheaders=").nth(1).and_then(|rest| rest.split(',').next());
    ensure!(signed.context("no signed headers")?.contains("x-amz-security-token"), "{head}");
    Ok(())
}

#[test]
fn the_bucket_stands_in_the_path_or_in_the_host() -> Result<()> {
    let url = |config: &str| -> Result<String> {
        let keys = format!("s3_access_key: {ACCESS_KEY}, s3_secret_key: {SECRET_KEY}");
        let directory = bucket(&format!("bucket_name: shelf, {keys}, {config}"))?;
        let output = run(directory.path(), &["presign", "a/b"], &[])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let url = String::from_utf8(output.stdout)?;
        Ok(url.split('?').next().unwrap_or_default().to_owned())
    };
    let server = "endpoint_url: 'https://s3.example.com'";
    assert_eq!(url(server)?, "https://s3.example.com/shelf/a/b");
    assert_eq!(url(&format!("{server}, addressing: virtual"))?, "https://shelf.s3.example.com/a/b");
    let region = "region: eu-central-1";
    assert_eq!(url(region)?, "https://shelf.s3.eu-central-1.amazonaws.com/a/b");
    assert_eq!(
        url(&format!("{region}, addressing: path"))?,
        "https://s3.eu-central-1.amazonaws.com/shelf/a/b"
    );
    Ok(())
}

#[test]
fn the_endpoint_serves_a_bucket_of_another_server_with_all_that_it_keeps() -> Result<()> {
    let node = garage::shared()?;
    let stores = format!(
        "stores:\n  main: {{type: BucketStore, config: {}}}\nmain: main\n",
        node.config(&node.bucket()?)
    );
    let server = Server::start_anonymous(&stores)?;
    let port = server.port();
    let headers = [
        ("cache-control", "no-cache"),
        ("content-type", "text/x-test"),
        ("x-amz-meta-colour", "red"),
        ("x-amz-tagging", "a=b"),
    ];
    // In one piece, and in parts.
    for length in [0, 1_000, 20_000_000] {
        let (path, body) = (format!("/main/{length}"), bytes(length, 1));
        let (status, head, _) = http::request(port, "PUT", &path, &headers, &body)?;
        ensure!(status == 200, "{head}");
        let etag = header(&head, "etag").context("no etag")?;
        let (_, head, got) = http::request(port, "GET", &path, &[], b"")?;
        ensure!(got == body, "{head}");
        ensure!(header(&head, "etag") == Some(etag), "not {etag}: {head}");
        for (name, value) in &headers[..3] {
            ensure!(header(&head, name) == Some(*value), "{name} of {length}: {head}");
        }
        ensure!(header(&head, "x-amz-tagging-count") == Some("1"), "{head}");
    }
    server.stop()?;
    Ok(())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}
