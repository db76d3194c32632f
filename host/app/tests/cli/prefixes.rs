//! Paths match whole key segments.

use super::transfers::{files, lines};
use super::{Here, STORES};
use std::fs;

const ALL: &[(&str, &str)] =
    &[("a", "1"), ("a-b", "2"), ("d/x", "3"), ("d/y/z", "4"), ("d2/x", "5"), ("dx", "6")];

fn here() -> Here {
    let here = Here::new();
    let plain = "\n  plain: {type: SqliteStore, config: {db_path: data/plain.db}}\nmain: main";
    fs::write(here.path().join("stores.yaml"), STORES.replace("\nmain: main", plain)).unwrap();
    files(&here, "files", ALL);
    here.ok(&["copy", "files", "plain:f/"]);
    // A database may have an object and a folder of the same name.
    here.ok_with(&["put", "plain:f/d", "-"], b"own");
    here
}

#[test]
fn ls_shows_one_level_and_everything_only_when_asked() {
    let here = here();
    assert_eq!(here.ok(&["ls", "files"]), "a\na-b\nd/\nd2/\ndx\n");
    assert_eq!(here.ok(&["ls", "files:d"]), "d/x\nd/y/\n");
    assert_eq!(here.ok(&["ls", "files:d/"]), "d/x\nd/y/\n");
    assert_eq!(here.ok(&["ls", "-r", "files:d"]), "d/x\nd/y/z\n");
    assert_eq!(here.ok(&["ls", "--raw-prefix", "files:d"]), "d/\nd2/\ndx\n");
    assert_eq!(here.ok(&["ls", "files", "--limit", "3"]), "a\na-b\nd/\n");
    assert_eq!(here.ok(&["ls", "plain:f/d"]), "f/d\nf/d/x\nf/d/y/\n");
    assert_eq!(here.ok(&["ls", "files:a"]), "a\n");
    let json = here.ok(&["--json", "ls", "files:d/"]);
    assert_eq!(json.lines().last(), Some("{\"prefix\":\"d/y/\"}"));
    assert!(here.ok(&["ls", "-l", "files:d/"]).ends_with(" d/y/\n"));
    assert_eq!(here.fails(&["ls", "files:nothing"]).0, 1);
    // Even in an unordered listing, each folder is a single line.
    here.ok(&["copy", "files", "layout"]);
    here.ok(&["copy", "files", "layout:d/"]);
    assert_eq!(
        lines(&here.ok(&["ls", "layout:d/"])),
        ["d/a", "d/a-b", "d/d/", "d/d2/", "d/dx", "d/x", "d/y/"]
    );
}

