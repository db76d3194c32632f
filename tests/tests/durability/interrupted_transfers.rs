//! Bulk transfers that are killed with -9 several times and rerun. In the end
//! everything is complete, nothing was transferred twice, and nothing is deleted unless
//! everything else succeeded.
//!
//! 4,000 objects; `STORAGE_TRANSFER_OBJECTS` sets another number.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use storage_conformance::cases::bytes;
use storage_host::StoreFactory;
use storage_host::store::PutOptions;
use storage_tests::proxy::{Fault, Proxy};
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server, binary};
use storage_tests::strace;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const STORES: &str = "stores:
  from: {type: SqliteStore, config: {db_path: DIR/from.db}}
  files: {type: FilesystemStore, config: {root_path: DIR/files}}
  database: {type: SqliteStore, config: {db_path: DIR/database.db}}
  compressed: {type: GzipStore, base: database}
  none: {type: FilesystemStore, config: {root_path: DIR/none}}
main: from
";

/// The objects in a store: when each was written, by key.
type Held = BTreeMap<String, Option<u64>>;

struct Here {
    runtime: Runtime,
    directory: TempDir,
    random: u64,
}

fn objects() -> Result<usize> {
    match std::env::var("STORAGE_TRANSFER_OBJECTS") {
        Ok(text) => text.parse().context("STORAGE_TRANSFER_OBJECTS is not a number"),
        Err(_) => Ok(4_000),
    }
}

fn key(number: usize) -> String {
    format!("{:02}/{number:06}", number % 50)
}

fn content(number: usize) -> Vec<u8> {
    bytes(50 + number * 7 % 1_500, number as u64)
}

impl Here {
    fn new(stores: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let stores = stores.replace("DIR", &directory.path().display().to_string());
        std::fs::write(directory.path().join("stores.yaml"), stores)?;
        Ok(Self { runtime: Runtime::new()?, directory, random: 7 })
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("stores.yaml")
    }

    /// Puts these objects into a store.
    fn fill(&self, store: &str, numbers: impl IntoIterator<Item = usize>) -> Result<()> {
        let factory = StoreFactory::from_yaml(self.config())?;
        self.runtime.block_on(async {
            let objects = factory.open(store).await?;
            let put = |number: usize| {
                let objects = objects.clone();
                async move {
                    let data = Bytes::from(content(number));
                    objects.put(&key(number), data, PutOptions::default()).await
                }
            };
            let numbers: Vec<usize> = numbers.into_iter().collect();
            let puts = futures::stream::iter(numbers).map(put).buffer_unordered(64);
            puts.try_for_each(|_| std::future::ready(Ok(()))).await?;
            factory.close().await
        })
    }

    fn held(&self, store: &str) -> Result<Held> {
        let factory = StoreFactory::from_yaml(self.config())?;
        self.runtime.block_on(async {
            let objects = factory.open(store).await?;
            let entry = |entry: storage_host::store::Entry| (entry.key, entry.info.modified);
            let held = objects.entries("").map_ok(entry).try_collect().await?;
            factory.close().await?;
            Ok(held)
        })
    }

    /// Checks that all objects are there, complete, and no others.
    fn complete(&self, store: &str, count: usize) -> Result<()> {
        let factory = StoreFactory::from_yaml(self.config())?;
        self.runtime.block_on(async {
            let objects = factory.open(store).await?;
            let listed = objects.entries("").try_fold(0, |n, _| async move { Ok(n + 1) }).await?;
            ensure!(listed == count, "{listed} objects, not {count}");
            for number in 0..count {
                let (_, data) = objects.get(&key(number), Default::default(), u64::MAX).await?;
                ensure!(data == content(number), "{} is another", key(number));
            }
            factory.close().await
        })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("-c").arg(self.config()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end and returns its exit code and both outputs.
    fn run(&self, args: &[&str]) -> Result<(i32, String, String)> {
        let output = self.command(args).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr)))
    }

    /// Kills a verb after a moment; returns whether it was still running.
    fn kill(&mut self, args: &[&str], longest: Duration) -> Result<bool> {
        let mut command = self.command(args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(longest * u32::try_from(20 + (self.random >> 33) % 80)? / 100);
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "it ended with {status}");
            return Ok(false);
        }
        child.kill()?;
        child.wait()?;
        Ok(true)
    }

    /// Runs a verb repeatedly, killed several times before it may finish, and calls
    /// `check` on the objects after each run. Returns its final output, the number of
    /// objects before that run, and the number of kills.
    fn resume(
        &mut self,
        args: &[&str],
        to: &str,
        mut check: impl FnMut(&Held) -> Result<()>,
    ) -> Result<(String, usize, usize)> {
        let longest = Duration::from_micros(objects()? as u64 * 90);
        let (mut kills, mut carried) = (0, Held::new());
        for _ in 0..6 {
            if !self.kill(args, longest)? {
                break;
            }
            kills += 1;
            let held = self.held(to)?;
            check(&held)?;
            unchanged(&carried, &held)?;
            carried = held;
        }
        let (code, out, err) = self.run(args)?;
        ensure!(code == 0, "exit code {code}: {out}{err}");
        unchanged(&carried, &self.held(to)?)?;
        Ok((out, carried.len(), kills))
    }
}

