//! Crash test with `kill -9`: eight clients put, overwrite and delete while the server
//! is killed at a random moment and restarted. Every acknowledged change must then be
//! there, complete, and nothing else.
//!
//! 20 rounds per backend; `STORAGE_CRASH_ROUNDS` sets another number. Random parts
//! follow from a seed, which is printed; `STORAGE_TEST_SEED` sets it.

use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::mounts;
use storage_tests::server::{Server, run};
use storage_tests::tidy::{files, only, only_objects};
use tempfile::TempDir;

const CLIENTS: usize = 8;
const KEYS: u64 = 16;

/// A backend under test.
struct Backend {
    name: &'static str,
    /// Its entry in `stores:`, named `main`.
    store: &'static str,
    /// Whether objects can be replaced and deleted.
    changes: bool,
    list: bool,
    /// Fails if there are unexpected files, given the number of objects.
    tidy: fn(directory: &Path, objects: usize) -> Result<()>,
}

#[test]
fn a_filesystem_store_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "FilesystemStore",
        store: "{type: FilesystemStore, config: {root_path: objects}}",
        changes: true,
        list: true,
        tidy: only_objects,
    })
}

#[test]
fn a_filesystem_store_on_a_disk_of_its_own_survives_being_killed() -> Result<()> {
    if mounts::elsewhere("a_filesystem_store_on_a_disk_of_its_own_survives_being_killed")? {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    mounts::mount("ext4", &directory.path().join("objects"))?;
    let backend = Backend {
        name: "FilesystemStore on ext4 of its own",
        store: "{type: FilesystemStore, config: {root_path: objects}}",
        changes: true,
        list: true,
        tidy: only_objects,
    };
    survives_in(directory, &backend)
}

#[test]
fn a_safe_filesystem_store_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "SafeFilesystemStore",
        store: "{type: SafeFilesystemStore, config: {root_path: objects}}",
        changes: true,
        list: true,
        tidy: only_objects,
    })
}

#[test]
fn a_hashdir_store_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "HashdirStore",
        store: "{type: HashdirStore, config: {root_path: objects}}",
        changes: true,
        list: false,
        tidy: only_objects,
    })
}

#[test]
fn a_hashdir_store_with_an_index_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "HashdirStore with an index",
        store: "{type: HashdirStore, config: {root_path: objects, index: true}}",
        changes: true,
        list: true,
        tidy: only_objects,
    })
}

#[test]
fn an_sqlite_store_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "SqliteStore",
        store: "{type: SqliteStore, config: {db_path: objects.db}}",
        changes: true,
        list: true,
        tidy: |directory, _| only(directory, &["objects.db", "objects.db-shm", "objects.db-wal"]),
    })
}

#[test]
fn a_zip_store_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "ZipStore",
        store: "{type: ZipStore, config: {path: objects.zip}}",
        changes: false,
        list: true,
        tidy: |directory, objects| {
            only(directory, &["objects.zip"])?;
            readable_by_python(&directory.join("objects.zip"), objects)
        },
    })
}

#[test]
fn a_mirror_with_a_journal_survives_being_killed_and_its_children_are_made_equal() -> Result<()> {
    survives(&Backend {
        name: "MirroringStore",
        store: "{type: MirroringStore, base: [first, second], config: {journal: journal}}
  first: {type: FilesystemStore, config: {root_path: objects}}
  second: {type: SqliteStore, config: {db_path: objects.db}}
  journal: {type: FilesystemStore, config: {root_path: journal}}",
        changes: true,
        list: true,
        tidy: healed,
    })
}

#[test]
fn a_mirror_with_its_journal_in_sqlite_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "MirroringStore of HashdirStores",
        store:
            "{type: MirroringStore, base: [first, second], config: {write: any, journal: journal}}
  first: {type: HashdirStore, config: {root_path: objects, index: true}}
  second: {type: SafeFilesystemStore, config: {root_path: copies}}
  journal: {type: SqliteStore, config: {db_path: journal.db}}",
        changes: true,
        list: true,
        tidy: healed,
    })
}

#[test]
fn a_cache_over_a_durable_store_survives_being_killed() -> Result<()> {
    survives(&Backend {
        name: "CachingStore",
        store: "{type: CachingStore, base: {main_store: kept, cache_store: cache}}
  kept: {type: SqliteStore, config: {db_path: objects.db}}
  cache: {type: FilesystemStore, config: {root_path: cache}}",
        changes: true,
        list: true,
        tidy: |_, _| Ok(()),
    })
}

/// What one client did and observed.
#[derive(Default)]
struct Client {
    /// The contents of the objects that exist, by key.
    held: BTreeMap<String, Content>,
    /// Keys changed since the last check.
    recent: BTreeSet<String>,
    /// The last request, which was not answered and so may have happened.
    asked: Option<(String, Option<Content>)>,
    random: u64,
    acknowledged: usize,
}

/// An object's bytes, by length and seed.
type Content = (usize, u64);

impl Client {
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// Sends requests until the server stops answering.
    fn run(&mut self, number: usize, port: u16, changes: bool) -> Result<()> {
        loop {
            let seed = self.random(u64::MAX);
            let length = match self.random(20) {
                0 => 1_500_000,
                1..4 => 100_000,
                _ => usize::try_from(self.random(5_000))?,
            };
            let name = if changes { self.random(KEYS) } else { seed };
            let key = format!("client-{number}/{name}");
            let delete = changes && self.random(4) == 0;
            let content = (!delete).then_some((length, seed));
            self.asked = Some((key.clone(), content));
            self.recent.insert(key.clone());
            let path = format!("/main/{key}");
            let answer = match content {
                Some((length, seed)) => {
                    http::request(port, "PUT", &path, &[], &bytes(length, seed))
                }
                None => http::request(port, "DELETE", &path, &[], b""),
            };
            let Ok((status, head, body)) = answer else { return Ok(()) };
            ensure!(status / 100 == 2, "{path}: {head}{}", String::from_utf8_lossy(&body));
            match content {
                Some(content) => drop(self.held.insert(key, content)),
                None => drop(self.held.remove(&key)),
            }
            self.asked = None;
            self.acknowledged += 1;
        }
    }

