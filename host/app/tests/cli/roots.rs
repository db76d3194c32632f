//! The base of relative paths, and the creation of missing directories.

use super::Here;
use std::fs;
use std::process::Command;

const STORES: &str = "
stores:
  files: {type: FilesystemStore, config: {root_path: data/files}}
  flat: {type: SafeFilesystemStore, config: {root_path: data/flat}}
  hashed: {type: HashdirStore, config: {root_path: data/hashed, index: true}}
  sqlite: {type: SqliteStore, config: {db_path: data/objects.db}}
  zip: {type: ZipStore, config: {path: data/objects.zip}}
  told:
    type: NotifyingStore
    base: files
    config: {on_change: [{file: {path: changes.jsonl}}, {exec: {command: [./hook.sh]}}]}
main: files
";

const ROOTS: &[(&str, &str)] = &[
    ("files", "files"),
    ("flat", "flat"),
    ("hashed", "hashed"),
    ("sqlite", "objects.db"),
    ("zip", "objects.zip"),
];

/// A configuration in a subfolder of the working directory.
fn nested() -> Here {
    let here = Here::new();
    let folder = here.path().join("etc");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("stores.yaml"), STORES).unwrap();
    let hook = "#!/bin/sh\ncat > \"$(dirname \"$0\")/heard\"\n";
    fs::write(folder.join("hook.sh"), hook).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.join("hook.sh"), mode).unwrap();
    here
}

#[test]
fn relative_paths_start_at_the_file_that_names_them() {
    let here = nested();
    let config = ["-c", "etc/stores.yaml"];
    for (store, root) in ROOTS {
        let key = format!("{store}:k");
        let output = here.run_with(&[&config[..], &["put", &key]].concat(), b"1");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let root = here.path().join("etc/data").join(root);
        // The message has the absolute path.
        assert!(
            root.exists()
                && said.contains(&format!("{} does not exist; creating it", root.display()))
        );
        let more = format!("{store}:more");
        let again = here.run_with(&[&config[..], &["put", &more]].concat(), b"2");
        assert_eq!(String::from_utf8(again.stderr).unwrap(), "", "{store}");
    }
    here.ok_with(&["-c", "etc/stores.yaml", "put", "told:k"], b"1");
    assert!(here.path().join("etc/changes.jsonl").exists());
    assert!(here.path().join("etc/heard").exists());
    let mut names: Vec<_> =
        fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["etc", "stores.yaml"], "nothing lies in the working directory");
    // The working directory does not matter.
    let output = Command::new(env!("CARGO_BIN_EXE_storage-host"))
        .args(["-c", here.path().join("etc/stores.yaml").to_str().unwrap(), "get", "sqlite:more"])
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"2");
}

#[test]
fn verbs_that_read_leave_a_file_alone_that_holds_no_objects_yet() {
    let here = nested();
    let database = here.path().join("etc/data/objects.db");
    fs::create_dir_all(database.parent().unwrap()).unwrap();
    let tables = rusqlite::Connection::open(&database).unwrap();
    tables.execute_batch("CREATE TABLE of_another_program (x)").unwrap();
    drop(tables);
    for content in [Vec::new(), fs::read(&database).unwrap()] {
        fs::write(&database, &content).unwrap();
        for args in [["ls", "sqlite:"], ["stat", "sqlite:k"], ["rm", "sqlite:k"]] {
            let (code, error) = here.fails(&[&["-c", "etc/stores.yaml"], &args[..]].concat());
            assert!(code == 3 && error.contains("no table \"objects\""), "{args:?}: {error}");
            assert_eq!(fs::read(&database).unwrap(), content, "{args:?}");
        }
    }
    let checked = here.ok(&["-c", "etc/stores.yaml", "check"]);
    assert!(checked.contains("new     sqlite"), "{checked}");
    here.ok_with(&["-c", "etc/stores.yaml", "put", "sqlite:k"], b"1");
    assert_eq!(here.ok(&["-c", "etc/stores.yaml", "get", "sqlite:k"]), "1");
}

#[test]
fn an_archive_behind_a_link_is_written_and_the_link_stays() {
    let here = Here::new();
    let stores = "
stores:
  real: {type: ZipStore, config: {path: real.zip}}
  link: {type: ZipStore, config: {path: link.zip}}
main: real
";
    fs::write(here.path().join("stores.yaml"), stores).unwrap();
    here.ok_with(&["put", "real:a"], b"1");
    std::os::unix::fs::symlink("real.zip", here.path().join("link.zip")).unwrap();
    here.ok_with(&["put", "link:b"], b"2");
    assert!(here.path().join("link.zip").is_symlink());
    assert_eq!(here.ok(&["get", "real:b"]), "2");
    assert_eq!(here.ok(&["get", "link:a"]), "1");
    fs::remove_file(here.path().join("real.zip")).unwrap();
    let output = here.run_with(&["put", "link:c"], b"3");
    let failed = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && failed.contains("leads to no archive"), "{failed}");
    assert!(here.path().join("link.zip").is_symlink());
}

#[test]
fn verbs_that_read_make_nothing_and_say_what_is_missing() {
    let here = nested();
    let etc = here.path().join("etc");
    let before = fs::read_dir(&etc).unwrap().count();
    for (store, root) in ROOTS {
        let root = etc.join("data").join(root).display().to_string();
        let (key, whole) = (format!("{store}:k"), format!("{store}:"));
        let list = [&["ls", &whole][..], &["find", &whole], &["du", &whole]];
        let read = [&["get", &key][..], &["cat", &key], &["stat", &key], &["exists", &key]];
        let change =
            [&["rm", &key][..], &["clear", &whole, "--yes"], &["copy", &whole, "files:x/"]];
        for args in list.iter().chain(&read).chain(&change) {
            let (code, error) = here.fails(&[&["-c", "etc/stores.yaml"], *args].concat());
            assert_eq!(code, 3, "{args:?}: {error}");
            assert!(error.contains(&format!("{root} does not exist")), "{args:?}: {error}");
        }
    }
    assert!(here.ok(&["-c", "etc/stores.yaml", "check"]).contains("new     files"));
    assert_eq!(fs::read_dir(&etc).unwrap().count(), before, "nothing was made");
}
