//! Linearizability under crashes, faults and reloads: 16 clients read and change a few
//! objects of the real server, which is killed meanwhile and restarted. Their answers
//! must be those of objects that perform each operation at one instant: no client sees
//! replaced data, no condition is met twice, and an operation interrupted by a kill
//! happened before the restart or never.
//!
//! The same while system calls of the server fail repeatedly: an operation reported as
//! failed happened at one instant before the report, or never.
//!
//! The same while the server reloads its configuration repeatedly, unchanged and
//! changed: operations from before a reload end on the old stores while new ones run on
//! the new stores.
//!
//! 4 rounds per backend; `STORAGE_LINEAR_ROUNDS` sets another number. Random parts
//! follow from a seed, which is printed; `STORAGE_TEST_SEED` sets it.

mod client;

use anyhow::{Context, Result, bail, ensure};
use client::{Answer, CLIENTS, Client, KEYS, ask};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage_tests::linear::{Action, Operation, Outcome, When, check};
use storage_tests::server::Server;
use storage_tests::strace::Disturbed;

#[test]
fn a_filesystem_store_does_everything_at_one_instant() -> Result<()> {
    linear("FilesystemStore", "{type: FilesystemStore, config: {root_path: objects}}")
}

#[test]
fn a_safe_filesystem_store_does_everything_at_one_instant() -> Result<()> {
    linear("SafeFilesystemStore", "{type: SafeFilesystemStore, config: {root_path: objects}}")
}

#[test]
fn a_hashdir_store_with_an_index_does_everything_at_one_instant() -> Result<()> {
    linear("HashdirStore", "{type: HashdirStore, config: {root_path: objects, index: true}}")
}

#[test]
fn an_sqlite_store_does_everything_at_one_instant() -> Result<()> {
    linear("SqliteStore", "{type: SqliteStore, config: {db_path: objects.db}}")
}

#[test]
fn a_cache_over_a_durable_store_never_shows_what_was_replaced() -> Result<()> {
    linear(
        "CachingStore",
        "{type: CachingStore, base: {main_store: kept, cache_store: cache}, config: {max_bytes: 2000000}}
  kept: {type: SqliteStore, config: {db_path: objects.db}}
  cache: {type: FilesystemStore, config: {root_path: cache, durable: false}}",
    )
}

#[test]
fn a_filesystem_store_does_so_while_its_disk_fails() -> Result<()> {
    disturbed("FilesystemStore", "{type: FilesystemStore, config: {root_path: objects}}")
}

#[test]
fn a_hashdir_store_with_an_index_does_so_while_its_disk_fails() -> Result<()> {
    disturbed("HashdirStore", "{type: HashdirStore, config: {root_path: objects, index: true}}")
}

#[test]
fn an_sqlite_store_does_so_while_its_disk_fails() -> Result<()> {
    disturbed("SqliteStore", "{type: SqliteStore, config: {db_path: objects.db}}")
}

#[test]
fn a_filesystem_store_does_so_over_reloads() -> Result<()> {
    reloaded("FilesystemStore", &FILES.map(String::from))
}

/// The original store, with an option changed, and with a decorator.
const FILES: [&str; 3] = [
    "{type: FilesystemStore, config: {root_path: objects}}",
    "{type: FilesystemStore, config: {root_path: objects, durable: false}}",
    "{type: LoggingStore, base: files}
  files: {type: FilesystemStore, config: {root_path: objects}}",
];

#[test]
fn a_safe_filesystem_store_does_so_over_reloads() -> Result<()> {
    let safe = |text: &str| text.replace("FilesystemStore", "SafeFilesystemStore");
    reloaded("SafeFilesystemStore", &FILES.map(safe))
}

#[test]
fn a_hashdir_store_with_an_index_does_so_over_reloads() -> Result<()> {
    let hashed = |text: &str| {
        text.replace("FilesystemStore", "HashdirStore")
            .replace("root_path: objects", "root_path: objects, index: true")
    };
    reloaded("HashdirStore", &FILES.map(hashed))
}

