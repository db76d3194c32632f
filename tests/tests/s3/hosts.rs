//! Buckets in the name of the host, HTTP/2, and the access log, seen by curl.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;
use storage_tests::clients::run;
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server, certify};

const STORES: &str = "
stores:
  main: {type: MemoryStore}
main: main
";

/// What curl prints of a signed request to `host`, with the status and the HTTP version.
fn curl(server: &Server, host: &str, path: &str, more: &[&str]) -> Result<String> {
    let (port, keys) = (server.port(), format!("{ACCESS_KEY}:{SECRET_KEY}"));
    let scheme = if server.directory().join("cert.pem").exists() { "https" } else { "http" };
    run(Command::new("curl")
        .current_dir(server.directory())
        .args(["--silent", "--show-error", "--max-time", "60", "--insecure"])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .args(["--user", &keys, "--aws-sigv4", "aws:amz:us-east-1:s3"])
        .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
        .args(["--write-out", " %{http_code} %{http_version}"])
        .args(more)
        .arg(format!("{scheme}://{host}:{port}{path}")))
}

#[test]
fn a_bucket_in_the_name_of_the_host_is_found_below_the_domain_and_nowhere_else() -> Result<()> {
    let serve = "
  domain: s3.test
  buckets: dynamic
  credentials: {access_key: TESTACCESSKEY0000001, secret_key: \"${SECRET}\"}
";
    let server = Server::start_serving(STORES, serve)?;
    ensure!(curl(&server, "photos.s3.test", "/", &["--request", "PUT"])? == " 200 1.1");
    ensure!(
        curl(&server, "photos.s3.test", "/a/k", &["--request", "PUT", "--data", "x"])?
            == " 200 1.1"
    );
    for (host, path) in
        [("photos.s3.test", "/a/k"), ("s3.test", "/photos/a/k"), ("127.0.0.1", "/photos/a/k")]
    {
        ensure!(curl(&server, host, path, &[])? == "x 200 1.1", "{host}{path}");
    }
    // As the path style, these would be listings of buckets.
    for path in ["/?list-type=2", "/?prefix=a"] {
        let listed = curl(&server, "photos.s3.test", path, &[])?;
        ensure!(listed.contains("<Key>a/k</Key>") && listed.ends_with(" 200 1.1"), "{listed}");
    }
    let hint = curl(&server, "photos.elsewhere.test", "/?list-type=2", &[])?;
    ensure!(hint.contains("serve.domain") && hint.ends_with(" 400 1.1"), "{hint}");
    let hint =
        curl(&server, "photos.elsewhere.test", "/any/k", &["--request", "PUT", "--data", "y"])?;
    ensure!(hint.contains("serve.domain") && hint.ends_with(" 400 1.1"), "{hint}");
    server.stop()?;
    Ok(())
}

#[test]
fn large_objects_come_and_go_over_http_2() -> Result<()> {
    let directory = tempfile::tempdir()?;
    certify(directory.path())?;
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(directory.path().join("sent"), &bytes)?;
    let serve = "
  tls: {cert: cert.pem, key: key.pem}
  credentials: {access_key: TESTACCESSKEY0000001, secret_key: \"${SECRET}\"}
";
    let server = Server::start_serving_in(directory, STORES, serve)?;
    let sent = curl(&server, "s3.test", "/main/k", &["--upload-file", "sent"])?;
    ensure!(sent == " 200 2", "{sent}");
    let read = curl(&server, "s3.test", "/main/k", &["--output", "read"])?;
    ensure!(read == " 200 2", "{read}");
    let directory = server.stop()?;
    ensure!(fs::read(directory.path().join("read"))? == bytes);
    Ok(())
}

#[test]
fn every_request_is_a_line_of_the_access_log() -> Result<()> {
    let serve = "
  log: {format: json, file: access.log}
  credentials: {access_key: TESTACCESSKEY0000001, secret_key: \"${SECRET}\"}
";
    let server = Server::start_serving(STORES, serve)?;
    ensure!(
        curl(&server, "s3.test", "/main/k", &["--request", "PUT", "--data", "hello"])?
            == " 200 1.1"
    );
    ensure!(curl(&server, "s3.test", "/main/k", &[])? == "hello 200 1.1");
    let refused = curl(&server, "s3.test", "/main/k", &["--user", "nobody:secret"])?;
    ensure!(refused.ends_with(" 403 1.1"), "{refused}");
    let directory = server.stop()?;
    let log = fs::read_to_string(directory.path().join("access.log"))?;
    let lines: Vec<serde_json::Value> =
        log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let shown = ["operation", "bucket", "key", "principal", "status", "error"];
            let numbers = ["bytes_received", "bytes_sent"];
            shown
                .map(|name| line[name].clone())
                .into_iter()
                .chain(numbers.map(|n| line[n].clone()))
                .map(|value| value.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let (put, rest) = shown.split_first().context("no line")?;
    let (get, rest) = rest.split_first().context("one line")?;
    let key = format!("\"main\" \"k\" \"{ACCESS_KEY}\"");
    ensure!(*put == format!("\"PutObject\" {key} 200 null 5 0"), "{put}");
    ensure!(*get == format!("\"GetObject\" {key} 200 null 0 5"), "{get}");
    ensure!(rest.len() == 1, "{rest:?}");
    ensure!(rest[0].contains("\"main\" \"k\" null 403 \"InvalidAccessKeyId\""), "{rest:?}");
    let log = fs::read_to_string(directory.path().join("server.log"))?;
    ensure!(!log.contains("ERROR"), "a client's mistake is no error of ours: {log}");
    Ok(())
}
