//! Startup, shutdown and reload: stores that can't open, files left after a clean
//! shutdown, and the handover in a reload.

use anyhow::{Result, ensure};
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};
use storage_tests::http;
use storage_tests::server::{Server, run};

#[test]
fn a_store_that_can_not_open_fails_check_and_run_with_its_name_and_the_reason() -> Result<()> {
    for (store, reason) in [
        ("{type: ZipStore, config: {path: text}}", "text: not a sound zip archive"),
        ("{type: ZipStore, config: {path: .}}", "is not a file name"),
        ("{type: SqliteStore, config: {db_path: text}}", "not an SQLite database"),
        ("{type: FilesystemStore, config: {root_path: text}}", "is not a directory"),
        ("{type: SafeFilesystemStore, config: {root_path: text}}", "is not a directory"),
        ("{type: HashdirStore, config: {root_path: text}}", "is not a directory"),
        (
            "{type: HashdirStore, config: {root_path: d, width: 32, depth: 2}}",
            "width 32 and depth 2",
        ),
    ] {
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("text"), "this is text, of some length\n".repeat(50))?;
        let yaml = format!(
            "stores:\n  broken: {store}\n  main: {{type: GzipStore, base: broken}}\nmain: main\n"
        );
        std::fs::write(directory.path().join("stores.yaml"), yaml)?;
        for (verb, output) in [("check", "stdout"), ("run", "stderr")] {
            let ended = run(directory.path(), &[verb, "stores.yaml"]);
            let said = if output == "stdout" { &ended.stdout } else { &ended.stderr };
            let said = String::from_utf8_lossy(said);
            ensure!(!ended.status.success(), "{verb} of {store} succeeded");
            ensure!(said.contains("broken"), "{verb} of {store} does not name it: {said}");
            ensure!(said.contains(reason), "{verb} of {store}: {said}");
        }
        let text = std::fs::read_to_string(directory.path().join("text"))?;
        ensure!(text.starts_with("this is text"), "{store} changed the file");
    }
    Ok(())
}

/// The names in a directory, except the server's own files.
fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| !["stores.yaml", "server.log", "staging"].contains(&name.as_str()));
    names.sort();
    Ok(names)
}

#[test]
fn a_clean_end_flushes_everything_and_leaves_tidy_files() -> Result<()> {
    for (store, wanted) in [
        ("{type: ZipStore, config: {path: objects.zip}}", &["objects.zip"][..]),
        ("{type: SqliteStore, config: {db_path: objects.db}}", &["objects.db"]),
        ("{type: FilesystemStore, config: {root_path: o}}", &[".o.storage", "o"]),
        ("{type: HashdirStore, config: {root_path: o, index: true}}", &[".o.storage", "o"]),
    ] {
        let stores = format!("stores: {{main: {store}}}\nmain: main");
        let server = Server::start_anonymous(&stores)?;
        for n in 0..20 {
            let put = http::request(server.port(), "PUT", &format!("/main/{n}"), &[], b"object")?;
            assert_eq!(put.0, 200);
        }
        let directory = server.stop()?;
        assert_eq!(names(directory.path())?, wanted, "{store}");
        let side = directory.path().join(".o.storage");
        if side.exists() {
            let left = names(&side)?;
            let index = if store.contains("index") { &["keys.db"][..] } else { &[] };
            assert_eq!(left, index, "{store}");
        }
        let server = Server::start_anonymous_in(directory, &stores)?;
        assert_eq!(http::request(server.port(), "GET", "/main/7", &[], b"")?.2, b"object");
    }
    Ok(())
}

#[test]
fn after_a_reload_an_archive_is_written_on() -> Result<()> {
    let stores = "stores: {main: {type: ZipStore, config: {path: objects.zip}}}\nmain: main";
    let server = Server::start_anonymous(stores)?;
    let put = |n: usize| {
        http::request(server.port(), "PUT", &format!("/main/{n}"), &[], b"x").map(|answer| answer.0)
    };
    assert_eq!(put(0)?, 200);
    for n in 1..4 {
        server.signal(Signal::HUP)?;
        let start = Instant::now();
        // The old configuration has the archive until it is drained.
        while put(n)? != 200 {
            ensure!(start.elapsed() < Duration::from_secs(30), "{}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let directory = server.stop()?;
    let server = Server::start_anonymous_in(directory, stores)?;
    for n in 0..4 {
        assert_eq!(http::request(server.port(), "GET", &format!("/main/{n}"), &[], b"")?.0, 200);
    }
    Ok(())
}
