//! End-to-end tests of the binary.

mod checks;
mod input;
mod interrupted;
mod names;
mod odd_entries;
mod prefixes;
mod roots;
mod transfers;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const STORES: &str = "
stores:
  database: {type: SqliteStore, config: {db_path: data/objects.db}}
  layout: {type: HashPrefixStore, base: database}
  main: {type: GzipStore, base: layout}
  files: {type: FilesystemStore, config: {root_path: files, odd_keys: refuse}}
  look: {type: ReadonlyStore, base: files}
main: main
";

struct Here(tempfile::TempDir);

impl Here {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("stores.yaml"), STORES).unwrap();
        Here(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, b"")
    }

    fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_storage-host"))
            .args(args)
            .current_dir(self.path())
            .env("RUST_BACKTRACE", "1")
            .env_remove("STORAGE_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A verb without input may exit before it is written.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// Runs a verb that must succeed; returns its standard output.
    fn ok(&self, args: &[&str]) -> String {
        self.ok_with(args, b"")
    }

    fn ok_with(&self, args: &[&str], input: &[u8]) -> String {
        let output = self.run_with(args, input);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a verb that must fail; returns its exit code and standard error.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), error)
    }
}

#[test]
fn an_object_goes_in_and_out_through_a_chain() {
    let here = Here::new();
    here.ok_with(&["put", "a/b", "--content-type", "text/plain", "--meta", "x=y"], b"hello");
    assert_eq!(here.ok(&["get", "a/b"]), "hello");
    assert_eq!(here.ok(&["get", "a/b", "--range", "1-3"]), "ell");
    assert_eq!(here.ok(&["get", "a/b", "--range", "-2"]), "lo");
    assert_eq!(here.ok(&["ls", "-r"]), "a/b\n");
    assert_eq!(here.ok(&["ls", "-r", "database"]), format!("{}/a/b\n", hash("a/b")));
    let stat = here.ok(&["stat", "a/b"]);
    assert!(stat.contains("size:         5\n") && stat.contains("metadata:     x=y\n"), "{stat}");
    let stat: serde_json::Value =
        serde_json::from_str(&here.ok(&["--json", "stat", "a/b"])).unwrap();
    let etag = stat["etag"].as_str().unwrap();
    assert!(etag.ends_with("-1"), "{etag} costs nothing");
    assert_eq!(stat["metadata"][":checksum"], "CRC64NVME FULL_OBJECT M3eFcAZSQlc= 5");
    here.ok(&["exists", "a/b"]);
    here.ok(&["rm", "a/b"]);
    assert_eq!(here.run(&["exists", "a/b"]).status.code(), Some(1));
}

fn hash(key: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(key)).chars().take(8).collect()
}

#[test]
fn a_file_appears_only_when_the_object_is_whole() {
    let here = Here::new();
    here.ok_with(&["put", "k"], b"new");
    fs::write(here.path().join("out"), "old").unwrap();
    assert_eq!(here.fails(&["get", "missing", "out"]).0, 1);
    assert_eq!(fs::read_to_string(here.path().join("out")).unwrap(), "old");
    here.ok(&["get", "k", "out"]);
    assert_eq!(fs::read_to_string(here.path().join("out")).unwrap(), "new");
}

#[test]
fn mistakes_get_a_message_a_hint_and_their_exit_code() {
    let here = Here::new();
    here.ok_with(&["put", "k"], b"1");
    here.ok_with(&["put", "files:k"], b"1");
    let (code, error) = here.fails(&["get", "nope"]);
    let wanted = "error: get \"nope\" in store \"main\": no such object\n\
                  hint: `storage-host ls` shows what there is\n";
    assert_eq!((code, error.as_str()), (1, wanted));
    let (code, error) = here.fails(&["put", "look:k", "/dev/null"]);
    assert_eq!(code, 5);
    assert!(
        error.starts_with(
            "error: put \"k\" in store \"look\": unsupported: the store is read-only\n"
        )
    );
    let (code, error) = here.fails(&["put", "files:../k", "/dev/null"]);
    assert_eq!(code, 5);
    assert!(error.starts_with("error: put \"../k\" in store \"files\": invalid key: "), "{error}");
    assert!(!here.path().join("k").exists());
    let (code, error) = here.fails(&["-c", "none.yaml", "ls"]);
    assert_eq!(code, 3);
    assert!(error.contains("none.yaml:1:1: the file can't be read"), "{error}");
    assert_eq!(here.fails(&["get"]).0, 2);
    assert_eq!(here.fails(&["clear", "files"]).0, 2);
    let (_, error) = here.fails(&["--json", "get", "nope"]);
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["error"]["code"], "not-found");
    assert_eq!(error["error"]["key"], "nope");
}

