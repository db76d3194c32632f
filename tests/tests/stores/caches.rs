//! Caches under load: concurrent readers of one object share one fetch, the copies stay
//! within their size limit, and a failing cache slows operations down but fails none.
//!
//! 150 operations per client; `STORAGE_CACHE_OPERATIONS` sets another number. That no
//! client sees replaced data is tested in `linearizable`.

use anyhow::{Context, Result, ensure};
use std::io::Read;
use std::net::Shutdown;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use storage_conformance::cases::bytes;
use storage_tests::proxy::Proxy;
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server, run};
use storage_tests::{http, process};

const READERS: usize = 1_000;

fn operations() -> Result<u64> {
    match std::env::var("STORAGE_CACHE_OPERATIONS") {
        Ok(text) => text.parse().context("STORAGE_CACHE_OPERATIONS is not a number"),
        Err(_) => Ok(150),
    }
}

/// Reads an object to its end without holding it in memory. Fails with the answer's
/// head if it is not `wanted`.
fn reads(port: u16, key: &str, wanted: &[u8]) -> Result<()> {
    let mut stream = http::open(port, "GET", &format!("/main/{key}"), &[], 0)?;
    let (mut buffer, mut head) = (vec![0; 64 * 1024], Vec::new());
    let end = loop {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "the answer ends in its head");
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let first = head.split_off(end);
    let head = String::from_utf8_lossy(&head).into_owned();
    ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut rest = wanted.strip_prefix(first.as_slice()).context("other bytes")?;
    while !rest.is_empty() {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "{} bytes are missing", rest.len());
        let part = buffer.get(..count).unwrap_or_default();
        rest = rest.strip_prefix(part).context("other bytes")?;
    }
    Ok(())
}

/// Makes this many clients read at the same time; all must succeed.
fn together(readers: usize, port: u16, key: &str, wanted: &[u8]) -> Result<()> {
    process::allow_open_files(readers as u64)?;
    let begin = std::sync::Barrier::new(readers);
    std::thread::scope(|scope| {
        let read = || {
            begin.wait();
            reads(port, key, wanted)
        };
        let spawn =
            |_| std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, read);
        let threads = (0..readers).map(spawn).collect::<Result<Vec<_>, _>>()?;
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a panic"))?)
    })
}

fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// The bytes of all files below a directory, ignoring files that vanish meanwhile.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[test]
fn a_thousand_readers_of_an_object_without_a_copy_make_one_fetch() -> Result<()> {
    let stores = "stores:
  kept: {type: SqliteStore, config: {db_path: objects.db}}
  counted: {type: LoggingStore, base: kept, config: {store_name: counted}}
  cache: {type: FilesystemStore, config: {root_path: cache, durable: false}}
  main:
    type: CachingStore
    base: {main_store: counted, cache_store: cache}
    config: {at_once: 4000000}
main: main";
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("stores.yaml"), stores)?;
    let objects = [
        ("small", bytes(3_000, 1)),
        ("streamed", bytes(900_000, 2)),
        ("large", bytes(2_500_000, 3)),
    ];
    for (key, data) in &objects {
        std::fs::write(directory.path().join("input"), data)?;
        let put = run(directory.path(), &["put", &format!("kept:{key}"), "input"]);
        ensure!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    }
    // More than the clients, so that none is told to retry later.
    let serve = "anonymous: true\n  limits: {requests: 1100}";
    let server = Server::start_serving_in(directory, stores, serve)?;
    for (key, data) in &objects {
        let start = Instant::now();
        together(READERS, server.port(), key, data).with_context(|| (*key).to_owned())?;
        let log = server.log();
        let fetches = log.lines().filter(|l| l.contains(&format!("counted get {key}"))).count();
        println!(
            "{READERS} readers of {} bytes, {fetches} fetch, {:?}",
            data.len(),
            start.elapsed()
        );
        ensure!(fetches == 1, "{key} was fetched {fetches} times");
    }
    server.stop()?;
    Ok(())
}

