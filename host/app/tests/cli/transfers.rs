//! Verbs that transfer many objects.

use super::Here;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Creates files below `directory`, by path and text.
pub(super) fn files(here: &Here, directory: &str, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = here.path().join(directory).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

pub(super) fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn configure(here: &Here, name: &str, stores: &str) {
    fs::write(here.path().join(name), stores).unwrap();
}

fn files_in(root: &Path) -> usize {
    fs::read_dir(root).map_or(0, Iterator::count)
}

#[test]
fn a_dry_run_prints_each_key_and_changes_nothing() {
    let here = Here::new();
    files(&here, "files", &[("a", "1"), ("b", "2")]);
    here.ok_with(&["put", "b"], b"2");
    here.ok_with(&["put", "old"], b"x");
    let dry = here.ok(&["sync", "files", "main", "--delete", "--dry-run"]);
    let counts = "would be: 1 copied, 1 skipped, 1 deleted, 0 failed";
    assert_eq!(dry.lines().collect::<Vec<_>>(), ["copy a", "delete old", counts]);
    let dry = here.ok(&["--json", "sync", "files", "main", "--delete", "--dry-run"]);
    let dry: Vec<Value> = dry.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&dry[0]["action"], &dry[0]["key"]), (&"copy".into(), &"a".into()));
    assert_eq!((&dry[1]["action"], &dry[1]["key"]), (&"delete".into(), &"old".into()));
    assert_eq!((&dry[2]["copied"], &dry[2]["dry_run"]), (&1.into(), &true.into()));
    let dry = here.ok(&["copy", "files", "main", "--dry-run"]);
    assert_eq!(lines(&dry)[..2], ["copy a", "copy b"]);
    assert!(here.ok(&["clear", "main", "--dry-run"]).contains("delete old\n"));
    let dry = here.ok(&["mv", "files:", "main", "--dry-run"]);
    assert_eq!(lines(&dry)[..2], ["move a", "move b"]);
    assert!(dry.ends_with("would be: 2 moved, 0 skipped, 0 failed\n"));
    assert_eq!(lines(&here.ok(&["ls"])), ["b", "old"]);
    assert_eq!(here.ok(&["ls", "files"]), "a\nb\n");
}

#[test]
fn globs_choose_what_is_copied_synced_cleared_and_found() {
    let here = Here::new();
    let all = [("p/a.txt", "1"), ("p/b.jpg", "2"), ("p/d/c.txt", "3"), ("p/tmp/e.txt", "4")];
    files(&here, "files", &all);
    let any = ["--include", "**/*.txt", "--exclude", "tmp/**"];
    let with = |verb: &[&str], globs: &[&str]| here.ok(&[verb, globs].concat());
    assert_eq!(with(&["find", "files:p/"], &any), "p/a.txt\np/d/c.txt\n");
    assert_eq!(with(&["find", "files:p/"], &["--include", "*.txt"]), "p/a.txt\n");
    let counts = "2 copied, 0 skipped, 0 deleted, 0 failed\n";
    assert_eq!(with(&["copy", "files:p/", "main:c/"], &any), counts);
    assert_eq!(lines(&here.ok(&["ls", "-r", "c/"])), ["c/a.txt", "c/d/c.txt"]);
    here.ok_with(&["put", "s/tmp/kept"], b"x");
    here.ok_with(&["put", "s/gone.txt"], b"x");
    let counts = "2 copied, 0 skipped, 1 deleted, 0 failed\n";
    assert_eq!(with(&["sync", "files:p/", "main:s/", "--delete"], &any), counts);
    assert_eq!(lines(&here.ok(&["ls", "-r", "s/"])), ["s/a.txt", "s/d/c.txt", "s/tmp/kept"]);
    let counts = "0 copied, 0 skipped, 3 deleted, 0 failed\n";
    assert_eq!(with(&["clear", "files:p/", "--yes"], &["--exclude", "*.jpg"]), counts);
    assert_eq!(here.ok(&["ls", "-r", "files"]), "p/b.jpg\n");
    let (code, error) = here.fails(&["find", "--include", "a["]);
    assert_eq!(code, 2);
    assert!(error.contains("a["), "{error}");
}

