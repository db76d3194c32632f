//! Transfers that are interrupted and resumed.

use super::Here;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TOTAL: usize = 3000;
const SIZE: usize = 8 << 10;

fn here() -> Here {
    let here = Here::new();
    let stores = "
stores:
  from: {type: FilesystemStore, config: {root_path: from}}
  to: {type: FilesystemStore, config: {root_path: to}}
main: from
";
    fs::write(here.path().join("stores.yaml"), stores).unwrap();
    fs::create_dir(here.path().join("from")).unwrap();
    for i in 0..TOTAL {
        fs::write(here.path().join("from").join(i.to_string()), text(i)).unwrap();
    }
    here
}

fn text(i: usize) -> String {
    format!("{i:08}").repeat(SIZE / 8)
}

/// Counts the target's files; each must be complete.
fn whole_files(root: &Path) -> usize {
    let mut count = 0;
    for file in fs::read_dir(root).into_iter().flatten() {
        let file = file.unwrap();
        let i = file.file_name().to_str().unwrap().parse().unwrap();
        assert!(fs::read_to_string(file.path()).unwrap() == text(i), "{i} is not whole");
        count += 1;
    }
    count
}

/// Runs a verb, and sends the signal once it has begun to write.
fn cut(here: &Here, args: &[&str], signal: Signal) -> Output {
    let child = Command::new(env!("CARGO_BIN_EXE_storage-host"))
        .args(args)
        .current_dir(here.path())
        .env_remove("STORAGE_CONFIG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let to = here.path().join("to");
    while fs::read_dir(&to).map_or(0, Iterator::count) < 10 {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn ctrl_c_finishes_what_is_under_way_and_the_same_command_goes_on() {
    let here = here();
    let sync = ["sync", "from", "to"];
    let output = cut(&here, &sync, Signal::INT);
    let (out, error) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(error.contains("stopping: what is under way is finished"), "{error}");
    assert!(error.contains("the same command goes on from here\n"), "{error}");
    let there = whole_files(&here.path().join("to"));
    assert!(there < TOTAL);
    assert_eq!(out, format!("{there} copied, 0 skipped, 0 deleted, 0 failed\n"));
    let rest = format!("{} copied, {there} skipped, 0 deleted, 0 failed\n", TOTAL - there);
    assert_eq!(here.ok(&sync), rest);
    assert_eq!(whole_files(&here.path().join("to")), TOTAL);
}

#[test]
fn a_sync_that_was_killed_leaves_whole_objects_and_goes_on() {
    let here = here();
    let sync = ["sync", "from", "to"];
    let output = cut(&here, &sync, Signal::KILL);
    assert_eq!(output.status.signal(), Some(9));
    let there = whole_files(&here.path().join("to"));
    assert!((10..TOTAL).contains(&there));
    let rest = format!("{} copied, {there} skipped, 0 deleted, 0 failed\n", TOTAL - there);
    assert_eq!(here.ok(&sync), rest);
    assert_eq!(whole_files(&here.path().join("to")), TOTAL);
}

#[test]
fn a_copy_goes_on_where_it_keeps_what_is_there() {
    let here = here();
    let copy = ["copy", "from", "to", "--no-overwrite"];
    assert_eq!(cut(&here, &copy, Signal::TERM).status.code(), Some(130));
    let there = whole_files(&here.path().join("to"));
    let rest = format!("{} copied, {there} skipped, 0 deleted, 0 failed\n", TOTAL - there);
    assert_eq!(here.ok(&copy), rest);
    assert_eq!(whole_files(&here.path().join("to")), TOTAL);
}

#[test]
fn a_move_that_was_killed_loses_nothing() {
    let here = here();
    let mv = ["mv", "from:", "to"];
    cut(&here, &mv, Signal::KILL);
    let (from, to) = (here.path().join("from"), here.path().join("to"));
    let left = whole_files(&from);
    assert!(left > 0 && left + whole_files(&to) >= TOTAL);
    assert_eq!(here.ok(&mv), format!("{left} moved, 0 skipped, 0 failed\n"));
    assert_eq!((whole_files(&from), whole_files(&to)), (0, TOTAL));
}
