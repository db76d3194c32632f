//! Data of the Python library with every kind of entry that can't be an object here:
//! transfers report each of them.

use super::Here;
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

const CONFIG: &str = "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  safe: {type: SafeFilesystemStore, config: {root_path: safe}}
  hashed: {type: HashdirStore, config: {root_path: hashed, index: true}}
  database: {type: SqliteStore, config: {db_path: objects.db}}
  untyped: {type: SqliteStore, config: {db_path: untyped.db}}
  archive: {type: ZipStore, config: {path: objects.zip}}
  memory: {type: DictStore}
main: files
";

/// A store's expected entry and reason, or the start of each.
type Odd = (&'static str, &'static str);

const FILES: &[Odd] = &[
    ("caf\\xe9", "its name is not UTF-8"),
    ("dddd", "its key has more than"),
    ("folder/caf\\xe9/inside", "its name is not UTF-8"),
    ("folder/link", "a symbolic link"),
    ("link", "a symbolic link"),
    ("link to a folder", "a symbolic link"),
    ("pipe", "a named pipe"),
    ("socket", "a socket"),
];

const SAFE: &[Odd] = &[
    ("74______", "its name is not UTF-8"),
    ("ME______", "a named pipe"),
    ("MEAA____", "its key holds NUL"),
    ("_", "its name is not a key in Base32"),
    ("folder", "a folder"),
    ("link", "a symbolic link"),
    ("me______", "its name is not a key in Base32"),
];

const HASHED: &[Odd] = &[
    ("2c/f2/4d/", "the index does not know its key"),
    ("2c/f2/link", "a symbolic link"),
    ("stray", "its path is not that of any key"),
];

const DATABASE: &[Odd] = &[
    ("NULL", "its key is NULL, not text"),
    ("bytes", "its key is bytes, not text"),
    ("", "its key is empty"),
    ("a\\0b", "its key holds NUL"),
    ("caf\\xe9", "its name is not UTF-8"),
    ("null data", "its data is NULL"),
    ("number data", "its data is of the type integer"),
    ("xxxx", "its key has more than"),
];

const UNTYPED: &[Odd] =
    &[("5", "its key is an integer, not text"), ("1.5", "its key is a number, not text")];

const ARCHIVE: &[Odd] = &[
    ("a\\0b", "its key holds NUL"),
    ("caf\\xe9", "its name is not UTF-8"),
    ("good", "a later entry of the archive has the same name"),
    ("xxxx", "its key has more than"),
];

const STORES: &[(&str, &[Odd])] = &[
    ("files", FILES),
    ("safe", SAFE),
    ("hashed", HASHED),
    ("database", DATABASE),
    ("untyped", UNTYPED),
    ("archive", ARCHIVE),
];

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

fn bytes(folder: &Path, name: &[u8]) -> std::path::PathBuf {
    folder.join(OsStr::from_bytes(name))
}

/// A file whose path is too long for a single call.
fn far_below(root: &Path) {
    let name = "d".repeat(200);
    let mode = Mode::from_raw_mode(0o700);
    let flags = OFlags::DIRECTORY | OFlags::RDONLY;
    let mut folder = openat(CWD, root, flags, Mode::empty()).unwrap();
    for _ in 0..25 {
        mkdirat(&folder, name.as_str(), mode).unwrap();
        folder = openat(&folder, name.as_str(), flags, Mode::empty()).unwrap();
    }
    openat(&folder, "file", OFlags::CREATE | OFlags::WRONLY, mode).unwrap();
}

fn fill_files(root: &Path) {
    fs::create_dir_all(bytes(root, b"folder/caf\xe9")).unwrap();
    for name in [b"good".as_slice(), b"folder/good", b"caf\xe9", b"folder/caf\xe9/inside"] {
        fs::write(bytes(root, name), "x").unwrap();
    }
    symlink("good", root.join("link")).unwrap();
    symlink("nowhere", root.join("folder/link")).unwrap();
    symlink("folder", root.join("link to a folder")).unwrap();
    pipe(&root.join("pipe"));
    drop(std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap());
    far_below(root);
}

