//! Names of stores and keys on the command line.

use super::Here;
use std::fs;

#[test]
fn a_store_that_is_not_there_is_an_error_in_every_verb_and_on_both_sides() {
    let here = Here::new();
    here.ok_with(&["put", "k"], b"1");
    here.ok_with(&["put", "files:k"], b"1");
    let file = here.path().join("stores.yaml").display().to_string();
    for args in [
        &["get", "fiels:k"][..],
        &["cat", "k", "fiels:k"],
        &["put", "fiels:k", &file],
        &["stat", "fiels:k"],
        &["exists", "fiels:k"],
        &["rm", "fiels:k"],
        &["rm", "-r", "fiels:k"],
        &["presign", "fiels:k"],
        &["ls", "fiels:"],
        &["find", "fiels:"],
        &["du", "fiels:k"],
        &["clear", "fiels", "--yes"],
        &["clear", "fiels:", "--yes"],
        &["copy", "fiels", "main"],
        &["copy", "main", "fiels"],
        &["copy", "fiels:k", "main:k"],
        &["copy", "main:k", "fiels:k"],
        &["sync", "fiels", "main"],
        &["sync", "main", "fiels", "--delete"],
        &["mv", "fiels:k", "main:k"],
        &["mv", "main:k", "fiels:k"],
        &["mv", "main:k", "fiels"],
        &["heal", "fiels"],
        &["check", "--deep", "fiels"],
    ] {
        let (code, error) = here.fails(args);
        assert_eq!(code, 2, "{args:?}: {error}");
        assert!(error.contains("there is no store \"fiels\" in stores.yaml"), "{args:?}: {error}");
        assert!(error.contains("did you mean \"files\"?"), "{args:?}: {error}");
    }
    // A read-only verb takes the word for a path, too; an empty result exits with 1.
    for verb in ["ls", "find", "du"] {
        let (code, error) = here.fails(&[verb, "fiels"]);
        assert_eq!(code, 1, "{verb}: {error}");
        assert!(error.contains("did you mean \"files\"?"), "{verb}: {error}");
    }
    assert_eq!(here.ok(&["ls", "-r"]), "k\n", "nothing was written");
    assert_eq!(here.ok(&["ls", "-r", "files"]), "k\n", "nothing was deleted");
}

#[test]
fn one_wrong_name_and_rm_deletes_nothing() {
    let here = Here::new();
    here.ok_with(&["put", "a"], b"1");
    assert_eq!(here.fails(&["rm", "a", "fiels:k"]).0, 2);
    here.ok(&["exists", "a"]);
}

#[test]
fn a_key_that_holds_a_colon_is_written_with_its_store_and_a_url_as_it_is() {
    let here = Here::new();
    here.ok_with(&["put", ":fiels:a"], b"1");
    here.ok_with(&["put", ":files:b"], b"2");
    here.ok_with(&["put", "main:other:c"], b"3");
    here.ok_with(&["put", "http://example.org/x"], b"4");
    here.ok_with(&["put", "2026/12:30"], b"5");
    let mut keys: Vec<_> = here.ok(&["ls", "-r"]).lines().map(str::to_owned).collect();
    keys.sort();
    assert_eq!(keys, ["2026/12:30", "fiels:a", "files:b", "http://example.org/x", "other:c"]);
    let (code, error) = here.fails(&["get", "other:c"]);
    assert_eq!(code, 2);
    assert!(error.contains("for a key of the main store write \":other:c\""), "{error}");
    assert_eq!(here.ok(&["get", ":other:c"]), "3");
}

#[test]
fn a_store_is_no_key_where_one_object_is_meant() {
    let here = Here::new();
    let (code, error) = here.fails(&["put", "files", "stores.yaml"]);
    assert_eq!(code, 2);
    assert!(error.contains("\"files\" is a store: write \"files:KEY\""), "{error}");
    assert_eq!(here.fails(&["rm", "-r", "files"]).0, 2);
    assert_eq!(here.fails(&["rm", "-r", "files:"]).0, 2);
    here.ok(&["put", ":files", "stores.yaml"]);
    assert_eq!(here.ok(&["ls"]), "files\n");
}

#[test]
fn usage_faults_exit_2_and_are_json_for_programs() {
    let here = Here::new();
    fs::write(here.path().join("f"), "1").unwrap();
    here.ok(&["put", "d/k", "f"]);
    for args in [
        &["get"][..],
        &["nonsense"],
        &["kinds", "Gzip"],
        &["clear", "files:"],
        &["copy", "main", "files", "--concurrency", "0"],
        &["find", "--larger", "huge"],
        &["mv", "d/", "key"],
        &["mv", "d", "key"],
        &["put", "fiels:k", "f"],
        &["rm", "d/k", "--include", "*"],
    ] {
        here.ok(&["put", "files:keep", "f"]);
        let (code, error) = here.fails(&[&["--json"], args].concat());
        assert_eq!(code, 2, "{args:?}: {error}");
        let error: serde_json::Value = serde_json::from_str(&error).unwrap();
        assert_eq!(error["error"]["code"], "usage", "{args:?}");
        assert!(!error["error"]["message"].as_str().unwrap().is_empty());
        let (code, error) = here.fails(args);
        assert!(code == 2 && error.starts_with("error: "), "{args:?}: {error}");
    }
    let (_, error) = here.fails(&["kinds", "Gzip"]);
    assert!(error.contains("did you mean \"GzipStore\"?"), "{error}");
    assert_eq!(here.ok(&["--json", "--help"]).lines().next(), here.ok(&["-h"]).lines().next());
    assert_eq!(here.ok(&["cp", ":d", "files:e"]), "1 copied, 0 skipped, 0 deleted, 0 failed\n");
}
