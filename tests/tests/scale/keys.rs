//! Many keys in every store that lists: all pages take equally long, and memory does
//! not grow during a listing.
//!
//! `STORAGE_SCALE_KEYS=1000000` runs the large version; `STORAGE_SCALE_STORES` selects
//! stores, separated by commas.

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use storage_host::StoreFactory;
use storage_tests::server::Server;
use storage_tests::{http, process};
use tempfile::TempDir;

/// The memory that a listing may add to the server's, in KiB: some thousand names kept
/// for the next page, and what the allocator does not return.
const MOST: u64 = 48 * 1024;

/// How to fill a store.
#[derive(Clone, Copy)]
enum Fill {
    /// With files, a thousand per folder.
    Folders,
    /// With files in a single folder.
    Flat,
    /// With files in a single folder, named in Base32.
    Base32,
    /// Through the library.
    Library,
    /// Through the server.
    Server,
}

const STORES: &[(&str, &str, Fill)] = &[
    ("memory", "{type: DictStore}", Fill::Server),
    (
        "files in folders",
        "{type: FilesystemStore, config: {root_path: DIR/objects}}",
        Fill::Folders,
    ),
    (
        "files in one folder",
        "{type: FilesystemStore, config: {root_path: DIR/objects}}",
        Fill::Flat,
    ),
    ("safe files", "{type: SafeFilesystemStore, config: {root_path: DIR/objects}}", Fill::Base32),
    (
        "hashdir with an index",
        "{type: HashdirStore, config: {root_path: DIR/objects, index: true, durable: false}}",
        Fill::Library,
    ),
    (
        "sqlite",
        "{type: SqliteStore, config: {db_path: DIR/objects.db, durable: false}}",
        Fill::Library,
    ),
    ("zip", "{type: ZipStore, config: {path: DIR/objects.zip, durable: false}}", Fill::Library),
];

fn key(i: u64) -> String {
    format!("{:04}/{:08}", i / 1_000, i)
}

fn base32(text: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::new();
    for part in text.as_bytes().chunks(5) {
        let mut bits = [0; 8];
        bits[3..3 + part.len()].copy_from_slice(part);
        let bits = u64::from_be_bytes(bits);
        let digits = (part.len() * 8).div_ceil(5);
        for at in 0..8 {
            let digit = (bits >> (35 - at * 5)) & 31;
            out.push(if at < digits { char::from(DIGITS[digit as usize]) } else { '_' });
        }
    }
    out
}

/// A file's key without a slash, for a single folder.
fn flat(i: u64) -> String {
    format!("{i:08}")
}

fn fill_files(root: &Path, count: u64, fill: Fill) -> Result<()> {
    fs::create_dir_all(root)?;
    for i in 0..count {
        let name = match fill {
            Fill::Flat => flat(i),
            Fill::Base32 => base32(&key(i)),
            _ => key(i),
        };
        if matches!(fill, Fill::Folders) && i % 1_000 == 0 {
            fs::create_dir(root.join(format!("{:04}", i / 1_000)))?;
        }
        fs::File::create(root.join(name))?;
    }
    Ok(())
}

async fn fill_by_library(file: &Path, count: u64) -> Result<()> {
    let factory = StoreFactory::from_yaml(file)?;
    let store = factory.build().await?;
    let puts = futures::stream::iter(0..count).map(|i| {
        let store = store.clone();
        async move { store.put(&key(i), "".into(), Default::default()).await }
    });
    let mut puts = Box::pin(puts.buffer_unordered(64));
    while let Some(done) = puts.next().await {
        done?;
    }
    drop(puts);
    factory.close().await?;
    Ok(())
}