#[test]
fn an_sqlite_store_does_so_over_reloads() -> Result<()> {
    let rows = |text: &str| {
        text.replace("FilesystemStore", "SqliteStore")
            .replace("root_path: objects", "db_path: o.db")
    };
    reloaded("SqliteStore", &FILES.map(rows))
}

#[test]
fn a_store_in_memory_does_so_over_reloads() -> Result<()> {
    let above = |kind: &str| format!("{{type: {kind}, base: dict}}\n  dict: {{type: DictStore}}");
    reloaded("DictStore", &["IdentityStore", "IdentityStore", "LoggingStore"].map(above))
}

#[test]
fn a_cache_over_a_durable_store_does_so_over_reloads() -> Result<()> {
    let cache = |config: &str| {
        format!(
            "{{type: LoggingStore, base: cached}}
  cached: {{type: CachingStore, base: {{main_store: kept, cache_store: cache}}, config: {{{config}}}}}
  kept: {{type: SqliteStore, config: {{db_path: objects.db}}}}
  cache: {{type: FilesystemStore, config: {{root_path: cache, durable: false}}}}"
        )
    };
    let configs = ["max_bytes: 2000000", "max_bytes: 2000000", "max_object: 200000, at_once: 1000"];
    reloaded("CachingStore", &configs.map(cache))
}

/// The history of each key, and the clock.
struct Histories {
    name: &'static str,
    seed: u64,
    rounds: u64,
    start: Instant,
    told: [Vec<Operation>; KEYS],
    clients: Vec<Client>,
}

