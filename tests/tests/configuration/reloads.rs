//! Reloads of the configuration as clients see them: no acknowledged change is lost, no
//! replaced data comes back, no client is turned away.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};
use storage_tests::http;
use storage_tests::server::Server;
use storage_tests::signing::Signer;

fn get(server: &Server, path: &str) -> Result<(u16, String)> {
    let (status, _, body) = http::request(server.port(), "GET", path, &[], b"")?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn put(server: &Server, path: &str, body: &str) -> Result<u16> {
    Ok(http::request(server.port(), "PUT", path, &[], body.as_bytes())?.0)
}

/// Waits until a condition holds, for up to 30 s.
fn until(what: &str, holds: impl Fn() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !holds()? {
        ensure!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A PUT with half of its body sent.
struct Straddling {
    stream: TcpStream,
    rest: Vec<u8>,
}

/// Too large to be sent at once.
const SIZE: usize = 3_000_000;

impl Straddling {
    fn begin(server: &Server, path: &str) -> Result<Self> {
        let asks = [("expect", "100-continue")];
        let mut stream = http::open(server.port(), "PUT", path, &asks, SIZE)?;
        // The server sends this when it begins to read the body.
        let mut answer = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut answer)?;
        ensure!(answer.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&answer));
        let half = vec![b'n'; SIZE / 2];
        stream.write_all(&half)?;
        Ok(Self { stream, rest: vec![b'n'; SIZE - half.len()] })
    }

    fn end(mut self) -> Result<()> {
        self.stream.write_all(&self.rest)?;
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        Ok(())
    }
}

/// Whether a FilesystemStore is open: its side directory then has a folder for it.
fn is_open(directory: &Path, root: &str) -> Result<bool> {
    let side = directory.join(format!(".{root}.storage"));
    let mut names = fs::read_dir(side)?.flatten().map(|entry| entry.file_name());
    Ok(names.any(|name| name.to_string_lossy().starts_with("writing-")))
}

#[test]
fn a_store_in_memory_keeps_its_objects_whatever_changes_above_it() -> Result<()> {
    let stores = |above: &str| {
        format!(
            "stores:\n  kept: {{type: DictStore}}\n  main: {{type: {above}, base: kept}}\nmain: main"
        )
    };
    let server = Server::start_anonymous(&stores("IdentityStore"))?;
    assert_eq!(put(&server, "/main/k", "object")?, 200);
    server.reload()?;
    assert_eq!(get(&server, "/main/k")?, (200, "object".to_owned()));
    server.configure(&stores("LoggingStore"))?;
    server.reload()?;
    assert_eq!(get(&server, "/main/k")?, (200, "object".to_owned()));
    server.configure("stores: {kept: {type: DictStore}}\nmain: kept")?;
    server.reload()?;
    assert_eq!(get(&server, "/main/k")?, (200, "object".to_owned()));
    // A memory store with other initial objects is a new one.
    server.configure("stores: {kept: {type: DictStore, config: {objects: {a: b}}}}\nmain: kept")?;
    server.reload()?;
    assert_eq!(get(&server, "/main/a")?, (200, "b".to_owned()));
    assert_eq!(get(&server, "/main/k")?.0, 404);
    server.stop()?;
    Ok(())
}

#[test]
fn a_write_that_straddles_a_reload_leaves_no_old_copy_in_a_cache() -> Result<()> {
    for cache in ["{type: DictStore}", "{type: FilesystemStore, config: {root_path: cache}}"] {
        let stores = |max: u64, above: &str| {
            format!(
                "stores:
  kept: {{type: FilesystemStore, config: {{root_path: objects}}}}
  cache: {cache}
  cached:
    type: CachingStore
    base: {{main_store: kept, cache_store: cache}}
    config: {{max_object: {max}, ttl: never}}
  main: {{type: {above}, base: cached}}
main: main"
            )
        };
        let server = Server::start_anonymous(&stores(5_000_000, "IdentityStore"))?;
        for (max, above) in [
            (5_000_000, "IdentityStore"),
            (6_000_000, "IdentityStore"),
            (6_000_000, "LoggingStore"),
        ] {
            assert_eq!(put(&server, "/main/k", "old")?, 200);
            assert_eq!(get(&server, "/main/k")?.1, "old");
            let straddling = Straddling::begin(&server, "/main/k")?;
            server.configure(&stores(max, above))?;
            server.reload()?;
            // The new chain now has a copy.
            assert_eq!(get(&server, "/main/k")?, (200, "old".to_owned()));
            straddling.end()?;
            let (status, body) = get(&server, "/main/k")?;
            ensure!(status == 200 && body.len() == SIZE, "{cache}, {max}, {above}: {body:.20}");
        }
        server.stop()?;
    }
    Ok(())
}

#[test]
fn a_cache_whose_main_store_was_changed_is_right_when_the_old_requests_are_over() -> Result<()> {
    let stores = |durable: bool| {
        format!(
            "stores:
  kept: {{type: FilesystemStore, config: {{root_path: objects, durable: {durable}}}}}
  cache: {{type: DictStore}}
  main:
    type: CachingStore
    base: {{main_store: kept, cache_store: cache}}
    config: {{ttl: never, max_object: 100}}
main: main"
        )
    };
    let server = Server::start_anonymous(&stores(true))?;
    assert_eq!(put(&server, "/main/k", "old")?, 200);
    assert_eq!(get(&server, "/main/k")?.1, "old");
    let straddling = Straddling::begin(&server, "/main/k")?;
    server.configure(&stores(false))?;
    server.reload()?;
    assert_eq!(get(&server, "/main/k")?, (200, "old".to_owned()));
    straddling.end()?;
    until("the cache keeps the old object", || Ok(get(&server, "/main/k")?.1.len() == SIZE))?;
    server.stop()?;
    Ok(())
}

#[test]
fn no_cache_shows_an_old_object_while_requests_of_another_configuration_go_on() -> Result<()> {
    let caching = "CachingStore, base: {main_store: kept, cache_store: cache}";
    let stores = |cache: &str, name: &str, main: &str| {
        format!(
            "stores:
  kept: {{type: FilesystemStore, config: {{root_path: objects}}}}
  cache: {{type: {cache}}}
  {name}: {{type: {caching}, config: {{ttl: never, max_object: 5000000}}}}
  main: {{type: IdentityStore, base: {main}}}
main: main"
        )
    };
    let memory = "DictStore";
    let files = "FilesystemStore, config: {root_path: cache}";
    for (before, after) in [
        (stores(memory, "cached", "cached"), stores(files, "cached", "cached")),
        (stores(memory, "cached", "cached"), stores(files, "again", "again")),
        (stores(memory, "cached", "kept"), stores(memory, "cached", "cached")),
        (stores(memory, "cached", "cached"), stores(memory, "cached", "kept")),
    ] {
        let server = Server::start_anonymous(&before)?;
        assert_eq!(put(&server, "/main/k", "old")?, 200);
        assert_eq!(get(&server, "/main/k")?.1, "old");
        let slow = Straddling::begin(&server, "/main/slow")?;
        let straddling = Straddling::begin(&server, "/main/k")?;
        server.configure(&after)?;
        server.reload()?;
        for _ in 0..3 {
            assert_eq!(get(&server, "/main/k")?, (200, "old".to_owned()));
        }
        straddling.end()?;
        for _ in 0..5 {
            let (status, body) = get(&server, "/main/k")?;
            ensure!(status == 200 && body.len() == SIZE, "{after}: {body:.20}");
        }
        // The other way round: an old request reads, or writes, what is new.
        assert_eq!(put(&server, "/main/k", "newer")?, 200);
        assert_eq!(get(&server, "/main/k")?.1, "newer");
        slow.end()?;
        for _ in 0..5 {
            assert_eq!(get(&server, "/main/k")?.1, "newer");
        }
        server.stop()?;
    }
    Ok(())
}

#[test]
fn a_cache_keeps_its_copies_over_a_reload_and_is_used_again_when_the_old_requests_are_over()
-> Result<()> {
    let stores = |max: u64, above: &str| {
        format!(
            "stores:
  kept: {{type: FilesystemStore, config: {{root_path: objects}}}}
  cache: {{type: FilesystemStore, config: {{root_path: cache}}}}
  cached:
    type: CachingStore
    base: {{main_store: kept, cache_store: cache}}
    config: {{ttl: never, max_object: {max}, max_bytes: 1000000}}
  main: {{type: {above}, base: cached}}
main: main"
        )
    };
    let server = Server::start_anonymous(&stores(5_000_000, "IdentityStore"))?;
    // A change past the cache shows whether it was the cache that answered.
    let object = server.directory().join("objects/k");
    let copied = || -> Result<()> {
        assert_eq!(put(&server, "/main/k", "copied")?, 200);
        assert_eq!(get(&server, "/main/k")?, (200, "copied".to_owned()));
        Ok(())
    };
    let answers = |cached: bool| -> Result<()> {
        std::fs::write(&object, "past the cache")?;
        let expected = if cached { "copied" } else { "past the cache" };
        assert_eq!(get(&server, "/main/k")?, (200, expected.to_owned()));
        copied()
    };
    copied()?;
    answers(true)?;
    let straddling = Straddling::begin(&server, "/main/slow")?;
    // The cache is the same store with another option, and each store opens in its turn.
    server.configure(&stores(6_000_000, "LoggingStore"))?;
    server.reload()?;
    answers(true)?;
    straddling.end()?;

    let straddling = Straddling::begin(&server, "/main/slow")?;
    let moved = stores(6_000_000, "LoggingStore").replace("root_path: cache", "root_path: copies");
    server.configure(&moved)?;
    server.reload()?;
    answers(false)?;
    answers(false)?;
    straddling.end()?;
    until("the cache is not used again", || {
        copied()?;
        std::fs::write(&object, "past the cache")?;
        Ok(get(&server, "/main/k")?.1 == "copied")
    })?;
    for number in 0..20 {
        let path = format!("/main/{number}");
        assert_eq!(put(&server, &path, &"x".repeat(100_000))?, 200);
        assert_eq!(get(&server, &path)?.0, 200);
    }
    let copies = std::fs::read_dir(server.directory().join("copies"))?;
    let sizes = copies.map(|file| Ok(file?.metadata()?.len())).collect::<Result<Vec<_>>>()?;
    ensure!(sizes.iter().sum::<u64>() <= 1_000_000, "{sizes:?}");
    server.stop()?;
    Ok(())
}

#[test]
fn an_archive_is_written_while_requests_from_before_the_reload_go_on() -> Result<()> {
    let stores = |above: &str, durable: bool| {
        format!(
            "stores:
  kept: {{type: ZipStore, config: {{path: objects.zip, durable: {durable}}}}}
  main: {{type: {above}, base: kept}}
main: main"
        )
    };
    let server = Server::start_anonymous(&stores("IdentityStore", false))?;
    let mut straddling = Vec::new();
    for (number, (above, durable)) in
        [("IdentityStore", false), ("LoggingStore", false), ("LoggingStore", true)]
            .iter()
            .enumerate()
    {
        straddling.push(Straddling::begin(&server, &format!("/main/old-{number}"))?);
        server.configure(&stores(above, *durable))?;
        server.reload()?;
        assert_eq!(put(&server, &format!("/main/new-{number}"), "new")?, 200, "{}", server.log());
    }
    for straddling in straddling {
        straddling.end()?;
    }
    let server = Server::start_anonymous_in(server.stop()?, &stores("IdentityStore", true))?;
    for number in 0..3 {
        assert_eq!(get(&server, &format!("/main/old-{number}"))?.1.len(), SIZE);
        assert_eq!(get(&server, &format!("/main/new-{number}"))?.1, "new");
    }
    server.stop()?;
    Ok(())
}

#[test]
fn a_store_that_went_away_is_closed_when_its_last_request_is_over() -> Result<()> {
    let stores = |main: &str| {
        format!(
            "stores:
  one: {{type: FilesystemStore, config: {{root_path: one}}}}
  two: {{type: FilesystemStore, config: {{root_path: two}}}}
main: {main}"
        )
    };
    let server = Server::start_anonymous(&stores("one"))?;
    let directory = server.directory().to_owned();
    let straddling = Straddling::begin(&server, "/main/k")?;
    // An open connection does not hold on to the old stores.
    let mut idle = TcpStream::connect(("127.0.0.1", server.port()))?;
    let ask = format!("HEAD /main/none HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", server.port());
    let mut asked = || -> Result<String> {
        idle.write_all(ask.as_bytes())?;
        let mut answer = [0; 4_096];
        let length = idle.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    ensure!(asked()?.starts_with("HTTP/1.1 404 "));
    server.configure(&stores("two"))?;
    server.reload()?;
    assert_eq!(put(&server, "/main/k", "in two")?, 200);
    assert!(is_open(&directory, "one")?, "a request still needs it");
    straddling.end()?;
    until("the store that went away stays open", || Ok(!is_open(&directory, "one")?))?;
    assert!(is_open(&directory, "two")?);
    ensure!(asked()?.starts_with("HTTP/1.1 404 "));
    assert_eq!(fs::metadata(directory.join("one/k"))?.len(), SIZE as u64);
    server.stop()?;
    Ok(())
}

#[test]
fn a_store_whose_folder_was_replaced_is_opened_anew() -> Result<()> {
    let stores =
        "stores: {main: {type: FilesystemStore, config: {root_path: current}}}\nmain: main";
    let directory = tempfile::tempdir()?;
    let at = directory.path().to_owned();
    for name in ["first", "second"] {
        fs::create_dir(at.join(name))?;
        fs::write(at.join(name).join("k"), name)?;
    }
    std::os::unix::fs::symlink("first", at.join("current"))?;
    let server = Server::start_anonymous_in(directory, stores)?;
    assert_eq!(get(&server, "/main/k")?.1, "first");
    std::os::unix::fs::symlink("second", at.join("next"))?;
    fs::rename(at.join("next"), at.join("current"))?;
    server.reload()?;
    assert_eq!(get(&server, "/main/k")?.1, "second");
    server.stop()?;
    Ok(())
}

#[test]
fn what_a_child_missed_is_known_after_a_reload_that_moves_and_changes_it() -> Result<()> {
    let stores = |pattern: &str, children: &str| {
        format!(
            "stores:
  near: {{type: DictStore}}
  kept: {{type: DictStore, config: {{objects: {{k: old, deleted: old}}}}}}
  far: {{type: RegexValidatingStore, base: kept, config: {{pattern: {pattern:?}}}}}
  main: {{type: MirroringStore, base: {children}, config: {{write: any}}}}
main: main"
        )
    };
    let serve = "anonymous: true\n  expose: {main: main, kept: kept}";
    let server = Server::start_serving(&stores("none", "[near, far]"), serve)?;
    ensure!(put(&server, "/main/k", "new")? == 200 && put(&server, "/main/deleted", "new")? == 200);
    ensure!(http::request(server.port(), "DELETE", "/main/deleted", &[], b"")?.0 == 204);
    server.configure(&stores(".", "[far, near]"))?;
    server.reload()?;
    ensure!(get(&server, "/main/k")? == (200, "new".to_owned()), "an old object came back");
    ensure!(get(&server, "/main/deleted")?.0 == 404, "a deleted object came back");
    until("the child is not healed", || Ok(get(&server, "/kept/k")?.1 == "new"))?;
    until("the delete is not repeated", || Ok(get(&server, "/kept/deleted")?.0 == 404))?;
    server.stop()?;
    Ok(())
}

#[test]
fn handlers_hear_of_changes_before_and_after_a_reload() -> Result<()> {
    let stores = |file: &str, above: &str| {
        format!(
            "stores:
  kept: {{type: DictStore}}
  told: {{type: NotifyingStore, base: kept, config: {{on_put: [{{file: {{path: {file}}}}}]}}}}
  main: {{type: {above}, base: told}}
main: main"
        )
    };
    let server = Server::start_anonymous(&stores("one", "IdentityStore"))?;
    let directory = server.directory().to_owned();
    let lines = |file: &str| {
        let text = fs::read_to_string(directory.join(file)).unwrap_or_default();
        text.lines().count()
    };
    assert_eq!(put(&server, "/main/1", "x")?, 200);
    server.reload()?;
    assert_eq!(put(&server, "/main/2", "x")?, 200);
    server.configure(&stores("one", "LoggingStore"))?;
    server.reload()?;
    assert_eq!(put(&server, "/main/3", "x")?, 200);
    until("changes are not told", || Ok(lines("one") == 3))?;
    server.configure(&stores("two", "LoggingStore"))?;
    server.reload()?;
    assert_eq!(put(&server, "/main/4", "x")?, 200);
    until("the new handler is not told", || Ok(lines("two") == 1))?;
    assert_eq!(lines("one"), 3);
    server.stop()?;
    Ok(())
}

#[test]
fn what_a_reload_does_not_take_over_is_said() -> Result<()> {
    let stores = "stores: {main: {type: DictStore}}\nmain: main";
    let server = Server::start_anonymous(stores)?;
    server.reload()?;
    let said = || server.log().contains("a reload can't change it");
    assert!(!said(), "{}", server.log());
    let file = server.directory().join("stores.yaml");
    let text = fs::read_to_string(&file)?;
    let text = text.replace("listen: 127.0.0.1:0", "listen: 127.0.0.1:1");
    fs::write(&file, format!("{text}\n  limits: {{connections: 17, requests: 100}}\n"))?;
    server.reload()?;
    until("it is not said", || Ok(said()))?;
    let log = server.log();
    for option in ["listen", "limits.connections"] {
        assert!(log.contains(&format!("serve.{option} has changed")), "{option}: {log}");
    }
    assert!(!log.contains("limits.requests"), "{log}");
    assert_eq!(put(&server, "/main/k", "x")?, 200, "the old address stays");
    server.stop()?;
    Ok(())
}

#[test]
fn a_secret_comes_from_a_file_and_changes_with_it() -> Result<()> {
    let stores = "stores: {main: {type: DictStore}}\nmain: main";
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("secret");
    fs::write(&file, "the-first-secret\n")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let serve = "credentials: {access_key: A, secret_key_file: secret}";
    let server = Server::start_serving_in(directory, stores, serve)?;
    let status = |secret: &str| -> Result<String> {
        let head =
            Signer::new(server.port(), "us-east-1", "A", secret)?.head("GET", "/main/k", 0)?;
        let mut stream = TcpStream::connect(("127.0.0.1", server.port()))?;
        stream.write_all(head.as_bytes())?;
        let mut answer = [0; 4_096];
        let length = stream.read(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        Ok(answer.split(' ').nth(1).context("no answer")?.to_owned())
    };
    assert_eq!(status("the-first-secret")?, "404");
    assert_eq!(status("the-second-secret")?, "403");
    fs::write(&file, "the-second-secret\n")?;
    server.reload()?;
    assert_eq!(status("the-first-secret")?, "403");
    assert_eq!(status("the-second-secret")?, "404");
    fs::write(&file, "")?;
    let refused = server.reload().err().context("an empty secret was taken")?;
    assert!(format!("{refused:#}").contains("secret is empty"), "{refused:#}");
    assert_eq!(status("the-second-secret")?, "404");
    let log = server.log();
    assert!(log.contains("every user of this machine may read it"), "{log}");
    assert!(!log.contains("-secret\n") && !log.contains("the-first"), "{log}");
    server.stop()?;
    Ok(())
}
