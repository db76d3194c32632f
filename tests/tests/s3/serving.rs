//! The running server: configuration, signals, and misbehaving clients.

use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::server::{self, Server};

const FILES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
  compressed:
    type: GzipStore
    base: files
main: compressed
";

/// Waits until `holds` is true, since changes after a signal take a moment.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "not so after 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Every file below a directory, including hidden ones, except locks.
fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => todo.push(entry.path()),
                _ if entry.file_name() == "lock" => {}
                _ => found.push(entry.path().display().to_string()),
            }
        }
    }
    found.retain(|path| !path.ends_with("stores.yaml") && !path.ends_with("server.log"));
    found
}

#[test]
fn a_client_that_disconnects_in_mid_upload_leaves_nothing_behind() -> Result<()> {
    let server = Server::start_anonymous(FILES)?;
    let before = files(server.directory());
    let mut upload = http::open(server.port(), "PUT", "/main/half", &[], 10_000_000)?;
    // Compressible bytes would be buffered for long.
    upload.write_all(&bytes(3_000_000, 1))?;
    eventually("the upload has begun", || server.being_written() == 1);
    drop(upload);
    let start = "/main/parts?uploads";
    let (status, _, body) = http::request(server.port(), "POST", start, &[], b"")?;
    assert_eq!(status, 200);
    let body = String::from_utf8(body)?;
    let id = body.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next());
    let path = format!("/main/parts?partNumber=1&uploadId={}", id.context("an upload id")?);
    let mut part = http::open(server.port(), "PUT", &path, &[], 10_000_000)?;
    part.write_all(&vec![7; 3_000_000])?;
    drop(part);
    let path = path.replace("partNumber=1&", "");
    assert_eq!(http::request(server.port(), "DELETE", &path, &[], b"")?.0, 204);
    eventually("nothing is left of either", || {
        files(server.directory()) == before && server.being_written() == 0
    });
    let (status, _, body) = http::request(server.port(), "GET", "/main?list-type=2", &[], b"")?;
    assert_eq!(status, 200);
    assert!(String::from_utf8(body)?.contains("<KeyCount>0</KeyCount>"));
    assert_eq!(http::request(server.port(), "HEAD", "/main/half", &[], b"")?.0, 404);
    server.stop()?;
    Ok(())
}

#[test]
fn bytes_that_are_not_those_announced_are_not_published() -> Result<()> {
    let server = Server::start_anonymous(FILES)?;
    let wrong = [("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    let (status, _, body) = http::request(server.port(), "PUT", "/main/k", &wrong, b"hello")?;
    assert_eq!(status, 400);
    assert!(String::from_utf8(body)?.contains("<Code>BadDigest</Code>"));
    let wrong = [("x-amz-checksum-crc32", "AAAAAA==")];
    assert_eq!(http::request(server.port(), "PUT", "/main/k", &wrong, b"hello")?.0, 400);
    assert_eq!(http::request(server.port(), "HEAD", "/main/k", &[], b"")?.0, 404);
    let right = [("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="), ("x-amz-checksum-crc32", "NhCmhg==")];
    let (status, head, _) = http::request(server.port(), "PUT", "/main/k", &right, b"hello")?;
    assert_eq!(status, 200);
    assert!(head.contains("\"5d41402abc4b2a76b9719d911017c592\""), "{head}");
    Ok(())
}

#[test]
fn unsigned_and_wrongly_signed_requests_are_refused() -> Result<()> {
    let server = Server::start(FILES)?;
    let (status, _, body) = http::request(server.port(), "GET", "/main", &[], b"")?;
    assert_eq!(status, 403);
    assert!(String::from_utf8(body)?.contains("<Code>AccessDenied</Code>"));
    let signed = [
        ("x-amz-date", "20260101T000000Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=NOBODY/20260101/us-east-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00",
        ),
    ];
    let (status, _, body) = http::request(server.port(), "PUT", "/main/k", &signed, b"x")?;
    assert_eq!(status, 403, "{}", String::from_utf8_lossy(&body));
    assert_eq!(files(&server.directory().join("files")), Vec::<String>::new());
    assert!(!server.log().contains(server::SECRET_KEY));
    Ok(())
}

#[test]
fn what_was_stored_survives_a_restart() -> Result<()> {
    let server = Server::start(FILES)?;
    storage_tests::clients::script(&server, "put_one.py", &["main"])?;
    let directory = server.stop()?;
    let server = Server::start_in(directory, FILES)?;
    storage_tests::clients::script(&server, "get_one.py", &["main"])?;
    server.stop()?;
    Ok(())
}

#[test]
fn a_hangup_takes_a_new_configuration_over_and_keeps_the_old_one_when_it_is_bad() -> Result<()> {
    let server = Server::start_anonymous(FILES)?;
    let file = server.directory().join("stores.yaml");
    let good = fs::read_to_string(&file)?;
    fs::write(&file, good.replace("GzipStore", "GzpStore"))?;
    server.signal(Signal::HUP)?;
    eventually("the log says why", || server.log().contains("did you mean \"GzipStore\"?"));
    assert!(server.log().contains("the old configuration keeps running"));
    assert_eq!(http::request(server.port(), "PUT", "/main/k", &[], b"hello")?.0, 200);

    fs::write(
        &file,
        good.replace("serve:\n", "serve:\n  expose: {other: files, main: compressed}\n"),
    )?;
    server.signal(Signal::HUP)?;
    eventually("the new bucket is served", || {
        http::request(server.port(), "HEAD", "/other/k", &[], b"")
            .is_ok_and(|answer| answer.0 == 200)
    });
    server.stop()?;
    Ok(())
}

#[test]
fn a_request_under_way_ends_before_the_server_does() -> Result<()> {
    let server = Server::start_anonymous(FILES)?;
    let body = bytes(1_000_000, 1);
    let mut upload = http::open(server.port(), "PUT", "/main/late", &[], body.len())?;
    upload.write_all(&body[..500_000])?;
    eventually("the upload has begun", || server.being_written() == 1);
    server.signal(Signal::TERM)?;
    eventually("it takes no more connections", || {
        std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err()
    });
    upload.write_all(&body[500_000..])?;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut upload, &mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let directory = server.stop()?;
    assert!(directory.path().join("files/late").exists());
    Ok(())
}

#[test]
fn a_busy_port_is_named_with_the_cure() -> Result<()> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("stores.yaml"), FILES)?;
    let busy = TcpListener::bind("127.0.0.1:0")?;
    let address = busy.local_addr()?.to_string();
    let output = server::run(directory.path(), &["run", "stores.yaml", "--listen", &address]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr)?;
    let wanted = format!(
        "error: {address} is in use by another program; end it, or choose another with --listen\n"
    );
    assert!(error.ends_with(&wanted), "{error}");
    Ok(())
}

