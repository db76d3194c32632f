//! Overload: excess requests are refused with a clear answer, and the server stays
//! small.

use anyhow::{Context, Result};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use storage_tests::http;
use storage_tests::server::Server;

const MIB: usize = 1024 * 1024;

const FILES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
  main:
    type: IdentityStore
    base: files
main: main
";

fn start(limits: &str) -> Result<Server> {
    Server::start_serving(FILES, &format!("anonymous: true\n  limits: {limits}"))
}

fn answer(stream: &mut TcpStream) -> Result<String> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn requests_above_the_limit_hear_slow_down_at_once_and_the_others_go_on() -> Result<()> {
    let server = start("{requests: 2}")?;
    // Enough that the server does not wait for more.
    let half = vec![7; 300_000];
    let whole = half.len() * 2;
    let mut uploads = Vec::new();
    for i in 0..2 {
        let mut upload = http::open(server.port(), "PUT", &format!("/main/{i}"), &[], whole)?;
        upload.write_all(&half)?;
        uploads.push(upload);
    }
    let start = Instant::now();
    while server.being_written() < 2 {
        assert!(start.elapsed() < Duration::from_secs(30), "the uploads don't begin");
        thread::sleep(Duration::from_millis(10));
    }
    let refused = || http::request(server.port(), "GET", "/main/0", &[], b"");
    let (status, head, body) = refused()?;
    let body = String::from_utf8(body)?;
    assert_eq!(status, 503);
    assert!(head.to_lowercase().contains("retry-after: 1"), "{head}");
    assert!(body.contains("<Code>SlowDown</Code>"), "{body}");
    for mut upload in uploads {
        upload.write_all(&half)?;
        assert!(answer(&mut upload)?.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(refused()?.2.len(), whole);
    server.stop()?;
    Ok(())
}

#[test]
fn a_burst_of_connections_waits_in_full_while_the_server_is_busy() -> Result<()> {
    let server = start("{requests: 1000}")?;
    let address = ([127, 0, 0, 1], server.port()).into();
    // The server can't accept any for now.
    server.signal(Signal::STOP)?;
    let mut burst = Vec::new();
    for _ in 0..500 {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(10))?;
        // Linux could take the second piece for the beginning.
        for piece in ["GET", " /main/k HTTP/1.1\r\nhost: h\r\n", "connection: close\r\n\r\n"] {
            stream.write_all(piece.as_bytes())?;
        }
        burst.push(stream);
    }
    server.signal(Signal::CONT)?;
    for mut stream in burst {
        let answer = answer(&mut stream)?;
        assert!(answer.contains("<Code>NoSuchKey</Code>"), "{answer}");
    }
    server.stop()?;
    Ok(())
}

#[test]
fn an_object_that_is_too_large_is_refused_before_its_bytes_are_taken() -> Result<()> {
    let server = start("{object_size: 1000000}")?;
    let port = server.port();
    let mut announced = http::open(port, "PUT", "/main/k", &[], 1_000_001)?;
    let text = answer(&mut announced)?;
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    assert!(text.contains("<Code>EntityTooLarge</Code>"), "{text}");
    assert!(text.contains("at most 1000000 bytes"), "{text}");

    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(stream, "PUT /main/k HTTP/1.1\r\nhost: h\r\nconnection: close\r\n")?;
    write!(stream, "transfer-encoding: chunked\r\n\r\n")?;
    for _ in 0..11 {
        write!(stream, "{:x}\r\n", 100_000)?;
        stream.write_all(&vec![7; 100_000])?;
        write!(stream, "\r\n")?;
    }
    write!(stream, "0\r\n\r\n")?;
    let text = answer(&mut stream)?;
    assert!(text.contains("<Code>EntityTooLarge</Code>"), "{text}");

    assert_eq!(http::request(port, "PUT", "/main/k", &[], &vec![7; 1_000_000])?.0, 200);
    assert_eq!(fs::read_dir(server.directory().join("files"))?.count(), 1);
    server.stop()?;
    Ok(())
}

#[test]
fn parts_that_are_too_large_together_are_not_put_together() -> Result<()> {
    let server = start("{object_size: 6000000}")?;
    let port = server.port();
    let (_, _, body) = http::request(port, "POST", "/main/k?uploads", &[], b"")?;
    let body = String::from_utf8(body)?;
    let id = body.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next());
    let id = id.context("an upload id")?;
    let mut parts = String::new();
    for number in 1..3 {
        let path = format!("/main/k?partNumber={number}&uploadId={id}");
        let (status, _, _) = http::request(port, "PUT", &path, &[], &vec![7; 5_300_000])?;
        assert_eq!(status, 200);
        parts.push_str(&format!("<Part><PartNumber>{number}</PartNumber></Part>"));
    }
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let path = format!("/main/k?uploadId={id}");
    let (status, _, body) = http::request(port, "POST", &path, &[], document.as_bytes())?;
    let body = String::from_utf8(body)?;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("<Code>EntityTooLarge</Code>"), "{body}");
    server.stop()?;
    Ok(())
}

