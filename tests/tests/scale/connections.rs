//! Thousands of open connections, all of which are served.
//!
//! `STORAGE_SCALE_CONNECTIONS=10000` runs the large version.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use storage_tests::process;
use storage_tests::server::Server;

const STORE: &str = "
stores:
  memory: {type: DictStore, config: {objects: {k: hello}}}
  main: {type: IdentityStore, base: memory}
main: main
";

/// The server's memory limit per connection, in KiB.
const EACH: u64 = 32;

/// Makes a request on a connection that stays open.
fn ask(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(b"GET /main/k HTTP/1.1\r\nhost: h\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 1_024];
    while !answer.ends_with(b"\r\n\r\nhello") {
        let read = stream.read(&mut part).context("no answer")?;
        ensure!(read > 0, "it hung up: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..read]);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

#[test]
fn every_one_of_many_open_connections_is_served_in_little_memory() -> Result<()> {
    let count = process::scale("STORAGE_SCALE_CONNECTIONS", 700)?;
    // The server raises its own limit itself.
    process::allow_open_files(count)?;
    let serve = format!("anonymous: true\n  limits: {{connections: {}}}", count + 10);
    let server = Server::start_serving(STORE, &serve)?;
    ask(&mut TcpStream::connect(("127.0.0.1", server.port()))?)?;
    let before = process::resident(&server.pid())?;
    let start = Instant::now();
    let mut open = Vec::new();
    for i in 0..count {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port()))
            .with_context(|| format!("connection {i}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        ask(&mut stream)?;
        open.push(stream);
    }
    let opened = start.elapsed();
    let held = process::open_files(&server.pid())?;
    ensure!(held as u64 > count, "{held} files are open for {count} connections");
    let start = Instant::now();
    for (i, stream) in open.iter_mut().enumerate() {
        ask(stream).with_context(|| format!("connection {i}, the second time"))?;
    }
    let grown = process::resident(&server.pid())?.saturating_sub(before);
    println!(
        "{count} connections opened and asked in {opened:.1?}, asked again in {:.1?}; {held} files \
         open; {grown} KiB more memory, {:.1} for each",
        start.elapsed(),
        grown as f64 / count as f64
    );
    ensure!(grown < 16 * 1024 + count * EACH, "{grown} KiB more memory");
    drop(open);
    server.stop()?;
    Ok(())
}