#[test]
fn many_folders_of_many_objects_are_listed_once_each() {
    let here = Here::new();
    for folder in 0..3 {
        for object in 0..1200 {
            let path = here.path().join(format!("files/f{folder}/{object}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }
    assert_eq!(here.ok(&["ls", "files"]), "f0/\nf1/\nf2/\n");
    assert_eq!(here.ok(&["ls", "files:f1"]).lines().count(), 1200);
}

#[test]
fn copies_and_syncs_end_at_segments() {
    let here = here();
    let counts = |n| format!("{n} copied, 0 skipped, 0 deleted, 0 failed\n");
    assert_eq!(here.ok(&["copy", "files:d", "main:one"]), counts(2));
    assert_eq!(lines(&here.ok(&["ls", "-r", "main:one"])), ["one/x", "one/y/z"]);
    // A trailing slash makes no difference.
    assert_eq!(here.ok(&["copy", "files:d/", "main:two"]), counts(2));
    assert_eq!(lines(&here.ok(&["ls", "-r", "main:two"])), ["two/x", "two/y/z"]);
    assert_eq!(here.ok(&["copy", "files:d", "main:three/"]), counts(2));
    assert_eq!(lines(&here.ok(&["ls", "-r", "main:three"])), ["three/x", "three/y/z"]);
    assert_eq!(here.ok(&["copy", "plain:f/d", "main:four"]), counts(3));
    assert_eq!(lines(&here.ok(&["ls", "-r", "main:four"])), ["four", "four/x", "four/y/z"]);
    assert_eq!(here.ok(&["copy", "files:a", "main:five/"]), counts(1));
    assert_eq!(here.ok(&["ls", "-r", "main:five"]), "five/a\n");
    let (code, error) = here.fails(&["copy", "plain:f/d", "main:six/"]);
    assert!(code == 2 && error.contains("is an object, and others lie below it"), "{error}");
    assert_eq!(here.ok(&["copy", "files:d", "main:raw", "--raw-prefix"]), counts(4));
    assert_eq!(
        lines(&here.ok(&["ls", "-r", "--raw-prefix", "main:raw"])),
        ["raw/x", "raw/y/z", "raw2/x", "rawx"]
    );
    // Keys that merely share the prefix are neither copied nor deleted.
    let synced = here.ok(&["sync", "files:d2", "main:raw", "--delete"]);
    assert_eq!(synced, "1 copied, 0 skipped, 1 deleted, 0 failed\n");
    assert_eq!(here.ok(&["get", "raw2/x"]), "5");
    // Siblings in one store, though one name is a prefix of the other.
    assert_eq!(here.ok(&["copy", "files:d", "files:d3"]), counts(2));
    for verb in ["copy", "sync", "mv", "clear"] {
        let args: &[&str] = match verb {
            "clear" => &["files:nothing", "--yes"],
            "mv" => &["files:nothing/", "main:n/"],
            _ => &["files:nothing", "main:n"],
        };
        let (code, error) = here.fails(&[&[verb], args].concat());
        assert!(code == 1 && error.contains("nothing"), "{verb}: {error}");
    }
}

#[test]
fn rm_deletes_one_object_and_more_only_when_asked() {
    let here = here();
    assert_eq!(here.fails(&["rm", "files:d"]).0, 1, "a folder is no object");
    here.ok(&["rm", "plain:f/d"]);
    assert_eq!(lines(&here.ok(&["ls", "plain:f/d"])), ["f/d/x", "f/d/y/"]);
    let dry = here.ok(&["rm", "-r", "files:d", "--dry-run"]);
    assert_eq!(lines(&dry)[..2], ["delete d/x", "delete d/y/z"]);
    let counts = |n| format!("0 copied, 0 skipped, {n} deleted, 0 failed\n");
    assert_eq!(here.ok(&["rm", "-r", "files:d", "--include", "*"]), counts(1));
    assert_eq!(here.ok(&["rm", "-r", "files:d", "--exclude", "y/**"]), counts(0));
    assert_eq!(here.ok(&["rm", "-r", "files:d"]), counts(1));
    assert_eq!(here.ok(&["ls", "-r", "files"]), "a\na-b\nd2/x\ndx\n");
    assert_eq!(here.fails(&["rm", "-r", "files:d"]).0, 1);
    here.ok(&["rm", "-r", "-f", "files:d"]);
    assert_eq!(here.ok(&["rm", "files:a", "--dry-run"]), "delete a\n");
    assert_eq!(here.ok(&["clear", "files:a", "--yes"]), counts(1));
    assert_eq!(here.ok(&["ls", "files"]), "a-b\nd2/\ndx\n");
}

#[test]
fn globs_choose_what_is_moved() {
    let here = here();
    let moved = here.ok(&["mv", "files:d/", "main:m/", "--exclude", "y/**"]);
    assert_eq!(moved, "1 moved, 0 skipped, 0 failed\n");
    assert_eq!(here.ok(&["ls", "-r", "files:d"]), "d/y/z\n");
    let (code, error) = here.fails(&["mv", "files:d", "main:m"]);
    assert!(code == 2 && error.contains("end it with a /"), "{error}");
    assert_eq!(here.fails(&["mv", "files:a", "main:m", "--include", "a"]).0, 2);
}

#[test]
fn du_and_find_end_at_segments_and_have_their_options() {
    let here = here();
    let line = |bytes: &str, objects, name| format!("{bytes:>14}  {objects:>9}  {name}\n");
    assert_eq!(here.ok(&["du", "files:d"]), line("2", 2, "d"));
    assert_eq!(here.ok(&["du", "files:d", "--raw-prefix"]), line("4", 4, "d"));
    let deep = [line("1", 1, "d/y/"), line("2", 2, "d")].concat();
    assert_eq!(here.ok(&["du", "files:d", "--depth", "1"]), deep);
    files(&here, "files", &[("big", &"x".repeat(1536))]);
    assert_eq!(here.ok(&["du", "-h", "files:big"]), line("1.5K", 1, "big"));
    assert!(here.ok(&["du", "--help"]).contains("--human-readable"));
    assert_eq!(here.ok(&["find", "files:d"]), "d/x\nd/y/z\n");
    assert_eq!(here.ok(&["find", "files:d", "--include", "x"]), "d/x\n");
    assert_eq!(here.ok(&["find", "files", "--limit", "2"]), "a\na-b\n");
    assert_eq!(here.ok(&["find", "files:d", "--larger", "1G"]), "", "no match is no error");
    assert_eq!(here.ok(&["find", "files", "--larger", "1.5k"]), "");
    assert_eq!(here.ok(&["find", "files", "--larger", "1KB"]), "big\n");
}