fn fill_safe(root: &Path) {
    fs::create_dir_all(root.join("folder")).unwrap();
    // "good" and "too"
    for name in ["M5XW6ZA_", "ORXW6___", "_", "me______", "74______", "MEAA____"] {
        fs::write(root.join(name), "x").unwrap();
    }
    symlink("M5XW6ZA_", root.join("link")).unwrap();
    pipe(&root.join("ME______"));
}

fn fill_hashed(root: &Path) {
    let folder = root.join("2c/f2/4d");
    fs::create_dir_all(&folder).unwrap();
    // sha256("hello"), written without an index.
    fs::write(folder.join("ba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"), "x")
        .unwrap();
    fs::write(root.join("stray"), "x").unwrap();
    symlink("4d", root.join("2c/f2/link")).unwrap();
}

fn fill_database(path: &Path, table: &str, rows: &[&str]) {
    let database = rusqlite::Connection::open(path).unwrap();
    database.execute_batch(table).unwrap();
    for row in rows {
        database.execute_batch(&format!("INSERT INTO objects (key, data) VALUES ({row})")).unwrap();
    }
}

/// A zip archive of stored entries whose names are flagged as UTF-8.
fn archive(names: &[&[u8]]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(b"x");
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let offset = u32::try_from(file.len()).unwrap();
        let length = u16::try_from(name.len()).unwrap();
        let mut common = Vec::new();
        // Version, flags, method, time, date; checksum and sizes.
        for word in [20_u16, 0x800, 0, 0, 0x5821] {
            common.extend(word.to_le_bytes());
        }
        for word in [crc.sum(), 1, 1] {
            common.extend(word.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend([0; 2]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(*name);
        file.extend(b"x");
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(*name);
    }
    let start = u32::try_from(file.len()).unwrap();
    let length = u32::try_from(directory.len()).unwrap();
    let count = u16::try_from(names.len()).unwrap();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0; 2]);
    file
}

fn filled() -> Here {
    let here = Here::new();
    let at = |name: &str| here.path().join(name);
    fs::write(at("stores.yaml"), CONFIG).unwrap();
    fill_files(&at("files"));
    fill_safe(&at("safe"));
    fill_hashed(&at("hashed"));
    here.ok_with(&["put", "hashed:good"], b"x");
    here.ok_with(&["put", "hashed:too"], b"x");
    let long = format!("'{}', 'x'", "x".repeat(5_000));
    let rows = [
        "'good', x'78'",
        "'text', 'x'",
        "'', 'x'",
        "NULL, 'x'",
        "CAST('bytes' AS BLOB), 'x'",
        "CAST(x'610062' AS TEXT), 'x'",
        "CAST(x'636166e9' AS TEXT), 'x'",
        "'null data', NULL",
        "'number data', 5",
        &long,
    ];
    fill_database(
        &at("objects.db"),
        "CREATE TABLE objects (key TEXT PRIMARY KEY, data BLOB)",
        &rows,
    );
    fill_database(
        &at("untyped.db"),
        "CREATE TABLE objects (key PRIMARY KEY, data BLOB)",
        &["'good', 'x'", "'more', 'x'", "5, 'x'", "1.5, 'x'"],
    );
    let long = "x".repeat(5_000);
    let names: &[&[u8]] =
        &[b"good", b"good", b"more", b"a\0b", b"caf\xe9", long.as_bytes(), b"folder/"];
    fs::write(at("objects.zip"), archive(names)).unwrap();
    here
}

/// Whether the lines about a store name exactly the expected entries.
fn assert_told(store: &str, odd: &[Odd], error: &str) {
    let start = format!("left out  {store}: ");
    let told: Vec<_> = error.lines().filter_map(|line| line.strip_prefix(&start)).collect();
    let is = |line: &str, (entry, reason): Odd| {
        let entry = if entry.is_empty() { "\"\"" } else { entry };
        line.rsplit_once(": ")
            .is_some_and(|(named, why)| named.starts_with(entry) && why.starts_with(reason))
    };
    for odd in odd {
        assert!(told.iter().any(|line| is(line, *odd)), "{store}: {odd:?} is not in\n{error}");
    }
    assert_eq!(told.len(), odd.len(), "{store}:\n{error}");
}

