//! Request smuggling: bytes that two readers could split into different requests. A
//! proxy in front of this server must never see one request where the server sees two.

use anyhow::{Result, ensure};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;
use storage_tests::http;
use storage_tests::server::Server;

const STORE: &str =
    "stores: {main: {type: DictStore, config: {objects: {secret: kept}}}}\nmain: main\n";

/// The request that an attacker hides behind, or inside, another.
const HIDDEN: &str = "DELETE /main/secret HTTP/1.1\r\nhost: h\r\n\r\n";

/// Sends bytes and reads until the connection ends.
fn exchange(port: u16, bytes: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // The server may hang up before it has read everything.
    let _ = stream.write_all(bytes.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn no_request_is_hidden_in_another() -> Result<()> {
    let server = Server::start_anonymous(STORE)?;
    let port = server.port();
    let put = |lines: &str, body: &str| {
        format!("PUT /main/new HTTP/1.1\r\nhost: h\r\n{lines}\r\n\r\n{body}")
    };
    let after_end = format!("0\r\n\r\n{HIDDEN}");
    let length = after_end.len();
    let both = format!("content-length: {length}\r\ntransfer-encoding: chunked");
    let turned = format!("transfer-encoding: chunked\r\ncontent-length: {length}");
    for (what, request, statuses) in [
        ("two lengths in two ways", put(&both, &after_end), &[200][..]),
        ("the same, turned around", put(&turned, &after_end), &[200]),
        ("two lengths", put("content-length: 0\r\ncontent-length: 44", HIDDEN), &[400]),
        ("two lengths in one line", put("content-length: 0, 44", HIDDEN), &[400]),
        ("a length with a sign", put("content-length: +0", HIDDEN), &[400]),
        ("a length that is none", put("content-length: 0x0", HIDDEN), &[400]),
        ("a negative length", put("content-length: -1", HIDDEN), &[400]),
        ("a length beyond all", put("content-length: 99999999999999999999", HIDDEN), &[400]),
        ("an encoding that is unknown", put("transfer-encoding: xchunked", &after_end), &[400]),
        ("an encoding in front", put("transfer-encoding: chunked, identity", &after_end), &[400]),
        ("no encoding", put("transfer-encoding: identity", &after_end), &[400]),
        ("a space before the colon", put("transfer-encoding : chunked", &after_end), &[400]),
        ("a line that goes on", put("x: a\r\n content-length: 44", HIDDEN), &[400]),
        ("a name with a line end", put("content-length\r: 44", HIDDEN), &[400]),
        ("a lonely return", put("x: a\rcontent-length: 44", HIDDEN), &[400]),
        ("a zero byte", put("x: a\0content-length: 44", HIDDEN), &[400]),
        ("a line without a colon", put("content-length 44", HIDDEN), &[400]),
        (
            "chunks for an old version",
            put("transfer-encoding: chunked", &after_end).replace("1.1", "1.0"),
            &[400],
        ),
        ("an odd version", put("content-length: 0", "").replace("1.1", "1.9"), &[400]),
    ] {
        let answer = exchange(port, &request)?;
        let found: Vec<_> = answer.match_indices("HTTP/1.").collect();
        ensure!(found.len() == 1, "{what}: {} answers:\n{answer}", found.len());
        let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        ensure!(status.is_some_and(|status| statuses.contains(&status)), "{what}:\n{answer}");
        let (status, _, body) = http::request(port, "GET", "/main/secret", &[], b"")?;
        ensure!((status, &body[..]) == (200, b"kept"), "{what}: the hidden one was obeyed");
    }
    server.stop()?;
    Ok(())
}

#[test]
fn chunks_end_where_they_say_and_what_is_malformed_ends_the_connection() -> Result<()> {
    let server = Server::start_anonymous(STORE)?;
    let port = server.port();
    for (what, body) in [
        ("no line end after the bytes", format!("5\r\nhello{HIDDEN}")),
        ("more bytes than said", format!("2\r\nhello\r\n0\r\n\r\n{HIDDEN}")),
        ("a size that is none", format!("0x5\r\nhello\r\n0\r\n\r\n{HIDDEN}")),
        ("a negative size", format!("-1\r\nhello\r\n0\r\n\r\n{HIDDEN}")),
        ("a size beyond all", format!("fffffffffffffffff\r\nhello\r\n0\r\n\r\n{HIDDEN}")),
        ("no size", format!("\r\nhello\r\n0\r\n\r\n{HIDDEN}")),
        (
            "an endless extension",
            format!("5;{}\r\nhello\r\n0\r\n\r\n{HIDDEN}", "x".repeat(100_000)),
        ),
        ("endless trailers", format!("0\r\n{}\r\n{HIDDEN}", "x: y\r\n".repeat(50_000))),
    ] {
        let head = "PUT /main/new HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = exchange(port, &format!("{head}{body}"))?;
        let found: Vec<_> = answer.match_indices("HTTP/1.").collect();
        ensure!(found.len() <= 1, "{what}: {} answers:\n{answer}", found.len());
        ensure!(!answer.starts_with("HTTP/1.1 200"), "{what}:\n{answer}");
        let (status, _, body) = http::request(port, "GET", "/main/secret", &[], b"")?;
        ensure!((status, &body[..]) == (200, b"kept"), "{what}: the hidden one was obeyed");
        ensure!(
            http::request(port, "HEAD", "/main/new", &[], b"")?.0 == 404,
            "{what}: it was kept"
        );
    }
    server.stop()?;
    Ok(())
}

#[test]
fn what_a_client_says_breaks_out_of_no_header_and_no_document() -> Result<()> {
    let server = Server::start_anonymous(STORE)?;
    let port = server.port();
    for name in
        ["content-type", "content-disposition", "content-encoding", "cache-control", "expires"]
    {
        let path = format!("/main/secret?response-{name}=a%0d%0aset-cookie:%20b=c");
        let (status, head, _) = http::request(port, "GET", &path, &[], b"")?;
        ensure!(!head.to_lowercase().contains("set-cookie"), "{name}: {status}\n{head}");
    }
    let odd = "/main/a%0d%0aset-cookie:%20b=c%3c%2fKey%3e%3cKey%3einvented";
    let (status, head, _) = http::request(port, "PUT", odd, &[], b"x")?;
    ensure!(!head.to_lowercase().contains("set-cookie"), "{status}\n{head}");
    let (status, _, body) = http::request(port, "GET", "/main?list-type=2", &[], b"")?;
    let body = String::from_utf8(body)?;
    ensure!(status == 200 && body.contains("<KeyCount>2</KeyCount>"), "{status} {body}");
    ensure!(!body.contains("<Key>invented"), "{body}");
    let (status, head, body) = http::request(port, "GET", "/main/%3cscript%3e", &[], b"")?;
    let body = String::from_utf8(body)?;
    ensure!(status == 404 && !body.contains("<script>"), "{head}{body}");
    ensure!(head.to_lowercase().contains("content-type: application/xml"), "{head}");
    server.stop()?;
    Ok(())
}
