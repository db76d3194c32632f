//! Disk faults: every system call by which the real binary reads or writes a store's
//! files fails in turn, with an I/O error or for lack of space or file descriptors, and
//! writes are cut short. The operation succeeds or fails with an error that says why.
//! Earlier objects stay complete, acknowledged changes are there, nothing is left
//! behind, and the store opens again.
//!
//! 60 faults per backend; `STORAGE_FAULT_ROUNDS` sets another number, and `all` tests
//! every call with every error.

mod backend;
mod subject;
mod told;

use anyhow::{Context, Result, ensure};
use backend::{Backend, FILES, HASHDIR, SAFE_FILES, SQLITE, ZIP};
use storage_tests::mounts;
use storage_tests::strace::{Fault, places};
use subject::{Subject, Work};
use tempfile::TempDir;

/// The errors that a call may return.
fn errors(call: &str) -> &'static [&'static str] {
    match call {
        "openat" | "openat2" => &["EIO", "EMFILE", "ENOSPC"],
        "flock" | "fcntl" => &["ENOLCK"],
        // EINTR is not a failure: the call has to be repeated.
        "write" | "pwrite64" => &["ENOSPC", "EIO", "EINTR"],
        "fsync" | "fdatasync" | "fsetxattr" | "linkat" | "mkdirat" | "mkdir" | "ftruncate"
        | "fallocate" | "rename" | "renameat" | "renameat2" => &["EIO", "ENOSPC"],
        _ => &["EIO"],
    }
}

#[test]
fn a_filesystem_store_stands_every_call_that_fails() -> Result<()> {
    every_call(&FILES)
}

#[test]
fn a_filesystem_store_on_a_disk_of_its_own_stands_every_call_that_fails() -> Result<()> {
    if mounts::elsewhere("a_filesystem_store_on_a_disk_of_its_own_stands_every_call_that_fails")? {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    mounts::mount("ext4", &directory.path().join("objects"))?;
    every_call_in(directory, &FILES)
}

#[test]
fn a_safe_filesystem_store_stands_every_call_that_fails() -> Result<()> {
    every_call(&SAFE_FILES)
}

#[test]
fn a_hashdir_store_with_an_index_stands_every_call_that_fails() -> Result<()> {
    every_call(&HASHDIR)
}

#[test]
fn an_sqlite_store_stands_every_call_that_fails() -> Result<()> {
    every_call(&SQLITE)
}

#[test]
fn a_zip_store_stands_every_call_that_fails() -> Result<()> {
    every_call(&ZIP)
}

#[test]
fn writes_that_are_cut_short_are_errors_and_change_nothing() -> Result<()> {
    for backend in [&FILES, &SAFE_FILES, &HASHDIR, &SQLITE, &ZIP] {
        cut_short(backend)?;
    }
    Ok(())
}

fn every_call(backend: &'static Backend) -> Result<()> {
    every_call_in(tempfile::tempdir()?, backend)
}

fn every_call_in(directory: TempDir, backend: &'static Backend) -> Result<()> {
    let mut subject = Subject::new(directory, backend)?;
    let part = subject.part()?;
    let mut plan = Vec::new();
    for work in subject.work() {
        let (through, calls) = subject.run(*work, None)?;
        ensure!(through, "{work:?} fails by itself");
        for (call, nth) in places(&calls, &part) {
            let fault = |error| Fault { call: call.clone(), nth, error };
            plan.extend(errors(&call).iter().copied().map(fault).map(|fault| (*work, fault)));
        }
    }
    let most = match std::env::var("STORAGE_FAULT_ROUNDS").as_deref() {
        Ok("all") => plan.len(),
        Ok(text) => text.parse().context("STORAGE_FAULT_ROUNDS is neither a number nor \"all\"")?,
        Err(_) => 60,
    };
    // Spread evenly over all of them.
    let possible = plan.len();
    let chosen =
        (0..most.min(possible)).filter_map(|at| plan.get(at * possible / most.min(possible)));
    let (mut rounds, mut injected, mut elsewhere) = (0, 0, 0);
    for (work, fault) in chosen {
        let at = || format!("{}: {work:?}, {fault:?}", backend.name);
        let (_, calls) = subject.run(*work, Some(fault)).with_context(at)?;
        rounds += 1;
        let failed = calls.iter().filter(|call| call.failed());
        let (here, other): (Vec<_>, Vec<_>) = failed.partition(|call| call.text.contains(&part));
        injected += here.len();
        elsewhere += other.len();
    }
    for said in &subject.said {
        println!("{}: said: {said}", backend.name);
    }
    println!(
        "{}: {rounds} of {possible} rounds, {injected} calls on its files failed ({elsewhere} others), \
         {} times the operation did; nothing lost, torn or left behind",
        backend.name, subject.failures
    );
    ensure!(injected * 2 > rounds, "hardly anything failed");
    Ok(())
}

fn cut_short(backend: &'static Backend) -> Result<()> {
    let mut subject = Subject::new(tempfile::tempdir()?, backend)?;
    let works = subject.work().iter().filter(|work| **work != Work::Read && **work != Work::Delete);
    let mut rounds = 0;
    for work in works {
        for limit in [0, 1, 100, 2_000, 2_999, 4_096, 30_000, 33_000, 100_000, 700_001, 1_399_999] {
            let at = || format!("{}: {work:?}, files of {limit} bytes", backend.name);
            let (through, fits) = subject.run_with_small_files(*work, limit).with_context(at)?;
            ensure!(fits || !through, "{}: it went through", at());
            rounds += 1;
        }
    }
    println!("{}: {rounds} rounds with short writes, {} failed", backend.name, subject.failures);
    ensure!(subject.failures > rounds / 3, "hardly anything failed");
    Ok(())
}
