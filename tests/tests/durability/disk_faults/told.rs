//! Error messages for single faults.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use storage_tests::server::{binary, run};
use storage_tests::strace::{self, Fault};
use tempfile::TempDir;

fn with(store: &str) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let store = store.replace("DIR", &directory.path().display().to_string());
    let config = format!("stores:\n  main: {store}\nmain: main\n");
    std::fs::write(directory.path().join("stores.yaml"), config)?;
    std::fs::write(directory.path().join("input"), "value")?;
    Ok(directory)
}

/// Runs a verb while a call on a path with `part` fails, each call in turn until the
/// verb fails, and returns the message. `args` takes the number of the attempt,
/// prepares it, and returns the arguments.
fn failing(
    at: &Path,
    args: impl Fn(usize) -> Result<Vec<String>>,
    (call, error): (&str, &'static str),
    part: &str,
) -> Result<String> {
    let config = at.join("stores.yaml").display().to_string();
    let run = |attempt: usize, fault: Option<&Fault>| {
        let args = args(attempt)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        strace::run(&binary(), &[&["--json", "-c", &config], &args[..]].concat(), &[call], fault)
    };
    let (_, calls) = run(0, None)?;
    let places = strace::places(&calls, part);
    for (attempt, (call, nth)) in places.into_iter().enumerate() {
        let (output, calls) = run(attempt + 1, Some(&Fault { call, nth, error }))?;
        let hit = calls.iter().any(|call| call.failed() && call.text.contains(part));
        if hit && !output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    Err(anyhow::anyhow!("no {call} on {part} fails"))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn get(at: &Path, key: &str) -> String {
    String::from_utf8_lossy(&run(at, &["get", key, "-"]).stdout).into_owned()
}

#[test]
fn a_folder_that_can_not_be_synced_is_told_with_what_was_done() -> Result<()> {
    let directory = with("{type: FilesystemStore, config: {root_path: DIR/objects}}")?;
    let at = directory.path();
    let input = at.join("input").display().to_string();
    std::fs::create_dir_all(at.join("objects/a"))?;
    let put = |_| Ok(words(&["put", "a/b", &input]));
    let said = failing(at, put, ("fsync", "EIO"), "objects/a>")?;
    ensure!(said.contains("objects/a/b: written, but its folder could not be synced"), "{said}");
    ensure!(!said.contains("nothing was written"), "{said}");
    ensure!(get(at, "a/b") == "value", "it is not there");
    let rm = |_| {
        let put = run(at, &["put", "a/b", &input]);
        ensure!(put.status.success(), "it can't be put again");
        Ok(words(&["rm", "a/b"]))
    };
    let said = failing(at, rm, ("fsync", "EIO"), "objects/a>")?;
    ensure!(said.contains("objects/a/b: deleted, but its folder could not be synced"), "{said}");
    ensure!(run(at, &["exists", "a/b"]).status.code() == Some(1), "it is there");
    Ok(())
}

#[test]
fn metadata_that_can_not_be_read_is_an_error_not_another_etag() -> Result<()> {
    let directory = with("{type: FilesystemStore, config: {root_path: DIR/objects}}")?;
    let at = directory.path();
    let put = run(at, &["put", "key", "input", "--content-type", "text/x-test"]);
    ensure!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    for args in [&["stat", "key"][..], &["get", "key", "-"], &["ls", "-l"]] {
        let said = failing(at, |_| Ok(words(args)), ("fgetxattr", "EIO"), "objects/key")?;
        ensure!(said.contains("objects/key: Input/output error"), "{args:?}: {said}");
    }
    Ok(())
}

#[test]
fn an_acknowledged_object_whose_journal_can_not_be_read_is_not_forgotten() -> Result<()> {
    let directory = with("{type: ZipStore, config: {path: DIR/objects.zip}}")?;
    let at = directory.path();
    for key in ["first", "second"] {
        let put = run(at, &["put", key, "input"]);
        ensure!(put.status.success(), "{}", String::from_utf8_lossy(&put.stderr));
    }
    // A process that can't update the archive leaves the journal.
    let input = at.join("input").display().to_string();
    let put = |attempt| Ok(words(&["put", &format!("third-{attempt}"), &input]));
    let said = failing(at, put, ("rename", "EIO"), "objects.zip")?;
    ensure!(said.contains("safe in the journal"), "{said}");
    let journal = at.join(".objects.zip.storage/journal");
    ensure!(journal.exists(), "there is no journal");
    // Recording the calls applies the journal, so it is restored for each attempt.
    let kept = std::fs::read(&journal)?;
    let get_it = |_| {
        std::fs::create_dir_all(journal.parent().context("no folder")?)?;
        std::fs::write(&journal, &kept)?;
        Ok(words(&["get", "third-1", "-"]))
    };
    failing(at, get_it, ("pread64", "EIO"), ".objects.zip.storage/journal")?;
    ensure!(journal.exists(), "the journal is gone, and what was in it");
    for key in ["first", "second", "third-0", "third-1"] {
        ensure!(get(at, key) == "value", "{key} is lost");
    }
    let left = std::fs::read_dir(at)?.count();
    ensure!(left == 3, "{left} files, not the configuration, the input and the archive");
    Ok(())
}

#[test]
fn a_full_disk_is_told_as_such_by_every_store() -> Result<()> {
    for (store, call) in [
        ("{type: FilesystemStore, config: {root_path: DIR/objects}}", "fsync"),
        ("{type: SafeFilesystemStore, config: {root_path: DIR/objects}}", "fsync"),
        ("{type: HashdirStore, config: {root_path: DIR/objects}}", "fsync"),
        ("{type: SqliteStore, config: {db_path: DIR/objects.db}}", "pwrite64"),
        ("{type: ZipStore, config: {path: DIR/objects.zip}}", "pwrite64"),
    ] {
        let directory = with(store)?;
        let at = directory.path();
        ensure!(run(at, &["put", "there", "input"]).status.success(), "{store}");
        let input = at.join("input").display().to_string();
        let part = match store.contains("Sqlite") {
            true => "objects.db-wal".to_owned(),
            false => at.canonicalize()?.display().to_string(),
        };
        let put = |attempt| Ok(words(&["put", &format!("key-{attempt}"), &input]));
        let said = failing(at, put, (call, "ENOSPC"), &part).with_context(|| store.to_owned())?;
        ensure!(said.contains("\"code\":\"limit-exceeded\""), "{store}: {said}");
        ensure!(said.contains("the disk is full; nothing was written"), "{store}: {said}");
        ensure!(get(at, "there") == "value", "{store}: what was there is gone");
    }
    Ok(())
}
