//! The server's memory while it transfers many large objects.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use storage_tests::http;
use storage_tests::server::{Server, run};

const MIB: usize = 1024 * 1024;

/// The size of the large objects, in a chain.
const LARGE: usize = 64 * MIB;

/// The bytes of each stream before all of them wait for each other.
const FAR: usize = 2 * MIB;

const STORES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
  main:
    type: IdentityStore
    base: files
main: main
";

/// A value from `/proc` for the server process, in KiB.
fn kibibytes(server: &Server, file: &str, field: &str) -> Result<usize> {
    let text = fs::read_to_string(format!("/proc/{}/{file}", server.pid()))?;
    let line = text.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.with_context(|| format!("no {field} in {file}"))
}

fn chunk(seed: usize) -> Vec<u8> {
    (0..MIB).map(|i| (i.wrapping_mul(31).wrapping_add(seed) % 251) as u8).collect()
}

/// Starts `streams` uploads and as many downloads of 64 MiB, and stops all of them
/// half-way. Returns the peak memory so far, in MiB. Some then run to their end, the
/// others are cut off.
fn in_the_middle(streams: usize) -> Result<usize> {
    // The first start after a build compiles the component into the cache, which takes
    // much memory.
    ensure!(run(tempfile::tempdir()?.path(), &["kinds"]).status.success());
    let server = Server::start_serving(STORES, "anonymous: true\n  limits: {requests: 513}")?;
    let port = server.port();
    let data = chunk(7);
    let mut first = http::open(port, "PUT", "/main/source", &[], LARGE)?;
    for _ in 0..LARGE / MIB {
        first.write_all(&data)?;
    }
    ensure!(status(&mut first)? == 200);
    let idle = kibibytes(&server, "status", "VmRSS")?;

    let halfway = Barrier::new(2 * streams + 1);
    let measured = Barrier::new(2 * streams + 1);
    let upload = |i: usize| -> Result<()> {
        let mut stream = http::open(port, "PUT", &format!("/main/{i}"), &[], LARGE)?;
        let begun = (0..FAR / MIB).try_for_each(|_| stream.write_all(&data));
        halfway.wait();
        measured.wait();
        begun?;
        if i < 4 {
            (FAR / MIB..LARGE / MIB).try_for_each(|_| stream.write_all(&data))?;
            ensure!(status(&mut stream)? == 200, "upload {i}");
        }
        Ok(())
    };
    let download = |i: usize| -> Result<()> {
        let mut stream = http::open(port, "GET", "/main/source", &[], 0)?;
        let mut begun = vec![0; FAR];
        let begun = stream.read_exact(&mut begun);
        halfway.wait();
        measured.wait();
        begun?;
        if i < 4 {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest)?;
            ensure!(rest.len() > LARGE - FAR && rest.len() < LARGE, "download {i}");
        }
        Ok(())
    };
    let peak = thread::scope(|scope| -> Result<usize> {
        let mut threads = Vec::new();
        for i in 0..streams {
            threads.push(scope.spawn(move || upload(i)));
            threads.push(scope.spawn(move || download(i)));
        }
        halfway.wait();
        let peak = kibibytes(&server, "status", "VmHWM");
        let proportional = kibibytes(&server, "smaps_rollup", "Pss:");
        measured.wait();
        println!(
            "{streams} uploads and as many downloads: {} KiB at most resident, {} KiB with pages \
             counted once; {idle} KiB before",
            peak.as_ref().unwrap_or(&0),
            proportional?
        );
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        peak
    })?;
    server.stop()?;
    Ok(peak / 1024)
}

fn status(stream: &mut TcpStream) -> Result<u16> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).context(answer)
}

#[test]
fn hundreds_of_large_streams_fit_into_a_hundred_mebibytes() -> Result<()> {
    let peak = in_the_middle(256)?;
    ensure!(peak < 100, "{peak} MiB");
    Ok(())
}