    /// Compares the changed keys, or all keys, with the server, and continues from what
    /// is there.
    fn check(&mut self, port: u16, everything: bool) -> Result<()> {
        let asked = self.asked.take();
        let mut keys = std::mem::take(&mut self.recent);
        if everything {
            keys.extend(self.held.keys().cloned());
        }
        for key in keys {
            let (status, head, body) =
                http::request(port, "GET", &format!("/main/{key}"), &[], b"")?;
            let mut allowed = vec![self.held.get(&key).copied()];
            if let Some((_, content)) = asked.as_ref().filter(|(asked, _)| *asked == key) {
                allowed.push(*content);
            }
            let found = allowed.into_iter().find(|content| match content {
                Some((length, seed)) => status == 200 && body == bytes(*length, *seed),
                None => status == 404,
            });
            let found = found.with_context(|| {
                format!("{key}: {} bytes and this head, asked {asked:?}: {head}", body.len())
            })?;
            match found {
                Some(content) => drop(self.held.insert(key, content)),
                None => drop(self.held.remove(&key)),
            }
        }
        Ok(())
    }
}

fn survives(backend: &Backend) -> Result<()> {
    survives_in(tempfile::tempdir()?, backend)
}

fn survives_in(directory: TempDir, backend: &Backend) -> Result<()> {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number")),
        Err(_) => Ok(default),
    };
    let (rounds, seed) = (number("STORAGE_CRASH_ROUNDS", 20)?, number("STORAGE_TEST_SEED", 7)?);
    let stores = format!("stores:\n  main: {}\nmain: main", backend.store);
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|n| Client { random: seed * 1_000 + n as u64 + 1, ..Client::default() })
        .collect();
    let mut server = Server::start_anonymous_in(directory, &stores)?;
    for round in 0..rounds {
        let port = server.port();
        let pause = Duration::from_millis(20 + clients[0].random(230));
        let failed = AtomicUsize::new(0);
        let crashed = std::thread::scope(|scope| {
            let threads: Vec<_> = clients
                .iter_mut()
                .enumerate()
                .map(|(n, client)| {
                    let failed = &failed;
                    scope.spawn(move || {
                        let result = client.run(n, port, backend.changes);
                        failed.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
                        result
                    })
                })
                .collect();
            std::thread::sleep(pause);
            let crashed = server.crash();
            for thread in threads {
                thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
            }
            crashed
        });
        let at = || format!("{}, round {round}, seed {seed}", backend.name);
        server = Server::start_anonymous_in(crashed.with_context(at)?, &stores).with_context(at)?;
        for client in &mut clients {
            let everything = backend.changes || round + 1 == rounds;
            client.check(server.port(), everything).with_context(at)?;
        }
        let held: usize = clients.iter().map(|client| client.held.len()).sum();
        if backend.list {
            listed(server.port(), held).with_context(at)?;
        }
        (backend.tidy)(server.directory(), held).with_context(at)?;
    }
    let acknowledged: usize = clients.iter().map(|client| client.acknowledged).sum();
    println!("{}: {rounds} kills, {acknowledged} acknowledged, none lost or torn", backend.name);
    ensure!(acknowledged > usize::try_from(rounds)?, "hardly anything was done");
    server.stop()?;
    Ok(())
}

/// Checks that the listing has this many objects.
fn listed(port: u16, objects: usize) -> Result<()> {
    let (mut found, mut after) = (0, String::new());
    loop {
        let path = format!("/main?list-type=2&start-after={after}");
        let (_, _, body) = http::request(port, "GET", &path, &[], b"")?;
        let body = String::from_utf8(body)?;
        let keys: Vec<&str> =
            body.split("<Key>").skip(1).filter_map(|part| part.split('<').next()).collect();
        found += keys.len();
        match keys.last() {
            Some(last) if body.contains("<IsTruncated>true") => after = last.replace('/', "%2F"),
            _ => break,
        }
    }
    ensure!(found == objects, "{found} are listed, {objects} are there");
    Ok(())
}

/// Checks that `heal` makes the children equal, next to the server, and that a second
/// run has nothing to do.
fn healed(directory: &Path, objects: usize) -> Result<()> {
    let cli = |args: &[&str]| -> Result<String> {
        let output = run(directory, args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{args:?}: {text}{error}");
        Ok(text)
    };
    cli(&["heal"])?;
    // The server heals, too, and may have recorded keys that it missed.
    let done = (0..3)
        .map(|_| cli(&["heal"]))
        .find(|again| again.as_ref().map_or(true, |text| text.contains(": 0 keys looked at")));
    done.context("it is never done")??;
    let deep = cli(&["check", "--deep"])?;
    ensure!(deep.contains(&format!("main: {objects} objects")), "{deep}");
    let files = files(directory)?;
    let held = files.iter().filter(|path| path.starts_with("objects/")).count();
    ensure!(held == objects, "{held} files for {objects} objects");
    Ok(())
}

/// Checks that Python can read the archive and that it has this many entries.
fn readable_by_python(archive: &Path, objects: usize) -> Result<()> {
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None, z.testzip()\n\
        assert len(z.namelist()) == int(sys.argv[2]), len(z.namelist())";
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(archive)
        .arg(objects.to_string())
        .output()
        .context("python3")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