#[test]
fn the_target_may_be_in_another_configuration() {
    let here = Here::new();
    files(&here, "files", &[("a", "1"), ("b", "2")]);
    let other = "
stores:
  files: {type: FilesystemStore, config: {root_path: elsewhere}}
  look: {type: ReadonlyStore, base: files}
main: files
";
    configure(&here, "other.yaml", other);
    let counts = "2 copied, 0 skipped, 0 deleted, 0 failed\n";
    assert_eq!(
        here.ok(&["copy", "files", "files:", "--to-config", "other.yaml"]).len(),
        counts.len()
    );
    here.ok(&["clear", "files", "--yes", "-c", "other.yaml"]);
    assert_eq!(here.ok(&["sync", "files", "files", "--to-config", "other.yaml"]), counts);
    assert_eq!(fs::read_to_string(here.path().join("elsewhere/b")).unwrap(), "2");
    here.ok(&["mv", "files:a", "files:c", "--to-config", "other.yaml"]);
    assert_eq!(here.ok(&["ls", "files", "-c", "other.yaml"]), "a\nb\nc\n");
    assert_eq!(here.ok(&["ls", "files"]), "b\n");
    let output = here.run(&["copy", "files", "look", "--to-config", "other.yaml"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(error.contains("write \"b\" in store \"look (other.yaml)\": unsupported"), "{error}");
    let (code, error) = here.fails(&["copy", "files", "main", "--to-config", "none.yaml"]);
    assert_eq!(code, 3);
    assert!(error.contains("none.yaml:1:1: the file can't be read"), "{error}");
    // Another name of the same file is not another location.
    let (code, error) = here.fails(&["copy", "files", "files", "--to-config", "./stores.yaml"]);
    assert!(code == 5 && error.contains("one inside the other"), "{error}");
}

#[test]
fn a_dry_run_a_mistyped_source_and_an_empty_list_of_keys_make_no_target() {
    let here = Here::new();
    let stores = "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  new: {type: FilesystemStore, config: {root_path: new}}
  look: {type: ReadonlyStore, base: files}
main: files
";
    configure(&here, "stores.yaml", stores);
    files(&here, "files", &[("a", "1")]);
    fs::write(here.path().join("none"), "").unwrap();
    for (args, wanted) in [
        (["copy", "files", "new", "--dry-run"].as_slice(), "does not exist"),
        (&["sync", "files", "new", "--dry-run"], "does not exist"),
        (&["mv", "files:", "new", "--dry-run"], "does not exist"),
        (&["copy", "files", "new", "--keys", "none"], "no keys"),
        (&["copy", "files", "new", "--keys", "mistyped"], "mistyped"),
    ] {
        let (code, error) = here.fails(args);
        assert!(code != 0 && error.contains(wanted), "{args:?}: {error}");
        assert!(!here.path().join("new").exists(), "{args:?}");
    }
    // An object that can't be deleted from its source replaces nothing.
    fs::create_dir(here.path().join("new")).unwrap();
    files(&here, "new", &[("a", "newer")]);
    for args in [["mv", "look", "new"], ["mv", "look:a", "new:a"]] {
        let (_, error) = here.fails(&args);
        assert!(error.contains("can't delete"), "{args:?}: {error}");
    }
    assert_eq!(here.ok(&["get", "new:a"]), "newer");
    // A whole store moves only to a store, never below a mistyped store name.
    let (code, error) = here.fails(&["mv", "files", "nwe", "--raw-prefix"]);
    assert!(code == 2 && error.contains("there is no store"), "{error}");
}

#[test]
fn a_file_under_two_names_is_one_store_and_nothing_moves_into_itself() {
    let here = Here::new();
    let stores = "
stores:
  one: {type: SqliteStore, config: {db_path: one.db}}
  two: {type: SqliteStore, config: {db_path: two.db}}
main: one
";
    configure(&here, "stores.yaml", stores);
    here.ok_with(&["put", "one:k", "-"], b"kept");
    fs::hard_link(here.path().join("one.db"), here.path().join("two.db")).unwrap();
    for args in [["mv", "one:k", "two:k"], ["mv", "one", "two"], ["copy", "one", "two"]] {
        let (code, error) = here.fails(&args);
        let refused = error.contains("same object") || error.contains("in one place");
        assert!(code != 0 && refused, "{args:?}: {error}");
    }
    assert_eq!(here.ok(&["get", "one:k"]), "kept");
}

#[test]
fn copies_into_themselves_are_refused_through_every_store_over_the_same_objects() {
    let here = Here::new();
    let stores = "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  again: {type: FilesystemStore, config: {root_path: ./files}}
  inner: {type: FilesystemStore, config: {root_path: files/in}}
  one: {type: PrefixStore, base: files, config: {prefix: one/}}
  two: {type: PrefixStore, base: files, config: {prefix: two/}}
  zipped: {type: GzipStore, base: files}
  hashed: {type: HashPrefixStore, base: files}
  over: {type: IdentityStore, base: hashed}
main: files
";
    configure(&here, "stores.yaml", stores);
    configure(&here, "more.yaml", stores);
    files(&here, "files", &[("a", "1"), ("one/x/b", "2"), ("in/c", "3")]);
    for (from, to) in [
        ("files", "files"),
        ("files", "files:sub/"),
        ("files", "one"),
        ("one", "files"),
        ("files", "again"),
        ("files", "inner"),
        ("files", "zipped"),
        ("files", "hashed"),
        ("hashed", "over"),
        ("one:x/", "files:one/x/y/"),
    ] {
        for verb in ["copy", "sync", "mv"] {
            for more in [&[][..], &["--to-config", "more.yaml"]] {
                let from = if from.contains(':') { from.to_owned() } else { format!("{from}:") };
                let (code, error) = here.fails(&[&[verb, &from, to], more].concat());
                assert_eq!(code, 5, "{verb} {from} {to}: {error}");
                assert!(error.contains("one inside the other"), "{verb} {from} {to}: {error}");
            }
        }
    }
    // The same object reached through two stores.
    for (from, to) in [("files:a", "zipped:a"), ("files:one/x/b", "one:x/b"), ("files:a", ":a")] {
        let (code, error) = here.fails(&["mv", from, to]);
        assert_eq!(code, 5, "{from} {to}: {error}");
        assert!(error.contains("the same object"), "{from} {to}: {error}");
    }
    assert!(fs::exists(here.path().join("files/a")).unwrap());
    // Disjoint prefixes may be copied.
    let counts = "1 copied, 0 skipped, 0 deleted, 0 failed\n";
    assert_eq!(here.ok(&["copy", "one", "two"]), counts);
    here.ok_with(&["put", "hashed:a/x"], b"1");
    assert_eq!(here.ok(&["copy", "hashed:a/", "over:b/"]), counts);
    assert_eq!(here.ok(&["copy", "files:one/", "files:three/"]), counts);
}

#[test]
fn one_object_or_many_are_moved() {
    let here = Here::new();
    files(&here, "files", &[("a", "1"), ("d/b", "2"), ("d/e/c", "3"), ("d2", "4")]);
    let moved = |n, skipped| format!("{n} moved, {skipped} skipped, 0 failed\n");
    assert_eq!(here.ok(&["mv", "files:a", "files:x/y"]), moved(1, 0));
    assert_eq!(here.ok(&["mv", "files:x/y", "files:z/"]), moved(1, 0));
    assert_eq!(here.ok(&["mv", "files:z/y", "main"]), moved(1, 0));
    assert_eq!(here.ok(&["get", "z/y"]), "1");
    assert_eq!(here.ok(&["mv", "files:d/", "n/"]), moved(2, 0));
    assert_eq!(here.ok(&["ls", "files"]), "d2\n");
    assert_eq!(here.ok(&["get", "n/e/c"]), "3");
    files(&here, "files", &[("n/b", "new"), ("n/f", "5")]);
    assert_eq!(here.ok(&["mv", "files:n/", "n/", "--no-overwrite"]), moved(1, 1));
    assert_eq!(
        (here.ok(&["get", "n/b"]), here.ok(&["get", "files:n/b"])),
        ("2".into(), "new".into())
    );
    assert_eq!(here.fails(&["mv", "files:gone", ":x"]).0, 1);
    let (code, error) = here.fails(&["mv", "files:n/", "main:key"]);
    assert!(code == 2 && error.contains("end \"main:key\" with a /"), "{error}");
    let (code, error) = here.fails(&["mv", "files:d2", "files:d2"]);
    assert!(code == 5 && error.contains("the same object"), "{error}");
    assert_eq!(here.ok(&["get", "files:d2"]), "4");
    // A failed copy deletes nothing.
    assert_eq!(here.run(&["mv", "files:d2", "look:d3"]).status.code(), Some(4));
    assert_eq!(here.ok(&["get", "files:d2"]), "4");
}

#[test]
fn several_objects_are_written_one_after_another() {
    let here = Here::new();
    here.ok_with(&["put", "a"], b"hello ");
    here.ok_with(&["put", "b"], b"world");
    assert_eq!(here.ok(&["cat", "a", "b", "a"]), "hello worldhello ");
    assert_eq!(here.ok(&["cat", "a", "b", "--range", "1-2"]), "elor");
    assert_eq!(here.ok(&["cat", "a", "b", "--range", "-2"]), "o ld");
    let output = here.run(&["cat", "a", "gone", "b"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b"hello "[..]));
    assert_eq!(here.fails(&["cat", "a", "--range", "3-1"]).0, 2);
}

#[test]
fn objects_and_bytes_are_counted_by_folder() {
    let here = Here::new();
    files(&here, "files", &[("a", "1"), ("d/b", "22"), ("d/e/c", "333"), ("f/g", "4444")]);
    let line = |bytes, objects, name| format!("{bytes:>14}  {objects:>9}  {name}\n");
    assert_eq!(here.ok(&["du", "files"]), line(10, 4, "total"));
    let two = [line(5, 2, "d/"), line(4, 1, "f/"), line(10, 4, "total")].concat();
    assert_eq!(here.ok(&["du", "files", "--depth", "1"]), two);
    let below = [line(3, 1, "d/e/"), line(5, 2, "d/")].concat();
    assert_eq!(here.ok(&["du", "files:d/", "--depth", "9"]), below);
    let json: Value = serde_json::from_str(&here.ok(&["--json", "du", "files:d/"])).unwrap();
    assert_eq!(json, serde_json::json!({"prefix": "d/", "objects": 2, "bytes": 5, "unknown": 0}));
    // Compressed by another program: the size is unknown without reading.
    configure(
        &here,
        "gz.yaml",
        "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  zipped: {type: GzipStore, base: files}
main: zipped
",
    );
    here.ok_with(&["-c", "gz.yaml", "put", "d/own"], b"four");
    let text = here.ok(&["-c", "gz.yaml", "du", "d/"]);
    assert_eq!(text, format!("{}  (and 2 of unknown size)\n", line(4, 3, "d/").trim_end()));
}

#[test]
fn objects_are_found_by_size_and_age() {
    let here = Here::new();
    files(&here, "files", &[("big", &"x".repeat(3000)), ("old", "1"), ("sm all", "22")]);
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(10 * 86_400);
    fs::File::options()
        .write(true)
        .open(here.path().join("files/old"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let found = |conditions: &[&str]| here.ok(&[&["find", "files"], conditions].concat());
    assert_eq!(found(&[]), "big\nold\nsm all\n");
    assert_eq!(found(&["--larger", "2K"]), "big\n");
    assert_eq!(found(&["--smaller", "2", "--exclude", "b*"]), "old\n");
    assert_eq!(found(&["--older", "7d"]), "old\n");
    assert_eq!(found(&["--newer", "1w", "--smaller", "1k", "-0"]), "sm all\0");
    assert_eq!(found(&["--older", "2001-01-01"]), "");
    assert!(found(&["--larger", "2K", "-l"]).starts_with("          3000  2"));
    let json: Value = serde_json::from_str(&found(&["--json", "--larger", "2K"])).unwrap();
    assert_eq!((&json["key"], &json["size"]), (&"big".into(), &3000.into()));
    assert_eq!(here.fails(&["find", "--larger", "huge"]).0, 2);
    assert_eq!(here.fails(&["find", "--older", "yesterday"]).0, 2);
}

#[test]
fn concurrency_has_bounds_and_one_is_enough() {
    let here = Here::new();
    files(&here, "files", &[("a", "1"), ("b", "2"), ("c", "3")]);
    for wrong in ["0", "257", "many"] {
        assert_eq!(here.fails(&["copy", "files", "main", "--concurrency", wrong]).0, 2);
    }
    for right in ["1", "256"] {
        let text = here.ok(&["copy", "files", "main", "--concurrency", right]);
        assert_eq!(text, "3 copied, 0 skipped, 0 deleted, 0 failed\n");
    }
    assert_eq!(files_in(&here.path().join("files")), 3);
}

#[test]
fn media_type_and_metadata_go_along() {
    let here = Here::new();
    here.ok_with(&["put", "k", "--content-type", "text/plain", "--meta", "by=me"], b"x");
    here.ok(&["copy", "main", "files"]);
    let stat = here.ok(&["stat", "files:k"]);
    assert!(stat.contains("content type: text/plain\n"), "{stat}");
    assert!(stat.contains("metadata:     by=me\n"), "{stat}");
}

#[test]
fn a_store_that_can_not_list_is_moved_by_the_keys_that_somebody_names() {
    let here = Here::new();
    let stores = "
stores:
  hashed: {type: HashdirStore, config: {root_path: hashed}}
  files: {type: FilesystemStore, config: {root_path: files}}
main: files
";
    configure(&here, "stores.yaml", stores);
    for key in ["p/a", "p/b c", "p/d", "other"] {
        here.ok_with(&["put", &format!("hashed:{key}")], key.as_bytes());
    }
    let list = |name: &str, text: &str| fs::write(here.path().join(name), text).unwrap();
    list("keys", "p/a\n\np/b c\nother");
    let told = here.ok(&["copy", "hashed", "files", "--keys", "keys"]);
    assert_eq!(told, "3 copied, 0 skipped, 0 deleted, 0 failed\n");
    assert_eq!(here.ok(&["get", "files:p/b c"]), "p/b c");
    // Below a prefix, and from standard input; missing keys count as failed.
    let args = ["copy", "hashed:p/", "files:q/", "--keys", "-", "-0", "--exclude", "d"];
    let output = here.run_with(&args, b"a\0missing\0d\0");
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(output.stdout, b"1 copied, 0 skipped, 0 deleted, 1 failed\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("read \"p/missing\" in store \"hashed\": no such object"), "{error}");
    assert_eq!(here.ok(&["get", "files:q/a"]), "p/a");
    // Invalid lines are reported differently from missing keys.
    let output = here.run_with(&["copy", "hashed", "files", "--keys", "-"], b"p/a\0p/d\0\n\xff\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("-0") && error.contains("not UTF-8"), "{error}");
    assert_eq!(output.stdout, b"0 copied, 0 skipped, 0 deleted, 2 failed\n");

    here.ok_with(&["put", "hashed:p/a"], b"changed");
    let told = here.ok(&["sync", "hashed", "files", "--keys", "keys"]);
    assert_eq!(told, "1 copied, 2 skipped, 0 deleted, 0 failed\n");
    assert_eq!(here.ok(&["get", "files:p/a"]), "changed");
    let (code, _) = here.fails(&["sync", "hashed", "files", "--keys", "keys", "--delete"]);
    assert_eq!(code, 2);

    let told = here.ok(&["check", "--deep", "hashed", "--keys", "keys"]);
    assert!(told.contains("hashed: 3 objects") && told.contains("0 wrong"), "{told}");
    list("keys", "p/a\nnot there\n");
    let output = here.run(&["check", "--deep", "hashed", "--keys", "keys"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8(output.stdout).unwrap().contains("not there: hashed: nothing"));
    assert_eq!(here.fails(&["check", "--deep", "--keys", "keys"]).0, 2);
}
