//! Raw HTTP/1.1 requests that no well-behaved client would send.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Sends one request on a new connection and returns status, head and body.
pub fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(u16, String, Vec<u8>)> {
    let mut stream = open(port, method, path, headers, body.len())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end =
        answer.windows(4).position(|w| w == b"\r\n\r\n").context("an answer without a head")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("an answer without a status")?, head, body))
}

/// Sends the head of a request that announces `length` bytes.
pub fn open(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    length: usize,
) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "content-length: {length}\r\n\r\n")?;
    Ok(stream)
}

/// The status of a GET, and the body if it has the announced length.
pub fn get_whole(
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(u16, Option<Vec<u8>>)> {
    let mut stream = open(port, "GET", path, headers, 0)?;
    let mut answer = Vec::new();
    // A truncated answer may also end with an error.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no head")? + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8(answer)?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.context("a length")?.parse()?;
    Ok((status, (body.len() == length).then_some(body)))
}