#[test]
fn whoever_moves_a_tree_of_the_python_library_is_told_of_each_entry_that_is_no_object() {
    let here = filled();
    let (code, error) = here.fails(&["check", "--show-skipped"]);
    assert_eq!(code, 4, "{error}");
    for (store, odd) in STORES {
        assert_told(store, odd, &error);
    }
    let (code, error) = here.fails(&["check"]);
    assert_eq!(code, 4);
    assert!(
        error.contains("error: store \"files\" holds 8 entries that are not objects"),
        "{error}"
    );
    assert!(error.contains("\n        3  a symbolic link\n"), "{error}");
    assert!(!error.contains("left out  files"), "{error}");
    here.ok(&["check", "--allow-skipped"]);
    for (store, odd) in STORES {
        let output = here.run(&["ls", "-r", store, "--show-skipped"]);
        assert!(output.status.success());
        let keys = String::from_utf8(output.stdout).unwrap();
        let count = keys.lines().count();
        assert!(count >= 2 && keys.contains("good"), "{store}: {keys}");
        assert_told(store, odd, &String::from_utf8(output.stderr).unwrap());

        let output = here.run(&["copy", store, "memory", "--show-skipped"]);
        assert_eq!(output.status.code(), Some(4), "{store}");
        let told = String::from_utf8(output.stdout).unwrap();
        let left_out = odd.len();
        let wanted =
            format!("{count} copied, 0 skipped, 0 deleted, 0 failed, {left_out} left out\n");
        assert_eq!(told, wanted, "{store}");
        assert_told(store, odd, &String::from_utf8(output.stderr).unwrap());
        here.ok(&["copy", store, "memory", "--allow-skipped"]);
        assert_eq!(here.run(&["sync", store, "memory"]).status.code(), Some(4));
        for verb in [["du", store], ["find", store]] {
            let output = here.run(&verb);
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(
                output.status.success() && error.contains("that are not objects"),
                "{verb:?}: {error}"
            );
        }
    }
}

#[test]
fn programs_hear_of_what_is_no_object_as_json() {
    let here = filled();
    let output = here.run(&["--json", "copy", "files", "memory", "--show-skipped"]);
    assert_eq!(output.status.code(), Some(4));
    let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&counts["copied"], &counts["left_out"]), (&2.into(), &8.into()));
    let error = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> = error.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let link = serde_json::json!({
        "left_out": {"store": "files", "entry": "link", "reason": "a symbolic link"}
    });
    assert!(lines.contains(&link), "{error}");
    let all = lines.iter().find_map(|line| line.get("skipped")).unwrap();
    assert_eq!((&all["entries"], &all["reasons"]["a symbolic link"]), (&8.into(), &3.into()));
}

#[test]
fn prefixes_and_globs_say_which_entries_matter() {
    let here = filled();
    let output = here.run(&["copy", "files:folder/", "memory:", "--show-skipped"]);
    let inside: Vec<_> =
        FILES.iter().filter(|(entry, _)| entry.starts_with("folder/")).copied().collect();
    assert_eq!(output.status.code(), Some(4));
    assert_told("files", &inside, &String::from_utf8(output.stderr).unwrap());
    here.ok(&["copy", "files:folder/", "memory:", "--exclude", "link", "--exclude", "caf*/**"]);
    here.ok(&["copy", "files", "memory", "--include", "good"]);
    // Skipped entries are never deleted.
    here.ok(&["mv", "files", "memory:", "--allow-skipped"]);
    assert!(here.path().join("files/link").is_symlink());
    assert!(bytes(&here.path().join("files"), b"caf\xe9").exists());
}
