//! The endpoint over TLS, with certificates created by the tests.

use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use storage_tests::clients;
use storage_tests::server::{self, Server, certify};

const STORES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
";

const SERVE: &str = "
  tls: {cert: cert.pem, key: key.pem}
  credentials: {access_key: TESTACCESSKEY0000001, secret_key: '${SECRET}'}
";

fn start() -> Result<Server> {
    let directory = tempfile::tempdir()?;
    certify(directory.path())?;
    Server::start_serving_in(directory, STORES, SERVE)
}

fn curl(server: &Server, args: &[&str]) -> Result<Output> {
    let url = format!("https://127.0.0.1:{}/", server.port());
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "30"]).args(args).arg(url);
    command.output().context("curl")
}

/// Whether curl gets an answer over HTTP/2 (that the request must be signed) when it trusts
/// only a certificate in the server's directory.
fn trusts(server: &Server, certificate: &str) -> Result<bool> {
    let file = server.directory().join(certificate).display().to_string();
    let output = curl(server, &["--cacert", &file, "--write-out", "%{http_code} %{http_version}"])?;
    Ok(String::from_utf8(output.stdout)?.ends_with("403 2"))
}

#[test]
fn boto3_and_curl_verify_the_certificate() -> Result<()> {
    let server = start()?;
    assert!(server.log().contains("serving s3://main"), "{}", server.log());
    assert!(server.log().contains("at https://127.0.0.1:"), "{}", server.log());
    let bundle = server.directory().join("cert.pem").display().to_string();
    let endpoint = format!("https://127.0.0.1:{}", server.port());
    let env = [("ENDPOINT", endpoint.as_str()), ("AWS_CA_BUNDLE", bundle.as_str())];
    clients::script_with(&server, "put_one.py", &["main"], &env)?;
    clients::script_with(&server, "get_one.py", &["main"], &env)?;
    assert!(trusts(&server, "cert.pem")?);
    let stranger = curl(&server, &[])?;
    assert_eq!(stranger.status.code(), Some(60), "curl believes whoever comes: {stranger:?}");
    server.stop()?;
    Ok(())
}

#[test]
fn a_hangup_takes_a_new_certificate_and_keeps_the_old_one_when_it_is_bad() -> Result<()> {
    let server = start()?;
    let directory = server.directory().to_owned();
    fs::copy(directory.join("cert.pem"), directory.join("old.pem"))?;
    // A certificate for another key.
    let key = fs::read(directory.join("key.pem"))?;
    certify(&directory)?;
    let new_key = fs::read(directory.join("key.pem"))?;
    fs::write(directory.join("key.pem"), key)?;
    server.signal(Signal::HUP)?;
    let start = Instant::now();
    while !server.log().contains("the old configuration keeps running") {
        assert!(start.elapsed() < Duration::from_secs(30), "{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.log().contains("key.pem can't be used together"), "{}", server.log());
    assert!(trusts(&server, "old.pem")?);

    fs::write(directory.join("key.pem"), new_key)?;
    server.signal(Signal::HUP)?;
    let start = Instant::now();
    while !trusts(&server, "cert.pem")? {
        assert!(start.elapsed() < Duration::from_secs(30), "{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!trusts(&server, "old.pem")?);
    server.stop()?;
    Ok(())
}

#[test]
fn a_silent_client_does_not_hold_up_the_others() -> Result<()> {
    let server = start()?;
    let silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port())))
        .collect::<Result<_, _>>()?;
    assert!(trusts(&server, "cert.pem")?);
    drop(silent);
    server.stop()?;
    Ok(())
}

#[test]
fn a_bad_certificate_is_named_and_no_key_is_shown() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let run = |wanted: &str| -> Result<()> {
        let text = format!(
            "{STORES}\nserve:\n  listen: 127.0.0.1:0\n  tls: {{cert: cert.pem, key: key.pem}}\n"
        );
        fs::write(directory.path().join("stores.yaml"), text)?;
        let output = server::run(directory.path(), &["run", "stores.yaml"]);
        let error = String::from_utf8(output.stderr)?;
        assert!(!output.status.success());
        assert!(error.contains(wanted), "{error}");
        assert!(!error.contains("PRIVATE"), "{error}");
        Ok(())
    };
    run("cert.pem can't be read: No such file")?;
    certify(directory.path())?;
    fs::write(directory.path().join("key.pem"), "-----BEGIN PRIVATE KEY-----\nnonsense")?;
    run("key.pem can't be read as PEM with a private key")?;
    fs::write(directory.path().join("cert.pem"), "")?;
    run("cert.pem holds no certificate")?;
    Ok(())
}
