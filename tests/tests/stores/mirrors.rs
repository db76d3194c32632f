//! Mirrors with a child that goes away and comes back: what it missed is on record,
//! survives `kill -9`, is healed, and its old objects are never served.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::proxy::Proxy;
use storage_tests::server::{ACCESS_KEY, SECRET_KEY, Server, binary, run};

const PATIENCE: Duration = Duration::from_secs(60);

/// A mirror whose first child is another server, behind a proxy.
struct Setup {
    far: Server,
    proxy: Proxy,
    /// The mirror's `stores:` and `main:`.
    stores: String,
}

impl Setup {
    fn new() -> Result<Self> {
        let far = Server::start(
            "stores:\n  main: {type: FilesystemStore, config: {root_path: objects}}\nmain: main",
        )?;
        let proxy = Proxy::start(far.port())?;
        let port = proxy.port();
        let stores = format!(
            "stores:
  far:
    type: BucketStore
    config:
      bucket_name: main
      endpoint_url: http://127.0.0.1:{port}
      region: us-east-1
      s3_access_key: {ACCESS_KEY}
      s3_secret_key: {SECRET_KEY}
      conditional: true
      retry_deadline: 0
      connect_timeout: 2
  near: {{type: FilesystemStore, config: {{root_path: near}}}}
  journal: {{type: FilesystemStore, config: {{root_path: journal}}}}
  both:
    type: MirroringStore
    base: [far, near]
    config: {{write: any, journal: journal}}
main: both"
        );
        Ok(Self { far, proxy, stores })
    }

    /// Fails unless both children hold the same bytes under the same names.
    fn equal(&self, directory: &Path) -> Result<()> {
        let (near, far) =
            (tree(&directory.join("near"))?, tree(&self.far.directory().join("objects"))?);
        let names = |tree: &BTreeMap<String, Vec<u8>>| tree.keys().cloned().collect::<Vec<_>>();
        ensure!(names(&near) == names(&far), "{:?} and {:?}", names(&near), names(&far));
        ensure!(near == far, "the same names, other bytes");
        Ok(())
    }
}

/// The files below a directory, by path.
fn tree(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(folder) = todo.pop() {
        let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            match path.is_dir() {
                true => todo.push(path),
                false => {
                    let name = path.strip_prefix(directory)?.display().to_string();
                    found.insert(name, std::fs::read(&path)?);
                }
            }
        }
    }
    Ok(found)
}

fn put(port: u16, key: &str, data: &[u8]) -> Result<()> {
    let headers = [("content-type", "text/x-test"), ("x-amz-meta-of", "test")];
    let (status, head, body) = http::request(port, "PUT", &format!("/main/{key}"), &headers, data)?;
    ensure!(status == 200, "{key}: {head}{}", String::from_utf8_lossy(&body));
    Ok(())
}

fn delete(port: u16, key: &str) -> Result<()> {
    let (status, head, _) = http::request(port, "DELETE", &format!("/main/{key}"), &[], b"")?;
    ensure!(status == 204, "{key}: {head}");
    Ok(())
}

