//! Bit rot: a flipped bit in a compressed object makes its checksum or length fail at
//! the very end. The real binary passes no part of it on as complete, and derives
//! nothing from it.

use anyhow::{Result, ensure};
use std::fs::{File, FileTimes};
use std::path::Path;
use std::process::Output;
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::server::{Server, run};
use tempfile::TempDir;

const SIZES: [usize; 3] = [10, 200 * 1024, 3 << 20];

const STORES: &str = "stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  packed: {type: GzipStore, base: files}
  target: {type: FilesystemStore, config: {root_path: target}}
  both: {type: MirroringStore, base: [packed, second], config: {journal: journal}}
  second: {type: FilesystemStore, config: {root_path: second, odd_keys: refuse}}
  journal: {type: FilesystemStore, config: {root_path: journal}}
  cached: {type: CachingStore, base: {main_store: packed, cache_store: cache}}
  cache: {type: FilesystemStore, config: {root_path: cache}}
main: packed
";

fn key(size: usize) -> String {
    format!("of-{size}")
}

/// Creates objects of all sizes in `packed`, each with a flipped bit at this distance
/// from its end.
fn rotten(stores: &str, from_end: u64) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    std::fs::write(at.join("stores.yaml"), stores)?;
    for size in SIZES {
        std::fs::write(at.join("input"), bytes(size, 1))?;
        let put = cli(at, &["put", &format!("packed:{}", key(size)), "input"]);
        ensure!(put.status.success(), "{}", said(&put));
        rot(&at.join("files").join(key(size)), from_end)?;
    }
    Ok(directory)
}

/// Flips a bit of the byte at this distance from the end, and keeps the file's times.
fn rot(path: &Path, from_end: u64) -> Result<()> {
    use std::os::unix::fs::FileExt;
    let file = File::options().read(true).write(true).open(path)?;
    let found = file.metadata()?;
    let at = found.len() - from_end;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[byte[0] ^ 1], at)?;
    file.set_times(FileTimes::new().set_modified(found.modified()?))?;
    Ok(())
}

fn cli(at: &Path, args: &[&str]) -> Output {
    run(at, args)
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn is_empty(directory: &Path) -> Result<()> {
    let found = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names: Vec<_> = found.map(|entry| entry.file_name()).collect();
    ensure!(names.is_empty(), "{} has {names:?}", directory.display());
    Ok(())
}

/// Offsets from the end of a gzip file: in the compressed data, in the CRC-32 after
/// it, and in the length after that.
const WHERE: [u64; 3] = [9, 8, 1];

#[test]
fn no_verb_passes_on_what_is_rotten_and_the_source_stays() -> Result<()> {
    for from_end in WHERE {
        let directory = rotten(STORES, from_end)?;
        let at = directory.path();
        for size in SIZES {
            let key = key(size);
            let from = format!("packed:{key}");
            for args in [
                &["get", &from, "out"][..],
                &["mv", &from, &format!("target:{key}")],
                &["copy", &from, &format!("target:{key}")],
                &["sync", &from, &format!("target:{key}")],
            ] {
                let done = cli(at, args);
                ensure!(!done.status.success(), "{args:?}: {}", said(&done));
                ensure!(!at.join("out").exists(), "{args:?} left a file");
                is_empty(&at.join("target"))?;
                ensure!(at.join("files").join(&key).exists(), "{args:?}: the source is gone");
            }
        }
        for args in [&["copy", "packed", "target"][..], &["sync", "packed", "target", "--delete"]] {
            let done = cli(at, args);
            ensure!(!done.status.success(), "{args:?}: {}", said(&done));
            is_empty(&at.join("target"))?;
        }
        let done = cli(at, &["check", "--deep", "packed"]);
        ensure!(!done.status.success(), "check: {}", said(&done));
        for size in SIZES {
            ensure!(said(&done).contains(&key(size)), "no {size}: {}", said(&done));
        }
    }
    Ok(())
}

#[test]
fn healing_copies_nothing_rotten_with_the_journal_or_without() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    std::fs::write(at.join("stores.yaml"), STORES)?;
    for size in SIZES {
        std::fs::write(at.join("input"), bytes(size, 1))?;
        let put = cli(at, &["put", &format!("both:{}", key(size)), "input"]);
        ensure!(put.status.success(), "{}", said(&put));
        std::fs::remove_file(at.join("second").join(key(size)))?;
        rot(&at.join("files").join(key(size)), 8)?;
    }
    let done = cli(at, &["heal", "both", "--full"]);
    ensure!(done.status.code() == Some(4), "heal --full: {}", said(&done));
    ensure!(said(&done).contains("the right copy can't be read"), "{}", said(&done));
    is_empty(&at.join("second"))?;
    let done = cli(at, &["check", "--deep", "both"]);
    ensure!(done.status.code() == Some(4), "check: {}", said(&done));

    // The second child's misses are on record: files block its paths.
    let any = STORES.replace("{journal: journal}", "{journal: journal, write: any}");
    std::fs::write(at.join("stores.yaml"), any)?;
    for size in SIZES {
        let key = key(size);
        let way = at.join("second").join(&key);
        std::fs::create_dir_all(&way)?;
        std::fs::write(way.join("in-the-way"), b"")?;
        std::fs::write(at.join("input"), bytes(size, 2))?;
        let put = cli(at, &["put", &format!("both:{key}"), "input"]);
        ensure!(put.status.success(), "{}", said(&put));
        std::fs::remove_dir_all(way)?;
        rot(&at.join("files").join(key), 8)?;
    }
    let done = cli(at, &["heal", "both"]);
    ensure!(done.status.code() == Some(4), "heal: {}", said(&done));
    ensure!(said(&done).contains("the right copy can't be read"), "{}", said(&done));
    is_empty(&at.join("second"))?;
    Ok(())
}