#[test]
fn an_address_that_others_reach_needs_credentials() -> Result<()> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("stores.yaml"), FILES)?;
    for extra in [&[][..], &["--anonymous"]] {
        let args = [&["run", "stores.yaml", "--listen", "0.0.0.0:0"], extra].concat();
        let output = server::run(directory.path(), &args);
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr)?;
        assert!(error.contains("can be reached by others: give serve.credentials"), "{error}");
    }
    Ok(())
}

/// S3 keys have up to 1,024 bytes, and stores may hold longer ones. An object whose key
/// is too long for S3 must not look absent.
#[test]
fn keys_longer_than_those_of_s3_are_listed_and_refused_wherever_they_come_in() -> Result<()> {
    let (longest, longer) = ("k".repeat(1_024), "k".repeat(1_025));
    let stores = "stores: {main: {type: SqliteStore, config: {db_path: objects.db}}}\nmain: main";
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("stores.yaml"), stores)?;
    fs::write(directory.path().join("input"), "kept")?;
    let put = server::run(directory.path(), &["put", &longer, "input"]);
    assert!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    let server = Server::start_anonymous_in(directory, stores)?;
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let (status, _, body) = http::request(server.port(), method, path, headers, body)?;
        anyhow::Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    assert_eq!(ask("PUT", &format!("/main/{longest}"), &[], b"fits")?.0, 200);
    assert_eq!(ask("GET", &format!("/main/{longest}"), &[], b"")?.1, "fits");
    let form = format!(
        "--x\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\n{longer}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nform\r\n--x--\r\n"
    );
    let of_form = ("content-type", "multipart/form-data; boundary=x");
    let several = format!("<Delete><Object><Key>{longer}</Key></Object></Delete>");
    for (method, path, headers, body, wanted) in [
        ("GET", format!("/main/{longer}"), vec![], "", 400),
        ("PUT", format!("/main/{longer}"), vec![], "new", 400),
        ("DELETE", format!("/main/{longer}"), vec![], "", 400),
        ("POST", format!("/main/{longer}?uploads"), vec![], "", 400),
        ("POST", "/main".to_owned(), vec![of_form], &form, 400),
        ("POST", "/main?delete".to_owned(), vec![], &several, 200),
    ] {
        let (status, answer) = ask(method, &path, &headers, body.as_bytes())?;
        assert_eq!(status, wanted, "{method} {}: {answer}", &path[..path.len().min(12)]);
        assert!(answer.contains("<Code>KeyTooLongError</Code>"), "{method}: {answer}");
    }
    for path in ["/main?list-type=2", "/main", "/main?versions", "/main?list-type=2&max-keys=1"] {
        let (status, answer) = ask("GET", path, &[], b"")?;
        let of_one_page = path.contains("max-keys");
        assert_eq!((status, answer.contains(&longest)), (200, true), "{answer}");
        assert_eq!(answer.contains(&longer), !of_one_page, "{answer}");
    }
    let (_, rest) = ask("GET", &format!("/main?list-type=2&start-after={longest}"), &[], b"")?;
    assert!(rest.contains(&format!("<Key>{longer}</Key>")), "{rest}");
    server.stop()?;
    Ok(())
}