/// Fails if an existing object was written again.
fn unchanged(before: &Held, after: &Held) -> Result<()> {
    let again = before.iter().find(|(key, then)| after.get(*key).is_some_and(|now| now != *then));
    ensure!(again.is_none(), "{again:?} was written again");
    Ok(())
}

/// Transfers everything to `to`, and checks the result.
fn carried(args: &[&str], to: &str) -> Result<()> {
    let count = objects()?;
    let mut here = Here::new(STORES)?;
    here.fill("from", 0..count)?;
    let start = Instant::now();
    let (said, there, kills) = here.resume(args, to, |_| Ok(()))?;
    let took = start.elapsed();
    let wanted = format!("{} copied, {there} skipped, 0 deleted, 0 failed\n", count - there);
    ensure!(said == wanted, "{said:?}, not {wanted:?}");
    here.complete(to, count)?;
    println!("{args:?}: {count} objects, killed {kills} times, each carried once, {took:?}");
    ensure!(kills >= 2, "it was killed {kills} times");
    Ok(())
}

#[test]
fn a_sync_to_files_that_is_killed_again_and_again_carries_each_object_once() -> Result<()> {
    carried(&["sync", "from", "files"], "files")
}

#[test]
fn a_copy_to_a_database_that_is_killed_again_and_again_carries_each_object_once() -> Result<()> {
    carried(&["copy", "from", "compressed", "--no-overwrite"], "compressed")
}

#[test]
fn a_sync_that_deletes_and_is_killed_removes_nothing_before_all_is_there() -> Result<()> {
    let count = objects()? / 2;
    let mut here = Here::new(STORES)?;
    here.fill("from", 0..count)?;
    here.fill("database", count..count * 2)?;
    let args = ["sync", "from", "database", "--delete"];
    let carried = |held: &Held| {
        let (mut wanted, mut surplus) = (0, 0);
        for number in 0..count * 2 {
            let part = if number < count { &mut wanted } else { &mut surplus };
            *part += usize::from(held.contains_key(&key(number)));
        }
        ensure!(
            wanted == count || surplus == count,
            "{wanted} of {count} are there, and {} others are gone",
            count - surplus
        );
        Ok(())
    };
    let (said, _, kills) = here.resume(&args, "database", carried)?;
    here.complete("database", count)?;
    println!("{args:?}: killed {kills} times, then {said}");
    Ok(())
}

/// Runs `sync --delete` with a failing source; nothing may be deleted.
fn keeps(here: &Here, args: &[&str], to: &str, before: &Held) -> Result<String> {
    let (code, out, err) = here.run(args)?;
    ensure!(code != 0, "it went well: {out}");
    ensure!(here.held(to)? == *before, "something was changed: {out}{err}");
    Ok(err)
}

#[test]
fn nothing_is_deleted_when_the_source_is_empty() -> Result<()> {
    let here = Here::new(STORES)?;
    here.fill("database", 0..20)?;
    std::fs::create_dir(here.directory.path().join("none"))?;
    let before = here.held("database")?;
    for more in [&[][..], &["--max-delete", "100"], &["--names-only"], &["--include", "00/*"]] {
        let args = [&["sync", "none", "database", "--delete"][..], more].concat();
        let said = keeps(&here, &args, "database", &before)?;
        ensure!(said.contains("the source is empty"), "{said}");
    }
    Ok(())
}