#[test]
fn a_cache_gives_no_whole_answer_the_first_time_or_later() -> Result<()> {
    for from_end in WHERE {
        let stores = STORES.replace("main: packed", "main: cached");
        let directory = rotten(&stores, from_end)?;
        let server = Server::start_anonymous_in(directory, &stores)?;
        for size in SIZES {
            for _ in 0..3 {
                let (status, body) =
                    http::get_whole(server.port(), &format!("/main/{}", key(size)), &[])?;
                ensure!(status != 200 || body.is_none(), "{size}: a whole answer, {from_end}");
            }
        }
        is_empty(&server.directory().join("cache"))?;
        // Sound objects are cached.
        let data = bytes(3 << 20, 3);
        let (status, ..) = http::request(server.port(), "PUT", "/main/well", &[], &data)?;
        ensure!(status == 200, "{status}");
        let copy = server.directory().join("cache/well");
        ensure!(!copy.exists(), "a write made a copy of what it was sent");
        for _ in 0..2 {
            let (status, body) = http::get_whole(server.port(), "/main/well", &[])?;
            ensure!((status, body) == (200, Some(data.clone())), "what is well: {status}");
        }
        ensure!(copy.exists(), "it was not cached");
    }
    Ok(())
}

#[test]
fn the_endpoint_makes_nothing_of_it() -> Result<()> {
    let stores = STORES.replace("main: packed", "main: both");
    let stores =
        stores.replace("[packed, second]", "[packed]").replace(", config: {journal: journal}", "");
    let directory = rotten(&stores, 8)?;
    let serve = "anonymous: true\n  expose: {packed: packed, target: target}";
    let server = Server::start_serving_in(directory, &stores, serve)?;
    let port = server.port();
    for size in SIZES {
        let from = format!("/packed/{}", key(size));
        let (status, body) = http::get_whole(port, &from, &[])?;
        ensure!(status != 200 || body.is_none(), "{size}: a whole answer");
        let copy = [("x-amz-copy-source", from.as_str())];
        let (status, _, said) = http::request(port, "PUT", "/target/copy", &copy, b"")?;
        ensure!(status == 500, "{status} {}", String::from_utf8_lossy(&said));
    }
    is_empty(&server.directory().join("target"))
}
