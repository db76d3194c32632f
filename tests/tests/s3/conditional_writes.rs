//! Conditional writes under concurrency, through the real server: of several competing
//! clients, exactly one wins.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::sync::Barrier;
use storage_host::backends::BACKENDS;
use storage_tests::http;
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server};

const WRITERS: usize = 32;

/// Every backend, then decorators over some; `main` is served. The flag says whether
/// objects can be replaced.
const STORES: &[(&str, bool)] = &[
    ("  main: {type: DictStore}", true),
    ("  main: {type: FilesystemStore, config: {root_path: objects}}", true),
    ("  main: {type: SafeFilesystemStore, config: {root_path: objects}}", true),
    ("  main: {type: HashdirStore, config: {root_path: objects}}", true),
    ("  main: {type: HashdirStore, config: {root_path: objects, index: true}}", true),
    ("  main: {type: SqliteStore, config: {db_path: objects.db}}", true),
    ("  main: {type: ZipStore, config: {path: objects.zip}}", false),
    (
        "  files: {type: FilesystemStore, config: {root_path: objects}}\n  \
           layout: {type: HashPrefixStore, base: files}\n  \
           main: {type: GzipStore, base: layout}",
        true,
    ),
    (
        "  files: {type: FilesystemStore, config: {root_path: objects}}\n  \
           near: {type: DictStore}\n  \
           main: {type: CachingStore, base: {main_store: files, cache_store: near}}",
        true,
    ),
];

#[test]
fn every_backend_is_in_the_table() {
    // The bucket has its own test.
    for backend in BACKENDS.iter().filter(|backend| backend.name != "BucketStore") {
        let name = format!("type: {}", backend.name);
        assert!(STORES.iter().any(|(yaml, _)| yaml.contains(&name)), "{name}");
    }
}

/// A writer's body, for some long enough to take several chunks. It differs between
/// races, since equal bytes have the same etag and would match again.
fn body(writer: usize, condition: &str) -> Vec<u8> {
    format!("writer {writer} {condition} ").repeat(1 + writer % 3 * 20_000).into_bytes()
}

/// Makes all writers put at once under a condition, and returns the winner.
fn race(port: u16, path: &str, condition: (&str, &str)) -> Result<usize> {
    let start = Barrier::new(WRITERS);
    let put = |writer| {
        start.wait();
        http::request(port, "PUT", path, &[condition], &body(writer, condition.0))
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let put = &put;
        let threads: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || put(writer))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut winners = Vec::new();
    for (writer, answer) in answers.into_iter().enumerate() {
        let (status, _, said) = answer?;
        match status {
            200 => winners.push(writer),
            412 => {}
            _ => anyhow::bail!("{status}: {}", String::from_utf8_lossy(&said)),
        }
    }
    ensure!(winners.len() == 1, "{} won: {winners:?}", winners.len());
    Ok(winners[0])
}

/// The quoted etag of an object, which must hold these bytes.
fn held(port: u16, path: &str, body: &[u8]) -> Result<String> {
    let (status, head, data) = http::request(port, "GET", path, &[], b"")?;
    ensure!(status == 200, "GET gives {status}");
    ensure!(data == body, "it does not hold what the winner sent");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: "));
    Ok(etag.context("an etag")?.trim().to_owned())
}

/// Runs races on the store `main`; `replaces` says whether its objects can be replaced.
fn races(stores: &str, replaces: bool) -> Result<()> {
    let server = Server::start_anonymous(&format!("stores:\n{stores}\nmain: main\n"))?;
    let port = server.port();
    let mut seen = BTreeSet::new();
    for round in 0..4 {
        let path = format!("/main/key-{round}");
        let place = || format!("{stores}\n{path}");
        let winner = race(port, &path, ("if-none-match", "*")).with_context(place)?;
        let etag = held(port, &path, &body(winner, "if-none-match")).with_context(place)?;
        seen.insert(winner);
        if replaces {
            let winner = race(port, &path, ("if-match", &etag)).with_context(place)?;
            held(port, &path, &body(winner, "if-match")).with_context(place)?;
        }
    }
    println!("{} writers, 4 keys, winners {seen:?}:\n{stores}", WRITERS);
    server.stop()?;
    Ok(())
}

#[test]
fn of_many_writers_with_one_condition_exactly_one_wins() -> Result<()> {
    STORES.iter().try_for_each(|(stores, replaces)| races(stores, *replaces))
}

/// Over a bucket, its server decides. Of the servers in the tests, this project's own
/// one checks conditions atomically.
#[test]
fn over_a_bucket_exactly_one_wins_as_well() -> Result<()> {
    let bucket = Server::start("stores:\n  main: {type: DictStore}\nmain: main\n")?;
    let config = format!(
        "bucket_name: main, endpoint_url: '{}', s3_access_key: {ACCESS_KEY}, \
         s3_secret_key: {SECRET_KEY}",
        bucket.endpoint()
    );
    races(&format!("  main: {{type: BucketStore, config: {{{config}}}}}"), true)?;
    bucket.stop()?;
    Ok(())
}