/// Runs the binary and returns its exit code and both outputs.
fn cli(directory: &Path, args: &[&str]) -> (i32, String, String) {
    let output = run(directory, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The last line of `heal --json`.
fn healed(directory: &Path, args: &[&str]) -> Result<Value> {
    let args: Vec<&str> = ["heal", "--json"].iter().chain(args).copied().collect();
    let (code, out, err) = cli(directory, &args);
    ensure!(code == 0, "exit {code}: {out}{err}");
    Ok(serde_json::from_str(out.lines().last().context("no output")?)?)
}

#[test]
fn what_a_child_missed_outlives_a_kill_is_never_served_and_is_healed() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    let port = server.port();
    for number in 0..8 {
        put(port, &format!("k{number}"), format!("old {number}").as_bytes())?;
    }
    setup.equal(server.directory())?;
    setup.proxy.down(true);
    let large = bytes(12 << 20, 1);
    put(port, "k0", &large)?;
    put(port, "k1", b"new 1")?;
    put(port, "new/one", b"new")?;
    delete(port, "k2")?;
    delete(port, "k3")?;
    let directory = server.crash()?;
    let at = directory.path();
    setup.proxy.down(false);

    // The far child would answer first, with old data; it is not asked.
    let (code, data, err) = cli(at, &["get", "k1", "-"]);
    ensure!(code == 0 && data == "new 1", "{code} {data:?} {err}");
    ensure!(cli(at, &["exists", "k2"]).0 == 1, "what was deleted came back");
    let (_, listed, _) = cli(at, &["ls", "-r"]);
    ensure!(listed == "k0\nk1\nk4\nk5\nk6\nk7\nnew/one\n", "{listed}");
    let (_, old, _) = cli(at, &["get", "far:k1", "-"]);
    ensure!(old == "old 1", "it was healed before anybody asked: {old}");

    let (code, out, err) = cli(at, &["check", "--deep"]);
    ensure!(code == 4 && out.contains("both: 9 objects"), "exit {code}: {out}{err}");
    ensure!(out.contains("wrong   both: k1: far: 5 bytes") && out.contains("behind"), "{out}");

    let (code, would, err) = cli(at, &["heal", "--dry-run"]);
    ensure!(code == 0, "{err}");
    for line in ["copy    k1 → far\n", "copy    new/one → far\n", "remove  k2 ← far\n"] {
        ensure!(would.contains(line), "no {line:?} in {would}");
    }
    ensure!(would.contains("both: far: would be: 3 copied"), "{would}");
    ensure!(setup.equal(at).is_err(), "a dry run changed something");

    let done = healed(at, &[])?;
    // Completed writes may still be on record as begun.
    let keys = done["keys"].as_u64().unwrap_or_default();
    ensure!(done["left"] == 0 && (5..=9).contains(&keys), "{done}");
    ensure!(done["children"][0]["copied"] == 3 && done["children"][0]["removed"] == 2, "{done}");
    ensure!(done["children"][1]["copied"] == 0 && done["children"][1]["removed"] == 0, "{done}");
    setup.equal(at)?;
    let info = |key: &str| -> Result<Value> {
        let (_, out, err) = cli(at, &["--json", "stat", key]);
        let mut info: Value = serde_json::from_str(&out).context(err)?;
        info["modified"] = Value::Null;
        Ok(info)
    };
    for key in ["k0", "k1", "k4"] {
        let (near, far) = (info(&format!("near:{key}"))?, info(&format!("far:{key}"))?);
        ensure!(near == far && near["content_type"] == "text/x-test", "{near} and {far}");
        ensure!(near["metadata"]["of"] == "test", "{near}");
    }
    let again = healed(at, &["both"])?;
    ensure!(again["keys"] == 0, "the second time: {again}");
    ensure!(tree(&at.join("journal"))?.is_empty(), "the journal is not empty");
    let full = healed(at, &["--full"])?;
    ensure!(full["keys"] == 7 && full["children"][0]["copied"] == 0, "{full}");
    let (code, out, err) = cli(at, &["check", "--deep", "both"]);
    ensure!(code == 0 && out.contains("7 objects") && out.contains("0 wrong"), "{out}{err}");
    Ok(())
}

#[test]
fn a_child_that_does_not_answer_leaves_its_keys_on_record() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    setup.proxy.down(true);
    put(server.port(), "a", b"one")?;
    let directory = server.stop()?;
    let (code, out, err) = cli(directory.path(), &["heal"]);
    ensure!(code == 4 && out.contains("leave   a on far: "), "exit {code}: {out}{err}");
    setup.proxy.down(false);
    healed(directory.path(), &[])?;
    setup.equal(directory.path())
}

