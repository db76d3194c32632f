//! A soak test with a day's mixture of requests in little time: memory and open files
//! stay constant.
//!
//! `STORAGE_SOAK_SECONDS=1800` runs the large version.

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage_conformance::cases::bytes;
use storage_tests::server::Server;
use storage_tests::{http, process};

/// A cached, compressed store with hashed keys in SQLite, and a store of files.
const STORES: &str = "
stores:
  database: {type: SqliteStore, config: {db_path: objects.db, durable: false}}
  layout: {type: HashPrefixStore, base: database}
  compressed: {type: GzipStore, base: layout}
  near: {type: FilesystemStore, config: {root_path: near, durable: false}}
  cached: {type: CachingStore, base: {main_store: compressed, cache_store: near}, config: {max_bytes: 20000000}}
  files: {type: FilesystemStore, config: {root_path: files, durable: false}}
main: cached
";

const SERVE: &str = "anonymous: true\n  expose: {main: cached, files: files}";

/// Concurrent clients.
const CLIENTS: u64 = 4;

/// How often memory is sampled.
const SAMPLES: u32 = 40;

/// Keys per client.
const KEYS: u64 = 50;

/// Reproducible random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % most
    }
}

/// Runs one client until `over` is set, counting its requests.
fn client(port: u16, number: u64, over: &AtomicBool, count: &AtomicU64) -> Result<()> {
    let mut random = Random(number);
    while !over.load(Ordering::Relaxed) {
        let bucket = ["main", "files"][random.below(2) as usize];
        let path = format!("/{bucket}/{number}/{:03}", random.below(KEYS));
        let size = [0, 100, 10_000, 300_000, 3_000_000][random.below(5) as usize];
        let seed = random.0;
        let data = || bytes(size, seed);
        let answer = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| {
            let (status, _, body) = http::request(port, method, path, headers, body)?;
            anyhow::Ok((status, body))
        };
        let fine = match random.below(20) {
            0..6 => answer("PUT", &path, &[], &data())?.0 == 200,
            6..12 => matches!(answer("GET", &path, &[], b"")?.0, 200 | 404),
            12 => {
                let range = answer("GET", &path, &[("range", "bytes=50-5000")], b"")?.0;
                matches!(range, 206 | 404 | 416)
            }
            13 => answer("DELETE", &path, &[], b"")?.0 == 204,
            14 => {
                answer("GET", &format!("/{bucket}?list-type=2&prefix={number}%2F"), &[], b"")?.0
                    == 200
            }
            15 => answer("HEAD", &path, &[], b"").map(|(status, _)| matches!(status, 200 | 404))?,
            // Refused requests, and aborted ones.
            16 => {
                answer("PUT", &path, &[("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")], b"x")?.0 == 400
            }
            17 => {
                let mut upload = http::open(port, "PUT", &path, &[], 5_000_000)?;
                upload.write_all(&bytes(700_000, number))?;
                true
            }
            18 => {
                let mut download = http::open(port, "GET", &path, &[], 0)?;
                let mut part = [0; 100];
                let _ = download.read(&mut part)?;
                true
            }
            _ => {
                let mut broken = TcpStream::connect(("127.0.0.1", port))?;
                broken.write_all(b"GET /main/k HTTP/1.1\r\nx: \0\r\n\r\n")?;
                let mut rest = Vec::new();
                broken.read_to_end(&mut rest).is_ok()
            }
        };
        ensure!(fine, "client {number}: an odd answer about {path}");
        if random.below(30) == 0 {
            parts(port, &format!("/{bucket}/{number}/parts"))?;
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// A multipart upload, completed or not.
fn parts(port: u16, path: &str) -> Result<()> {
    let (status, _, body) = http::request(port, "POST", &format!("{path}?uploads"), &[], b"")?;
    let body = String::from_utf8(body)?;
    ensure!(status == 200, "{body}");
    let id = body.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next());
    let id = id.context("an upload id")?;
    let part = format!("{path}?partNumber=1&uploadId={id}");
    ensure!(http::request(port, "PUT", &part, &[], &bytes(100_000, 1))?.0 == 200);
    let whole = format!("{path}?uploadId={id}");
    let document = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>";
    let ended = match id.bytes().map(u64::from).sum::<u64>() % 2 {
        0 => http::request(port, "POST", &whole, &[], document)?.0 == 200,
        _ => http::request(port, "DELETE", &whole, &[], b"")?.0 == 204,
    };
    ensure!(ended, "the upload does not end");
    Ok(())
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[test]
fn a_long_mixture_of_requests_leaves_memory_and_open_files_as_they_were() -> Result<()> {
    let span = Duration::from_secs(process::scale("STORAGE_SOAK_SECONDS", 45)?);
    let server = Server::start_serving(STORES, SERVE)?;
    let (port, pid) = (server.port(), server.pid());
    let (over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut memory = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let (over, count) = (&over, &count);
        let clients: Vec<_> =
            (0..CLIENTS).map(|i| scope.spawn(move || client(port, i, over, count))).collect();
        let start = Instant::now();
        for sample in 1..=SAMPLES {
            while start.elapsed() < span * sample / SAMPLES
                && !clients.iter().any(|c| c.is_finished())
            {
                std::thread::sleep(Duration::from_millis(50));
            }
            memory.push(process::resident(&pid)?);
            // Reload the configuration now and then.
            if sample % 10 == 0 {
                server.signal(Signal::HUP)?;
            }
        }
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })?;
    // Aborted requests are noticed, and idle connections closed.
    let start = Instant::now();
    let quiet = || anyhow::Ok((process::open_files(&pid)?, server.being_written()));
    let mut files = quiet()?;
    while start.elapsed() < Duration::from_secs(90) && (files.0 > 60 || files.1 > 0) {
        std::thread::sleep(Duration::from_millis(500));
        files = quiet()?;
    }
    let half = memory.len() / 2;
    let (early, late) = (median(&memory[half / 2..half]), median(&memory[half + half / 2..]));
    let eighths: Vec<u64> = memory.chunks(memory.len() / 8).map(median).collect();
    println!(
        "{} requests in {span:?}: {early} KiB in the second quarter, {late} KiB in the last, at \
         most {}; in the eighths {eighths:?}; {} files open at the end",
        count.load(Ordering::Relaxed),
        memory.iter().max().copied().unwrap_or_default(),
        files.0
    );
    ensure!(files.0 <= 60, "{} files are open, with nobody here", files.0);
    ensure!(files.1 == 0, "{} files are still being written", files.1);
    ensure!(late < early + early / 5 + 16 * 1024, "{early} KiB became {late}: {memory:?}");
    server.stop()?;
    Ok(())
}