/// Fills a store over eight connections, each with many pipelined requests.
fn fill_by_server(port: u16, count: u64) -> Result<()> {
    const CONNECTIONS: u64 = 8;
    const AHEAD: u64 = 64;
    let put = |first: u64| -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mine: Vec<u64> = (first..count).step_by(CONNECTIONS as usize).collect();
        for some in mine.chunks(AHEAD as usize) {
            let requests: String = some
                .iter()
                .map(|i| {
                    format!(
                        "PUT /main/{} HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n",
                        key(*i)
                    )
                })
                .collect();
            stream.write_all(requests.as_bytes())?;
            let mut answers = String::new();
            let mut part = [0; 16 * 1024];
            while answers.matches("\r\n\r\n").count() < some.len() {
                let read = stream.read(&mut part)?;
                ensure!(read > 0, "the server hung up:\n{answers}");
                answers.push_str(std::str::from_utf8(&part[..read])?);
            }
            ensure!(answers.matches("HTTP/1.1 200").count() == some.len(), "{answers}");
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|i| scope.spawn(move || put(i))).collect();
        for thread in threads {
            thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })
}

/// A server over a store with this many keys.
fn filled(yaml: &str, count: u64, fill: Fill) -> Result<Server> {
    let directory = TempDir::new()?;
    let here = directory.path().display().to_string();
    let text = format!("stores: {{main: {}}}\nmain: main\n", yaml.replace("DIR", &here));
    match fill {
        Fill::Library => {
            let file = directory.path().join("fill.yaml");
            fs::write(&file, &text)?;
            tokio::runtime::Runtime::new()?.block_on(fill_by_library(&file, count))?;
        }
        Fill::Server => {
            let server = Server::start_anonymous_in(directory, &text)?;
            fill_by_server(server.port(), count)?;
            return Ok(server);
        }
        fill => fill_files(&directory.path().join("objects"), count, fill)?,
    }
    Server::start_anonymous_in(directory, &text)
}

/// The time of each page, and the memory that listing added, in KiB.
fn list(server: &Server, count: u64, fill: Fill) -> Result<(Vec<Duration>, u64)> {
    let name = |i| if matches!(fill, Fill::Flat) { flat(i) } else { key(i) };
    let (mut seen, mut times, mut most) = (0, Vec::new(), 0);
    let mut after = String::new();
    let before = process::resident(&server.pid())?;
    while seen < count {
        let path =
            format!("/main?list-type=2&max-keys=1000&start-after={}", after.replace('/', "%2F"));
        let start = Instant::now();
        let (status, _, body) = http::request(server.port(), "GET", &path, &[], b"")?;
        times.push(start.elapsed());
        let body = String::from_utf8(body)?;
        ensure!(status == 200, "{status} {body}");
        for found in body.split("<Key>").skip(1) {
            let found = found.split('<').next().context("no end of the key")?;
            ensure!(found == name(seen), "{found} comes where {} should", name(seen));
            seen += 1;
        }
        ensure!(seen == count || seen == times.len() as u64 * 1_000, "{seen} keys after a page");
        after = name(seen - 1);
        most = most.max(process::resident(&server.pid())?);
    }
    Ok((times, most.saturating_sub(before)))
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

#[test]
fn every_store_lists_many_keys_in_pages_alike_and_in_constant_memory() -> Result<()> {
    let count = process::scale("STORAGE_SCALE_KEYS", 20_000)?;
    let only = std::env::var("STORAGE_SCALE_STORES").ok();
    let is_wanted =
        |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|o| o == name));
    for (name, yaml, fill) in STORES.iter().filter(|(name, _, _)| is_wanted(name)) {
        let start = Instant::now();
        let server = filled(yaml, count, *fill).context(*name)?;
        let filling = start.elapsed();
        let (times, grown) = list(&server, count, *fill).context(*name)?;
        let some = times.len().div_ceil(2).min(20);
        let (first, last) = (&times[..some], &times[times.len() - some..]);
        let (first, last) = (median(first), median(last));
        println!(
            "{name}: {count} keys in {filling:.1?}, {} pages in {:.1?}, of the first {first:.2?}, of \
             the last {last:.2?} ({:.2}), slowest {:.1?}; {grown} KiB more memory",
            times.len(),
            times.iter().sum::<Duration>(),
            last.as_secs_f64() / first.as_secs_f64(),
            times.iter().max().copied().unwrap_or_default(),
        );
        ensure!(grown < MOST, "{name}: {grown} KiB more memory");
        server.stop()?;
    }
    Ok(())
}