#[test]
fn healing_that_is_killed_goes_on_when_it_is_run_again() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    setup.proxy.down(true);
    for number in 0..150_u64 {
        put(server.port(), &format!("k{number}"), &bytes(2_000, number))?;
    }
    let directory = server.crash()?;
    setup.proxy.down(false);
    let mut rounds = 0;
    loop {
        let mut child = Command::new(binary())
            .current_dir(directory.path())
            .args(["heal", "both"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        // Kill each run after its 40th key; the last run ends by itself.
        let copied = lines.map_while(Result::ok).filter(|l| l.starts_with("copy")).take(40).count();
        if copied < 40 {
            ensure!(child.wait()?.success(), "the last run failed");
            break;
        }
        child.kill()?;
        child.wait()?;
        rounds += 1;
        ensure!(rounds < 20, "it gets nowhere");
    }
    ensure!(rounds > 1, "it was killed {rounds} times");
    setup.equal(directory.path())?;
    ensure!(healed(directory.path(), &[])?["keys"] == 0, "something is left on record");
    Ok(())
}

#[test]
fn a_running_server_heals_a_child_that_answers_again() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    put(server.port(), "a", b"old")?;
    put(server.port(), "b", b"old")?;
    setup.proxy.down(true);
    put(server.port(), "a", b"new")?;
    delete(server.port(), "b")?;
    put(server.port(), "c", b"new")?;
    ensure!(server.log().contains("does not answer, and is left out"), "{}", server.log());
    setup.proxy.down(false);
    let start = Instant::now();
    while setup.equal(server.directory()).is_err() || !server.log().contains("healed \"far\"") {
        ensure!(start.elapsed() < PATIENCE, "it is not healed: {}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    // Records of healed keys and of completed writes are removed.
    while !tree(&server.directory().join("journal"))?.is_empty() {
        ensure!(start.elapsed() < PATIENCE, "the journal is not tidied up");
        std::thread::sleep(Duration::from_millis(100));
    }
    let is_told_once = || {
        let log = server.log();
        ensure!(log.matches("\"far\" answers again").count() == 1, "{log}");
        Ok(())
    };
    // Nobody else has asked the child.
    is_told_once()?;
    put(server.port(), "d", b"new")?;
    is_told_once()?;
    setup.equal(server.directory())?;
    server.stop()?;
    Ok(())
}

#[test]
fn what_can_not_be_healed_is_logged_once_and_when_it_is_healed() -> Result<()> {
    let stores = "stores:
  far: {type: FilesystemStore, config: {root_path: far, odd_keys: refuse}}
  near: {type: FilesystemStore, config: {root_path: near}}
  both: {type: MirroringStore, base: [far, near], config: {write: any}}
main: both";
    let server = Server::start_anonymous(stores)?;
    let far = server.directory().join("far");
    put(server.port(), "folder/k", b"old")?;
    lose_and_block(&far, "folder")?;
    put(server.port(), "folder/k", b"new")?;
    put(server.port(), "other", b"new")?;
    let start = Instant::now();
    let wait = |what: &str, holds: &dyn Fn() -> bool| -> Result<()> {
        while !holds() {
            ensure!(start.elapsed() < PATIENCE, "{what}: {}", server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    };
    wait("it is not logged", &|| server.log().contains("can't be healed now"))?;
    std::fs::remove_file(far.join("folder"))?;
    wait("it is not healed", &|| server.log().contains("its children are equal again"))?;
    ensure!(std::fs::read(far.join("folder/k"))? == b"new");
    let log = server.log();
    ensure!(log.matches("can't be healed now").count() == 1, "{log}");
    ensure!(log.contains("such as child \"far\": \"folder/k\": "), "{log}");
    server.stop()?;
    Ok(())
}

/// Makes a key unwritable on a child that had it in a folder: deletes the folder and
/// puts a file in its place.
fn lose_and_block(child: &Path, folder: &str) -> Result<()> {
    std::fs::remove_dir_all(child.join(folder))?;
    Ok(std::fs::write(child.join(folder), "in the way")?)
}

#[test]
fn a_failed_overwrite_never_deletes_the_copy_of_a_child_that_is_well() -> Result<()> {
    for journal in [false, true] {
        let directory = tempfile::tempdir()?;
        let at = directory.path();
        let config = if journal { "{write: all, journal: log}" } else { "{write: all}" };
        let stores = format!(
            "stores:\n  one: {{type: FilesystemStore, config: {{root_path: one, odd_keys: refuse}}}}\n  \
             two: {{type: FilesystemStore, config: {{root_path: two, odd_keys: refuse}}}}\n  \
             log: {{type: FilesystemStore, config: {{root_path: log}}}}\n  \
             both: {{type: MirroringStore, base: [one, two], config: {config}}}\nmain: both\n"
        );
        std::fs::write(at.join("stores.yaml"), stores)?;
        let put = |text: &str| -> Result<(i32, String, String)> {
            std::fs::write(at.join("text"), text)?;
            Ok(cli(at, &["put", "folder/k", "text"]))
        };
        let (code, _, err) = put("old")?;
        ensure!(code == 0, "{err}");
        lose_and_block(&at.join("two"), "folder")?;
        let (code, _, err) = put("new")?;
        ensure!(code != 0 && err.contains("child \"one\": done"), "exit {code}: {err}");
        ensure!(!err.contains("taken back"), "{err}");
        for heal in [&["heal"][..], &["heal", "--full"]] {
            let (_, data, err) = cli(at, &["get", "folder/k", "-"]);
            ensure!(data == "new", "{data:?} {err}");
            cli(at, heal);
        }
        ensure!(cli(at, &["ls", "-r"]).1.lines().any(|key| key == "folder/k"), "it is not listed");
        std::fs::remove_file(at.join("two/folder"))?;
        healed(at, &["--full"])?;
        for child in ["one", "two"] {
            ensure!(std::fs::read(at.join(child).join("folder/k"))? == b"new", "{child}");
        }
    }
    Ok(())
}

#[test]
fn what_too_few_children_took_is_healed_and_never_removed_from_the_others() -> Result<()> {
    let setup = Setup::new()?;
    let stores = setup.stores.replace(
        "  both:",
        "  last: {type: FilesystemStore, config: {root_path: last, odd_keys: refuse}}\n  both:",
    );
    let stores = stores
        .replace("base: [far, near]", "base: [near, far, last]")
        .replace("write: any", "write: quorum");
    let server = Server::start_anonymous(&stores)?;
    let (port, at) = (server.port(), server.directory());
    put(port, "folder/k", b"old")?;
    lose_and_block(&at.join("last"), "folder")?;
    setup.proxy.down(true);
    let (status, ..) = http::request(port, "PUT", "/main/folder/k", &[], b"new")?;
    ensure!(status >= 500, "one of three is no quorum: {status}");
    setup.proxy.down(false);
    let far = setup.far.directory().join("objects/folder/k");
    let start = Instant::now();
    loop {
        let (status, _, data) = http::request(port, "GET", "/main/folder/k", &[], b"")?;
        ensure!(status == 200 && data == b"new", "{status}: {}", String::from_utf8_lossy(&data));
        let held = std::fs::read(&far).context("the other copy went")?;
        if held == b"new" {
            break;
        }
        ensure!(held == b"old" && start.elapsed() < PATIENCE, "not healed: {}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    server.stop()?;
    Ok(())
}

#[test]
fn an_object_that_was_lost_is_an_error_and_stays_on_record_until_somebody_decides() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    put(server.port(), "k", b"old")?;
    setup.proxy.down(true);
    put(server.port(), "k", b"new")?;
    let directory = server.crash()?;
    let at = directory.path();
    std::fs::remove_file(at.join("near/k"))?;
    setup.proxy.down(false);
    for args in [&["get", "k", "-"][..], &["exists", "k"], &["stat", "k"]] {
        let (code, out, err) = cli(at, args);
        ensure!(code > 1 && err.contains("may have been lost"), "{args:?}: {code} {out}{err}");
    }
    ensure!(cli(at, &["ls"]).1 == "k\n", "it is not listed");
    for heal in [&["heal"][..], &["heal", "--full"]] {
        let (code, out, err) = cli(at, heal);
        ensure!(code == 4 && out.contains("leave   k: "), "exit {code}: {out}{err}");
        ensure!(out.contains("only an older copy is left"), "{out}");
    }
    let (_, old, err) = cli(at, &["get", "far:k", "-"]);
    ensure!(old == "old", "the last copy went: {err}");
    let (code, _, err) = cli(at, &["rm", "k"]);
    ensure!(code == 0, "{err}");
    ensure!(cli(at, &["exists", "k"]).0 == 1 && cli(at, &["exists", "far:k"]).0 == 1);
    Ok(())
}

#[test]
fn a_journal_of_an_earlier_version_opens_and_costs_no_copy() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    put(server.port(), "k", b"old")?;
    put(server.port(), "l", b"old")?;
    setup.proxy.down(true);
    delete(server.port(), "k")?;
    put(server.port(), "l", b"new")?;
    let directory = server.crash()?;
    let at = directory.path();
    setup.proxy.down(false);
    let journal = at.join("journal");
    for (name, text) in tree(&journal)? {
        let text = String::from_utf8(text)?;
        let earlier = text.replace("\"format\":2", "\"format\":1").replace(",\"deleted\":true", "");
        ensure!(!text.contains("deleted") || text != earlier, "{text}");
        std::fs::write(journal.join(name), earlier)?;
    }
    // The record does not say whether `far` missed a delete or a write.
    let (code, out, err) = cli(at, &["heal"]);
    ensure!(code == 4 && out.contains("copy    l → far\n"), "exit {code}: {out}{err}");
    ensure!(out.contains("leave   k: ") && !out.contains("remove  k"), "{out}");
    ensure!(cli(at, &["get", "k", "-"]).0 > 1, "it came back, or went");
    ensure!(cli(at, &["rm", "k"]).0 == 0 && cli(at, &["exists", "k"]).0 == 1);
    healed(at, &[])?;
    setup.equal(at)
}

#[test]
fn a_child_that_is_down_is_logged_twice_and_listings_go_on_by_the_journal() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    let port = server.port();
    put(port, "before", b"x")?;
    setup.proxy.down(true);
    for number in 0..30 {
        put(port, &format!("k{number}"), b"x")?;
    }
    let (status, _, listed) = http::request(port, "GET", "/main?list-type=2", &[], b"")?;
    let listed = String::from_utf8(listed)?;
    ensure!(status == 200 && listed.contains("<Key>k29</Key>"), "{status} {listed}");
    ensure!(listed.contains("<Key>before</Key>"), "{listed}");
    setup.proxy.down(false);
    let start = Instant::now();
    while !server.log().contains("answers again") {
        ensure!(start.elapsed() < PATIENCE, "it is not asked again: {}", server.log());
        put(port, "after", b"x")?;
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = server.log();
    for line in ["does not answer, and is left out", "answers again"] {
        ensure!(log.matches(line).count() == 1, "{line:?} is not there once: {log}");
    }
    server.stop()?;
    Ok(())
}

const LOCAL: &str = "stores:
  one: {type: FilesystemStore, config: {root_path: one}}
  two: {type: FilesystemStore, config: {root_path: two}}
  both: {type: MirroringStore, base: [one, two]}
  packed: {type: GzipStore, base: both}
main: packed
";

/// A directory with that configuration and three objects.
fn local() -> Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    std::fs::write(at.join("stores.yaml"), LOCAL)?;
    for key in ["a", "b", "c"] {
        std::fs::write(at.join("text"), format!("text of {key}").repeat(100))?;
        let (code, _, err) = cli(at, &["put", key, "text"]);
        ensure!(code == 0, "{err}");
    }
    Ok(directory)
}

#[test]
fn without_a_journal_complete_listings_are_compared_and_the_newest_copy_wins() -> Result<()> {
    let directory = local()?;
    let at = directory.path();
    std::fs::remove_file(at.join("one/a"))?;
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(at.join("two/b"), "put there by somebody else")?;
    std::fs::write(at.join("two/d"), "new")?;
    let (code, _, err) = cli(at, &["heal"]);
    ensure!(code == 0 && err.contains("no journal"), "{err}");
    ensure!(!at.join("one/a").exists(), "without --full nothing is known");
    let full = healed(at, &["--full"])?;
    ensure!(full["keys"] == 4 && full["left"] == 0, "{full}");
    ensure!(full["children"][0]["copied"] == 3 && full["children"][1]["copied"] == 0, "{full}");
    ensure!(tree(&at.join("one"))? == tree(&at.join("two"))?, "they differ");
    let full = healed(at, &["--full"])?;
    ensure!(full["children"][0]["copied"] == 0, "the second time: {full}");
    Ok(())
}

#[test]
fn a_byte_that_changed_on_one_child_is_found_by_reading_everything() -> Result<()> {
    let directory = local()?;
    let at = directory.path();
    let (code, out, _) = cli(at, &["check", "--deep"]);
    ensure!(code == 0, "{out}");
    ensure!(out.contains("both: 3 objects") && out.contains("packed: 3 objects"), "{out}");
    let path = at.join("two/b");
    let mut data = std::fs::read(&path)?;
    let middle = data.len() / 2;
    if let Some(byte) = data.get_mut(middle) {
        *byte ^= 1;
    }
    std::fs::write(&path, data)?;
    let (code, out, _) = cli(at, &["check", "--deep", "both"]);
    ensure!(code == 4 && out.contains("wrong   both: b: one: ") && out.contains("two: "), "{out}");
    ensure!(out.contains("1 wrong"), "{out}");
    let (code, out, _) = cli(at, &["--json", "check", "--deep"]);
    let finding: Value = serde_json::from_str(out.lines().next().context("no output")?)?;
    ensure!(code == 4 && finding["key"] == "b" && finding["seen"][1]["child"] == "two", "{out}");
    // Only the decompressing store can check the compressed bytes.
    std::fs::copy(&path, at.join("one/b"))?;
    let (code, out, _) = cli(at, &["check", "--deep"]);
    ensure!(code == 4, "{out}");
    ensure!(out.contains("wrong   packed: b: packed: can't be read"), "{out}");
    Ok(())
}

#[test]
fn a_journal_that_can_not_be_understood_is_an_error_in_the_log_and_all_is_compared() -> Result<()> {
    let setup = Setup::new()?;
    let server = Server::start_anonymous(&setup.stores)?;
    for number in 0..5 {
        put(server.port(), &format!("k{number}"), b"old")?;
    }
    setup.proxy.down(true);
    put(server.port(), "k1", b"new")?;
    let directory = server.crash()?;
    setup.proxy.down(false);
    let journal = directory.path().join("journal");
    for name in tree(&journal)?.keys() {
        std::fs::write(journal.join(name), b"\0garbage")?;
    }
    let (code, out, err) = cli(directory.path(), &["heal"]);
    ensure!(code == 0, "exit {code}: {out}{err}");
    ensure!(err.contains("can't be understood"), "{err}");
    setup.equal(directory.path())?;
    let (_, data, _) = cli(directory.path(), &["get", "far:k1", "-"]);
    ensure!(data == "new", "{data}");
    ensure!(tree(&journal)?.is_empty(), "the journal is not empty");
    Ok(())
}

#[test]
fn a_configuration_says_what_is_wrong_with_a_journal() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    for (journal, problem) in [
        ("tow", "there is no store \"tow\"; did you mean \"two\"?"),
        ("two", "journal must be another store than the bases, not \"two\""),
        ("both", "these stores stand on each other: both → both"),
    ] {
        let config = format!(
            "stores:\n  one: {{type: DictStore}}\n  two: {{type: DictStore}}\n  \
             both: {{type: MirroringStore, base: [one, two], config: {{journal: {journal}}}}}\n\
             main: both\n"
        );
        std::fs::write(at.join("stores.yaml"), config)?;
        let (code, _, err) = cli(at, &["check"]);
        ensure!(code == 3 && err.contains(problem), "{code}: {err}");
    }
    let config = "stores:\n  one: {type: DictStore}\n  log: {type: DictStore}\n  \
        both: {type: MirroringStore, base: [one], config: {journal: log}}\nmain: both\n";
    std::fs::write(at.join("stores.yaml"), config)?;
    let (code, drawn, err) = cli(at, &["graph"]);
    ensure!(code == 0 && drawn.contains("└─ journal → log: DictStore"), "{drawn}{err}");
    Ok(())
}