impl Histories {
    fn new(name: &'static str) -> Result<Self> {
        let number = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().with_context(|| format!("{name} is not a number")),
            Err(_) => Ok(default),
        };
        let (rounds, seed) = (number("STORAGE_LINEAR_ROUNDS", 4)?, number("STORAGE_TEST_SEED", 7)?);
        let clients = (0..CLIENTS).map(|number| Client::new(number, seed)).collect();
        let (start, told) = (Instant::now(), Default::default());
        Ok(Self { name, seed, rounds, start, told, clients })
    }

    /// Lets all clients work while `meanwhile` runs. Returns its result and the time
    /// when it returned.
    fn during<T>(
        &mut self,
        port: u16,
        may_fail: bool,
        meanwhile: impl FnOnce(&AtomicBool) -> T,
    ) -> Result<T> {
        let (start, stop) = (self.start, AtomicBool::new(false));
        let now = move || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let (answer, gone) = std::thread::scope(|scope| {
            let stop = &stop;
            let threads: Vec<_> = self
                .clients
                .iter_mut()
                .map(|client| scope.spawn(move || client.run(port, now, may_fail, stop)))
                .collect();
            let answer = meanwhile(stop);
            let gone = now();
            for thread in threads {
                thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??;
            }
            Ok::<_, anyhow::Error>((answer, gone))
        })?;
        for client in &mut self.clients {
            for (key, mut operation) in client.told.drain(..) {
                if operation.end == u64::MAX {
                    // The server process was gone by then.
                    operation.end = gone.max(operation.begin);
                }
                self.told[key].push(operation);
            }
        }
        Ok(answer)
    }

    /// Makes one more operation on each key, which must succeed.
    fn each(&mut self, port: u16, action: impl Fn(usize) -> Action) -> Result<()> {
        for key in 0..KEYS {
            let action = action(key);
            let begin = self.now();
            let outcome = match ask(port, key, action)? {
                Answer::Told(outcome) => outcome,
                Answer::Failed(said) | Answer::Wrong(said) => bail!("key {key}: {said}"),
            };
            let (client, end) = (CLIENTS, self.now());
            let operation = Operation { client, begin, end, action, outcome };
            self.told.get_mut(key).context("no such key")?.push(operation);
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Checks every key, and prints the number of operations.
    fn check(&self, what: &str) -> Result<()> {
        for (key, history) in self.told.iter().enumerate() {
            check(history)
                .with_context(|| format!("{}, key {key}, seed {}", self.name, self.seed))?;
        }
        let count = |what: fn(&Operation) -> bool| {
            self.told.iter().flatten().filter(|operation| what(operation)).count()
        };
        let (all, unknown, refused) = (
            count(|_| true),
            count(|o| o.outcome == Outcome::Unknown),
            count(|o| o.outcome == Outcome::Refused),
        );
        println!(
            "{}, {what}: {all} operations of {CLIENTS} clients, {unknown} without an answer or \
             failed, {refused} refused by their conditions: linearizable",
            self.name
        );
        ensure!(all > 10 * usize::try_from(self.rounds)?, "hardly anything was done");
        Ok(())
    }
}

fn linear(name: &'static str, store: &str) -> Result<()> {
    let stores = format!("stores:\n  main: {store}\nmain: main");
    let mut histories = Histories::new(name)?;
    let mut server = Server::start_anonymous(&stores)?;
    for round in 0..histories.rounds {
        let seed = histories.seed;
        let at = || format!("{name}, round {round}, seed {seed}");
        let pause = histories.clients.first_mut().map_or(0, |client| client.random(300));
        let port = server.port();
        // The server process is gone when this returns.
        let crashed = histories.during(port, false, |_| {
            std::thread::sleep(Duration::from_millis(200 + pause));
            server.crash()
        });
        let directory = crashed.with_context(at)?.with_context(at)?;
        server = Server::start_anonymous_in(directory, &stores).with_context(at)?;
    }
    histories.each(server.port(), |_| Action::Get)?;
    histories.check(&format!("killed {} times", histories.rounds))?;
    server.stop()?;
    Ok(())
}

/// The calls that fail repeatedly.
const FAILING: &[&str] = &[
    "fsync",
    "fdatasync",
    "pwrite64",
    "linkat",
    "?renameat",
    "renameat2",
    "fsetxattr",
    "mkdirat",
    "unlinkat",
    "ftruncate",
];

fn disturbed(name: &'static str, store: &str) -> Result<()> {
    let stores = format!("stores:\n  main: {store}\nmain: main");
    let mut histories = Histories::new(name)?;
    let server = Server::start_anonymous(&stores)?;
    let mut failed = 0;
    for round in 0..histories.rounds {
        let (error, every) = if round % 2 == 0 { ("EIO", 5) } else { ("ENOSPC", 7) };
        // Reads can't fail for lack of space.
        let reads = if error == "EIO" { &["pread64", "fgetxattr"][..] } else { &[] };
        let calls = [FAILING, reads].concat();
        let disturbed = Disturbed::start(&server.pid(), &calls, error, every)?;
        histories.during(server.port(), true, |stop| {
            std::thread::sleep(Duration::from_millis(700));
            stop.store(true, Ordering::Relaxed);
        })?;
        failed += disturbed.stop()?;
    }
    let port = server.port();
    histories.each(port, |key| Action::Put(u64::MAX - key as u64, When::Always))?;
    let directory = server.crash()?;
    let server = Server::start_anonymous_in(directory, &stores)?;
    histories.each(server.port(), |_| Action::Get)?;
    histories.check(&format!("while {failed} calls failed"))?;
    ensure!(failed as u64 > 2 * histories.rounds, "only {failed} calls failed");
    server.stop()?;
    Ok(())
}

/// `stores` lists the consecutive configurations of `main`.
fn reloaded(name: &'static str, stores: &[String]) -> Result<()> {
    let stores = stores.iter().map(|store| format!("stores:\n  main: {store}\nmain: main"));
    let stores: Vec<String> = stores.collect();
    let mut histories = Histories::new(name)?;
    let server = Server::start_anonymous(stores.first().context("no store")?)?;
    let mut reloads = 0;
    for _ in 0..histories.rounds {
        let pause = histories.clients.first_mut().map_or(0, |client| client.random(100));
        histories.during(server.port(), false, |stop| {
            let reload = |stores: &String| {
                server.configure(stores)?;
                std::thread::sleep(Duration::from_millis(pause));
                server.reload()
            };
            let done = stores.iter().try_for_each(reload);
            std::thread::sleep(Duration::from_millis(100));
            stop.store(true, Ordering::Relaxed);
            done
        })??;
        reloads += stores.len();
    }
    histories.each(server.port(), |_| Action::Get)?;
    histories.check(&format!("over {reloads} reloads"))?;
    server.stop()?;
    Ok(())
}