#[test]
fn a_check_repairs_what_a_killed_process_left_only_when_it_is_to() {
    let here = Here::new();
    here.ok_with(&["put", "files:k"], b"1");
    // The leftovers of a process killed between two steps of a write.
    let left = here.path().join(".files.storage/writing-1-0123456789abcdef");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("0"), "half of an obj").unwrap();
    let said = here.ok(&["check"]);
    assert!(said.contains("ok      files") && left.join("0").exists(), "{said}");
    let said = here.ok(&["check", "--repair"]);
    assert!(said.contains("ok      files") && !left.exists(), "{said}");
    assert_eq!(fs::read_dir(here.path().join(".files.storage")).unwrap().count(), 0);
    assert_eq!(here.ok(&["get", "files:k"]), "1");
    // Files that a process still writes are left alone.
    fs::create_dir(&left).unwrap();
    let lock = fs::File::open(&left).unwrap();
    lock.lock().unwrap();
    here.ok(&["check", "--repair"]);
    assert!(left.exists());
}

#[test]
fn many_objects_are_copied_synced_and_cleared_with_exact_counts() {
    let here = Here::new();
    for i in 0..30 {
        let path = here.path().join(format!("files/dir{}/{i}", i % 3));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("object {i}")).unwrap();
    }
    let counts = |copied, skipped, deleted| {
        format!("{copied} copied, {skipped} skipped, {deleted} deleted, 0 failed\n")
    };
    assert_eq!(here.ok(&["copy", "files:dir0/", "main:zero/"]), counts(10, 0, 0));
    assert_eq!(here.ok(&["copy", "files:dir0/", "zero/", "--no-overwrite"]), counts(0, 10, 0));
    assert_eq!(here.ok(&["sync", "files", "main"]), counts(30, 0, 0));
    assert_eq!(here.ok(&["sync", "files", "main"]), counts(0, 30, 0));
    let (code, error) = here.fails(&["sync", "files", "main", "--delete", "--max-delete", "9"]);
    assert_eq!(code, 5);
    assert!(error.contains("10 objects would be deleted, more than the 9"), "{error}");
    let dry = here.ok(&["sync", "files", "main", "--delete", "--dry-run"]);
    assert!(dry.ends_with(&format!("would be: {}", counts(0, 30, 10))), "{dry}");
    assert_eq!(dry.lines().filter(|line| line.starts_with("delete zero/")).count(), 10);
    assert_eq!(here.ok(&["sync", "files", "main", "--delete"]), counts(0, 30, 10));
    fs::write(here.path().join("files/dir0/0"), "changed").unwrap();
    assert_eq!(here.ok(&["sync", "files", "main"]), counts(1, 29, 0));
    assert_eq!(here.ok(&["get", "dir0/0"]), "changed");
    assert_eq!(here.ok(&["clear", "main:dir1/", "--yes"]), counts(0, 0, 10));
    let (code, _) = here.fails(&["sync", "files:none/", "main", "--delete"]);
    assert_eq!(code, 1, "a source that is not there deletes nothing");
    assert_eq!(here.ok(&["ls", "-r"]).lines().count(), 20);
}

#[test]
fn check_reaches_every_store_and_makes_nothing() {
    let here = Here::new();
    let before = here.ok(&["check"]);
    assert!(before.contains("new     database (SqliteStore)"), "{before}");
    assert!(before.contains("new     files (FilesystemStore)"), "{before}");
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 1, "only stores.yaml is there");
    here.ok_with(&["put", "k"], b"x");
    here.ok_with(&["put", "files:k"], b"x");
    let after = here.ok(&["check"]);
    for line in after.lines() {
        assert!(line.starts_with("ok "), "{after}");
    }
    fs::write(
        here.path().join("data/objects.db"),
        "this is no database, only text that is long enough",
    )
    .unwrap();
    for leftover in ["data/objects.db-wal", "data/objects.db-shm"] {
        let _ = fs::remove_file(here.path().join(leftover));
    }
    let output = here.run(&["check"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("failed  database (SqliteStore)"), "{text}");
}

#[test]
fn a_configuration_is_drawn_and_its_types_are_shown() {
    let here = Here::new();
    assert!(
        here.ok(&["graph"]).starts_with("main: GzipStore [main]\n└─ layout: HashPrefixStore\n")
    );
    for (format, start) in
        [("mermaid", "flowchart TD\n"), ("dot", "digraph stores {"), ("svg", "<svg ")]
    {
        assert!(here.ok(&["graph", "--format", format]).starts_with(start));
    }
    let kinds = here.ok(&["kinds"]);
    for name in ["DictStore (also MemoryStore)", "SqliteStore", "GzipStore", "CachingStore"] {
        assert!(kinds.contains(name), "{name} is missing");
    }
    let json: serde_json::Value = serde_json::from_str(&here.ok(&["--json", "kinds"])).unwrap();
    assert!(json.as_array().unwrap().len() >= 23);
    assert!(here.ok(&["completions", "bash"]).contains("storage-host"));
}