#[test]
fn nothing_is_deleted_when_a_folder_of_the_source_can_not_be_read() -> Result<()> {
    let here = Here::new(STORES)?;
    // The objects are in eight folders.
    let some = |numbers: std::ops::Range<usize>| numbers.filter(|number| number % 50 < 8);
    here.fill("files", some(0..600))?;
    here.fill("database", some(500..700))?;
    let before = here.held("database")?;
    let config = here.config().display().to_string();
    let args = ["-c", config.as_str(), "sync", "files", "database", "--delete"];
    let part = here.directory.path().join("files").canonicalize()?.display().to_string();
    let (mut failed, mut nth) = (0, 0);
    loop {
        nth += 1;
        let fault = strace::Fault { call: "getdents64".to_owned(), nth, error: "EIO" };
        let (output, calls) = strace::run(&binary(), &args, &["getdents64"], Some(&fault))?;
        let held = here.held("database")?;
        let gone: Vec<_> = before.keys().filter(|key| !held.contains_key(*key)).collect();
        let said = String::from_utf8_lossy(&output.stderr);
        let hit = |part: &str| calls.iter().any(|call| call.failed() && call.text.contains(part));
        if !hit(&part) {
            // The failure was elsewhere, and may end the run before it begins.
            if hit("") && !output.status.success() {
                ensure!(gone.is_empty(), "call {nth} failed, and {gone:?} were deleted");
                continue;
            }
            // Nothing failed in the store, so the deletion goes ahead.
            ensure!(output.status.success(), "{said}");
            ensure!(gone.len() == 16, "{} were deleted", gone.len());
            if !hit("") {
                break;
            }
            here.fill("database", some(600..700))?;
            continue;
        }
        ensure!(!output.status.success(), "call {nth} failed, and it went well");
        ensure!(gone.is_empty(), "call {nth} failed, and {gone:?} were deleted");
        ensure!(said.contains("list"), "{said}");
        failed += 1;
        ensure!(nth < 500, "it has no end");
    }
    println!("{failed} reads of folders failed in turn, nothing was deleted");
    // Each folder, and the root, is read to its end.
    ensure!(failed >= 12, "only {failed} reads failed");
    Ok(())
}

#[test]
fn nothing_is_deleted_when_the_source_is_cut_off() -> Result<()> {
    let far = Server::start(
        "stores:\n  main: {type: FilesystemStore, config: {root_path: objects}}\nmain: main",
    )?;
    for number in 0..1_500 {
        let path = far.directory().join("objects").join(key(number));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        std::fs::write(path, content(number))?;
    }
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
      conditional: true
      retry_deadline: 0
      connect_timeout: 2
  files: {{type: FilesystemStore, config: {{root_path: DIR/files, durable: false}}}}
main: far",
        proxy.port()
    );
    let here = Here::new(&stores)?;
    here.fill("files", 1_400..1_550)?;
    let args = ["sync", "far", "files", "--delete", "--names-only"];
    let surplus = |held: &Held| (1_500..1_550).filter(|n| held.contains_key(&key(*n))).count();
    proxy.down(true);
    keeps(&here, &args, "files", &here.held("files")?)?;
    proxy.down(false);
    // In the first page of the listing, or the second.
    let mut failed = 0;
    for cut in [10, 3_000, 100_000, 200_000, 300_000, 400_000] {
        proxy.plan(&[Fault::CutAnswer(cut); 50]);
        let (code, out, err) = here.run(&args)?;
        if code == 0 {
            // It succeeded by retrying.
            here.fill("files", 1_500..1_550)?;
            continue;
        }
        ensure!(surplus(&here.held("files")?) == 50, "cut at {cut}: deleted: {out}{err}");
        failed += 1;
    }
    ensure!(failed >= 3, "{failed} times the listing failed");
    proxy.plan(&[]);
    let (code, out, err) = here.run(&args)?;
    ensure!(code == 0, "{out}{err}");
    here.complete("files", 1_500)
}