#[test]
fn a_client_that_sends_nothing_or_takes_nothing_makes_room_for_others() -> Result<()> {
    let server = start("{idle: 1, requests: 1}")?;
    let port = server.port();
    assert_eq!(http::request(port, "PUT", "/main/k", &[], &vec![7; 32 * MIB])?.0, 200);
    let mut silent = http::open(port, "PUT", "/main/silent", &[], 10)?;
    silent.write_all(b"hello")?;
    let text = answer(&mut silent)?;
    assert!(text.contains("<Code>RequestTimeout</Code>"), "{text}");
    // Requests everything and reads next to nothing.
    let mut deaf = http::open(port, "GET", "/main/k", &[], 0)?;
    deaf.read_exact(&mut [0])?;
    let start = Instant::now();
    let mut refused = 0;
    while http::request(port, "HEAD", "/main/k", &[], b"")?.0 == 503 {
        refused += 1;
        assert!(start.elapsed() < Duration::from_secs(60), "the deaf client keeps its room");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(refused > 0, "the deaf client had no room to begin with");
    drop(deaf);
    server.stop()?;
    Ok(())
}

#[test]
fn heads_and_documents_that_are_too_large_are_refused() -> Result<()> {
    let server = start("{}")?;
    let port = server.port();
    let large = "x".repeat(200_000);
    // The answer may be lost, since the client was still sending.
    if let Ok((status, _, _)) = http::request(port, "GET", "/main/k", &[("x-large", &large)], b"") {
        assert_eq!(status, 431);
    }
    let document = vec![b' '; 9 * MIB];
    let (status, _, body) = http::request(port, "POST", "/main?delete", &[], &document)?;
    let body = String::from_utf8(body)?;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("<Code>MaxMessageLengthExceeded</Code>"), "{body}");
    server.stop()?;
    Ok(())
}

#[test]
fn many_documents_at_a_time_are_refused_before_they_fill_the_memory() -> Result<()> {
    let server = start("{}")?;
    let open = || http::open(server.port(), "POST", "/main?delete", &[], 4 * MIB);
    let small = || http::request(server.port(), "POST", "/main?delete", &[], b"<Delete/>");
    // What is only announced takes no room.
    let announced: Vec<_> = (0..20).map(|_| open()).collect::<Result<_>>()?;
    assert_eq!(small()?.0, 400);
    drop(announced);
    let mut documents = Vec::new();
    let start = Instant::now();
    // Two documents use up the limit; then even a small one must wait.
    while small()?.0 != 503 {
        let mut document = open()?;
        // It may be refused before all of it is sent.
        let _ = document.write_all(&vec![b' '; 4 * MIB - 1]);
        documents.push(document);
        assert!(start.elapsed() < Duration::from_secs(30), "documents take no room");
    }
    assert_eq!(http::request(server.port(), "PUT", "/main/k", &[], b"hello")?.0, 200);
    drop(documents);
    server.stop()?;
    Ok(())
}

#[test]
fn heads_that_trickle_in_are_cut_off_and_make_room_for_others() -> Result<()> {
    let server = start("{connections: 8}")?;
    let port = server.port();
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /main/k HTTP/1.1\r\nhost: h\r\n")?;
        slow.push(stream);
    }
    // All connections are taken: this one waits until the server drops the slow ones,
    // though they keep sending.
    let good = thread::spawn(move || http::request(port, "GET", "/main/k", &[], b""));
    let start = Instant::now();
    while !good.is_finished() {
        assert!(start.elapsed() < Duration::from_secs(120), "the slow ones keep their room");
        for stream in &mut slow {
            // The connection may be closed already.
            let _ = stream.write_all(b"x: y\r\n");
        }
        thread::sleep(Duration::from_millis(500));
    }
    let (status, _, _) = good.join().map_err(|_| anyhow::anyhow!("the good client panicked"))??;
    assert_eq!(status, 404);
    server.stop()?;
    Ok(())
}