#[test]
fn the_copies_stay_within_their_bound_whatever_comes_and_goes() -> Result<()> {
    const MOST: u64 = 2_000_000;
    const LARGEST: u64 = 100_000;
    const CLIENTS: u64 = 16;
    let stores = format!(
        "stores:
  kept: {{type: FilesystemStore, config: {{root_path: kept, durable: false}}}}
  cache: {{type: FilesystemStore, config: {{root_path: cache, durable: false}}}}
  main:
    type: CachingStore
    base: {{main_store: kept, cache_store: cache}}
    config: {{max_bytes: {MOST}}}
main: main"
    );
    let operations = operations()?;
    let mut server = Server::start_anonymous(&stores)?;
    for life in 0..2 {
        let (port, cache) = (server.port(), server.directory().join("cache"));
        let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn(move || -> Result<()> {
                        let mut state = life * 100 + client + 1;
                        for _ in 0..operations {
                            let key = format!("/main/{}", random(&mut state, 300));
                            let length = usize::try_from(random(&mut state, LARGEST))?;
                            let (status, ..) = match random(&mut state, 10) {
                                0..4 => http::request(port, "PUT", &key, &[], &bytes(length, 1))?,
                                4 => http::request(port, "DELETE", &key, &[], b"")?,
                                // Hangs up before the answer arrives.
                                5 => {
                                    http::open(port, "GET", &key, &[], 0)?
                                        .shutdown(Shutdown::Both)?;
                                    continue;
                                }
                                _ => http::request(port, "GET", &key, &[], b"")?,
                            };
                            ensure!(status / 100 == 2 || status == 404, "{key}: {status}");
                        }
                        Ok(())
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    peak.fetch_max(size_of(&cache), Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let ends =
                clients.into_iter().map(|c| c.join().map_err(|_| anyhow::anyhow!("a panic"))?);
            let ended: Vec<Result<()>> = ends.collect();
            done.store(true, Ordering::Relaxed);
            ended.into_iter().collect::<Result<()>>()
        })?;
        let (peak, end) = (peak.into_inner(), size_of(&cache));
        println!("bound {MOST}: {end} bytes of copies at the end, {peak} at most");
        // A copy that is being added is not evicted yet.
        ensure!(peak <= MOST + CLIENTS * LARGEST, "{peak} bytes at a time");
        ensure!(end <= MOST, "{end} bytes at the end");
        ensure!(end >= MOST / 4, "{end} bytes at the end: hardly anything is cached");
        // The restarted server has to find the existing copies.
        server = Server::start_anonymous_in(server.crash()?, &stores)?;
    }
    Ok(())
}

#[test]
fn a_copy_holds_what_the_main_store_returns_and_not_what_it_was_sent() -> Result<()> {
    let server = Server::start_anonymous(
        "stores:
  kept: {type: DictStore}
  json: {type: JsonStore, base: kept}
  cache: {type: FilesystemStore, config: {root_path: cache}}
  main: {type: CachingStore, base: {main_store: json, cache_store: cache}, config: {ttl: never}}
main: main",
    )?;
    let text = "a".repeat(1_500_000);
    let sent = format!("[ \"{text}\" ]").into_bytes();
    let canonical = format!("[\"{text}\"]").into_bytes();
    for (key, sent, returned) in [
        ("small", b"{ \"b\":1 }".as_slice(), b"{\"b\": 1}".as_slice()),
        ("large", sent.as_slice(), canonical.as_slice()),
    ] {
        ensure!(http::request(server.port(), "PUT", &format!("/main/{key}"), &[], sent)?.0 == 200);
        for _ in 0..3 {
            reads(server.port(), key, returned).with_context(|| key.to_owned())?;
        }
        ensure!(std::fs::read(server.directory().join("cache").join(key))? == returned, "{key}");
    }
    server.stop()?;
    Ok(())
}

/// Puts, gets and deletes that must all succeed.
fn everything_works(port: u16, round: u64) -> Result<()> {
    for number in 0..12 {
        let (path, key) = (format!("/main/{number}"), number.to_string());
        let length = if number == 0 { 2_000_000 } else { 5_000 };
        let data = bytes(length, round * 100 + number);
        let put = http::request(port, "PUT", &path, &[], &data)?;
        ensure!(put.0 == 200, "put {number}: {}{}", put.1, String::from_utf8_lossy(&put.2));
        for _ in 0..2 {
            reads(port, &key, &data).with_context(|| format!("get {number}"))?;
        }
        if number % 3 == 0 {
            let deleted = http::request(port, "DELETE", &path, &[], b"")?;
            ensure!(deleted.0 == 204, "delete {number}: {}", deleted.1);
            ensure!(http::request(port, "GET", &path, &[], b"")?.0 == 404, "{number} is there");
            ensure!(http::request(port, "PUT", &path, &[], &data)?.0 == 200, "put {number} again");
            reads(port, &key, &data).with_context(|| format!("get {number} again"))?;
        }
    }
    let data = bytes(5_000, round * 100 + 7);
    together(50, port, "7", &data).context("many readers")
}

#[test]
fn a_cache_that_can_not_be_reached_slows_and_fails_nothing() -> Result<()> {
    let far = Server::start(
        "stores:\n  main: {type: FilesystemStore, config: {root_path: objects}}\nmain: main",
    )?;
    let proxy = Proxy::start(far.port())?;
    let stores = format!(
        "stores:
  far:
    type: BucketStore
    config:
      bucket_name: main
      endpoint_url: http://127.0.0.1:{}
      region: us-east-1
      s3_access_key: {ACCESS_KEY}
      s3_secret_key: {SECRET_KEY}
      retry_deadline: 0
      connect_timeout: 2
  kept: {{type: FilesystemStore, config: {{root_path: kept, durable: false}}}}
  main: {{type: CachingStore, base: {{main_store: kept, cache_store: far}}}}
main: main",
        proxy.port()
    );
    let server = Server::start_anonymous(&stores)?;
    let copies = far.directory().join("objects");
    everything_works(server.port(), 1)?;
    ensure!(size_of(&copies) > 2_000_000, "nothing is cached");
    proxy.down(true);
    everything_works(server.port(), 2)?;
    ensure!(server.log().contains("can't be copied to the cache"), "nobody is told");
    proxy.down(false);
    // Reads make copies again, possibly with a delay, and never of old bytes.
    let start = Instant::now();
    let data = bytes(5_000, 205);
    while std::fs::read(copies.join("5")).ok().as_ref() != Some(&data) {
        reads(server.port(), "5", &data)?;
        ensure!(start.elapsed() < Duration::from_secs(90), "it is not cached again");
        std::thread::sleep(Duration::from_millis(100));
    }
    everything_works(server.port(), 3)?;
    server.stop()?;
    Ok(())
}

#[test]
fn a_cache_whose_files_vanish_fails_nothing() -> Result<()> {
    let server = Server::start_anonymous(
        "stores:
  kept: {type: FilesystemStore, config: {root_path: kept, durable: false}}
  cache: {type: FilesystemStore, config: {root_path: cache, durable: false}}
  main: {type: CachingStore, base: {main_store: kept, cache_store: cache}}
main: main",
    )?;
    everything_works(server.port(), 1)?;
    for folder in ["cache", ".cache.storage"] {
        std::fs::remove_dir_all(server.directory().join(folder))?;
    }
    everything_works(server.port(), 2)?;
    server.stop()?;
    Ok(())
}

/// Next to a server that tracks every copy and counts their bytes.
#[test]
fn copies_are_cleared_beside_a_server_and_nothing_else_is() -> Result<()> {
    let stores = "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  near: {type: FilesystemStore, config: {root_path: near}}
  main:
    type: CachingStore
    base: {main_store: files, cache_store: near}
    config: {max_bytes: 100000, ttl: never}
main: main
";
    let server = Server::start_anonymous(stores)?;
    let (port, at) = (server.port(), server.directory());
    let near = at.join("near");
    let copied = |key: &str| near.join(key).exists();
    for key in ["a", "b/c"] {
        let (status, ..) = http::request(port, "PUT", &format!("/main/{key}"), &[], b"value")?;
        ensure!(status == 200 && !copied(key), "{key}: {status}");
        reads(port, key, b"value")?;
        ensure!(copied(key), "{key} was read, and there is no copy");
    }
    std::fs::write(near.join("foreign"), "no copy")?;
    let cli = |args: &[&str], code: i32, wanted: &str| {
        let output = run(at, args);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure!(output.status.code() == Some(code) && said.contains(wanted), "{args:?}: {said}");
        Ok(())
    };
    let served = || -> Result<()> {
        for key in ["a", "b/c"] {
            for method in ["HEAD", "GET"] {
                let (status, ..) = http::request(port, method, &format!("/main/{key}"), &[], b"")?;
                ensure!(status == 200, "{method} {key}: {status}");
            }
            ensure!(copied(key), "no new copy of {key} was made");
        }
        Ok(())
    };
    cli(&["cache", "clear", "main", "a"], 0, "1 copy of main was removed")?;
    ensure!(!copied("a") && copied("b/c"), "not that one");
    served()?;
    cli(&["cache", "clear", "main"], 0, "2 copies of main were removed")?;
    ensure!(!copied("a") && !copied("b/c"), "they are still there");
    served()?;
    cli(&["--json", "cache", "clear", "main"], 0, "\"cleared\":2")?;
    cli(&["cache", "clear", "main", "foreign"], 0, "0 copies")?;
    ensure!(std::fs::read(near.join("foreign"))? == b"no copy");
    // Changes by others in the main store become visible once the copy is cleared.
    served()?;
    std::fs::write(at.join("files/a"), "theirs")?;
    ensure!(http::request(port, "GET", "/main/a", &[], b"")?.2 == b"value");
    cli(&["cache", "clear", "main", "a"], 0, "1 copy")?;
    ensure!(http::request(port, "GET", "/main/a", &[], b"")?.2 == b"theirs");
    cli(&["cache", "clear", "files"], 2, "these do: main")?;
    cli(&["cache", "clear", "mian"], 2, "did you mean \"main\"")?;
    server.stop()?;
    let memory =
        stores.replace("{type: FilesystemStore, config: {root_path: near}}", "{type: DictStore}");
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("stores.yaml"), memory)?;
    let output = run(directory.path(), &["cache", "clear", "main"]);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("in memory"), "{said}");
    Ok(())
}