#[test]
fn output_that_nobody_reads_any_more_is_no_error() {
    let here = Here::new();
    for i in 0..50 {
        let path = here.path().join(format!("files/{i}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let command = format!("{} ls files | head -1", env!("CARGO_BIN_EXE_storage-host"));
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &command])
        .current_dir(here.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
}

#[test]
fn what_is_no_file_is_written_to_and_stays_what_it_is() {
    let here = Here::new();
    fs::write(here.path().join("given"), "some bytes").unwrap();
    here.ok(&["put", "k", "given"]);

    let pipe = here.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe).unwrap()
    });
    here.ok(&["get", "k", "pipe"]);
    assert_eq!(reader.join().unwrap(), b"some bytes");
    assert!(!pipe.metadata().unwrap().is_file());

    std::os::unix::fs::symlink("elsewhere", here.path().join("link")).unwrap();
    fs::write(here.path().join("elsewhere"), "old").unwrap();
    here.ok(&["get", "k", "link"]);
    assert!(here.path().join("link").is_symlink());
    assert_eq!(fs::read(here.path().join("elsewhere")).unwrap(), b"some bytes");

    let (code, text) = here.fails(&["get", "k", "."]);
    assert!(code == 2 && text.contains("is a directory; name a file"), "{code} {text}");
}

#[test]
fn corrupt_and_hostile_bytes_are_named_and_leave_everything_as_it_was() {
    let here = Here::new();
    let stores = "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  zipped: {type: GzipStore, base: files, config: {max_size: 1000}}
  base64: {type: Base64Store, base: files}
main: zipped
";
    fs::write(here.path().join("stores.yaml"), stores).unwrap();
    let files = here.path().join("files");
    here.ok_with(&["put", "good"], &[b'x'; 1000]);
    let good = fs::read(files.join("good")).unwrap();
    fs::write(files.join("cut"), &good[..good.len() - 3]).unwrap();
    fs::write(files.join("plain"), "not compressed").unwrap();
    here.ok_with(&["put", "bomb"], &[0; 1001]);
    fs::write(here.path().join("out"), "old").unwrap();
    for (key, wanted) in [
        (
            "cut",
            "error: get \"cut\" in store \"zipped\": invalid data: the stored bytes are not whole gzip data: they end in the middle, near byte 27\n",
        ),
        (
            "plain",
            "error: get \"plain\" in store \"zipped\": invalid data: the stored bytes are not whole gzip data: invalid gzip header, near byte 10\n",
        ),
        (
            "bomb",
            "error: get \"bomb\" in store \"zipped\": limit exceeded: the object decompresses to more than the max_size of 1000 bytes\n",
        ),
        (
            "base64:plain",
            "error: get \"plain\" in store \"base64\": invalid data: the stored bytes are not base64, near byte 0\n",
        ),
    ] {
        let before = fs::read(files.join(key.rsplit(':').next().unwrap())).unwrap();
        let (code, error) = here.fails(&["get", key, "out"]);
        assert_eq!((code, error.as_str()), (5, wanted));
        assert_eq!(fs::read_to_string(here.path().join("out")).unwrap(), "old");
        assert_eq!(fs::read(files.join(key.rsplit(':').next().unwrap())).unwrap(), before);
    }
    assert_eq!(here.ok(&["get", "good"]).len(), 1000);
}

#[test]
fn a_disk_that_is_full_loses_nothing_and_publishes_nothing() {
    let here = Here::new();
    let put = |key: &str, kib: usize, limit: &str| {
        let command = format!(
            "trap '' XFSZ; ulimit -f {limit}; head -c {} /dev/zero | {} put files:{key}",
            kib * 1024,
            env!("CARGO_BIN_EXE_storage-host")
        );
        Command::new("bash").args(["-c", &command]).current_dir(here.path()).output().unwrap()
    };
    assert!(put("k", 10, "unlimited").status.success());
    let output = put("k", 10_000, "1000");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{error}");
    assert!(error.starts_with("error: put \"k\" in store \"files\": limit exceeded: "), "{error}");
    assert_eq!(here.ok(&["get", "files:k"]).len(), 10 * 1024);
    assert_eq!(here.ok(&["ls", "files"]), "k\n");
}
