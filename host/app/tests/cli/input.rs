//! The sources that `put` reads.

use super::Here;
use std::fs;
use std::process::Command;

#[test]
fn get_spares_the_configuration_and_what_stores_keep() {
    let here = Here::new();
    here.ok_with(&["put", "k", "-"], b"object");
    here.ok_with(&["put", "files:k", "-"], b"kept");
    std::os::unix::fs::symlink("data/objects.db", here.path().join("link")).unwrap();
    let before = fs::read(here.path().join("data/objects.db")).unwrap();
    for file in ["stores.yaml", "data/objects.db", "link", "files/k", "files/new", "./files/k"] {
        let (code, error) = here.fails(&["get", "k", file]);
        assert!(code == 2 && error.contains("name another file"), "{file}: {error}");
    }
    assert_eq!(fs::read(here.path().join("data/objects.db")).unwrap(), before);
    assert_eq!(here.ok(&["get", "files:k"]), "kept");
    here.ok(&["get", "k", "data/beside"]);
}

#[test]
fn what_can_mean_two_things_is_wrong_usage() {
    let here = Here::new();
    let twice = ["put", "k", "stores.yaml", "--meta", "Owner=a", "--meta", "owner=b"];
    let (code, error) = here.fails(&twice);
    assert!(code == 2 && error.contains("\"owner\" twice"), "{error}");
    here.ok_with(&["put", "k", "-"], b"object");
    let (code, error) = here.fails(&["get", "k", "."]);
    assert!(code == 2 && error.contains("is a directory"), "{error}");
}

#[test]
fn put_without_a_file_refuses_an_input_that_is_empty_or_closed() {
    let here = Here::new();
    here.ok_with(&["put", "k"], b"precious");
    let (code, error) = here.fails(&["put", "k"]);
    assert_eq!(code, 2);
    assert!(error.contains("standard input is empty"), "{error}");
    let closed = format!("{} put k <&-", env!("CARGO_BIN_EXE_storage-host"));
    let output = Command::new("bash").args(["-c", &closed]).current_dir(here.path()).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
    assert_eq!(here.ok(&["get", "k"]), "precious");
    // Nothing is created, either, when nothing is written.
    assert_eq!(here.fails(&["put", "files:k"]).0, 2);
    assert!(!here.path().join("files").exists());
}

#[test]
fn an_empty_object_is_written_where_it_is_asked_for() {
    let here = Here::new();
    fs::write(here.path().join("empty"), "").unwrap();
    for args in [&["put", "k", "--allow-empty"][..], &["put", "k", "-"], &["put", "k", "empty"]] {
        here.ok_with(&["put", "k"], b"full");
        here.ok(args);
        assert_eq!(here.ok(&["get", "k"]), "", "{args:?}");
    }
}

#[test]
fn put_says_on_a_terminal_what_it_waits_for() {
    let here = Here::new();
    // `script` runs the program in a terminal; its own input is what is typed.
    let command = format!("{} put k -", env!("CARGO_BIN_EXE_storage-host"));
    let typed = format!("printf 'typed\\n\\004' | script -qec '{command}' /dev/null");
    let output = Command::new("bash").args(["-c", &typed]).current_dir(here.path()).output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(said.contains("reading the object from the terminal: Ctrl-D ends it"), "{said}");
    assert_eq!(here.ok(&["get", "k"]), "typed\n");
}
