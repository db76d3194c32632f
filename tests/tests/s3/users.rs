//! Several users of one endpoint, with unsigned requests in between.

use anyhow::Result;
use rustix::process::Signal;
use std::fs;
use std::time::{Duration, Instant};
use storage_tests::server::{self, SECRET_KEY, Server};
use storage_tests::{clients, http};

const STORES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
  others:
    type: DictStore
main: files
";

const USERS: &str = "
  expose: {main: files, other: others}
  credentials:
    - {access_key: OWNER, secret_key: secret-of-OWNER-which-is-long}
    - {access_key: READER, secret_key: secret-of-READER-which-is-long, rights: [read, list]}
    - {access_key: TEAM, secret_key: secret-of-TEAM-which-is-long, buckets: [main], prefix: team/}
    - {access_key: DROPPER, secret_key: secret-of-DROPPER-which-is-long, rights: [write], buckets: [other]}
  anonymous: {rights: [read], buckets: [main], prefix: public/}
";

#[test]
fn every_user_may_do_what_the_scope_says_and_nothing_else() -> Result<()> {
    let server = Server::start_serving(STORES, USERS)?;
    clients::script(&server, "users.py", &[])?;
    assert!(!server.log().contains("secret-of"), "{}", server.log());
    server.stop()?;
    Ok(())
}

const LISTS: &str = "
  buckets: dynamic
  acls: true
  credentials:
    - {access_key: OWNER, secret_key: secret-of-OWNER-which-is-long}
    - {access_key: OTHER, secret_key: secret-of-OTHER-which-is-long}
    - {access_key: READER, secret_key: secret-of-READER-which-is-long, rights: [read, list]}
  anonymous: {rights: [read, list, write]}
";

#[test]
fn owners_and_their_lists_bound_what_others_may_do_in_every_kind_of_store() -> Result<()> {
    for store in [
        "{type: MemoryStore}",
        "{type: FilesystemStore, config: {root_path: files}}",
        "{type: SqliteStore, config: {db_path: objects.db}}",
    ] {
        let server = Server::start_serving(&format!("stores: {{s: {store}}}\nmain: s\n"), LISTS)?;
        clients::script(&server, "acls.py", &[])?;
        server.stop()?;
    }
    Ok(())
}

#[test]
fn where_lists_give_no_rights_one_that_would_is_refused() -> Result<()> {
    let serve = "buckets: dynamic\n  anonymous: true";
    let server = Server::start_serving("stores: {s: {type: MemoryStore}}\nmain: s\n", serve)?;
    let send = |method: &str, path: &str, acl: &str| {
        http::request(server.port(), method, path, &[("x-amz-acl", acl)], b"")
    };
    let (status, _, body) = send("PUT", "/bucket", "public-read")?;
    assert_eq!(status, 501, "{}", String::from_utf8_lossy(&body));
    assert_eq!(send("PUT", "/bucket", "private")?.0, 200);
    for (method, path) in
        [("PUT", "/bucket/k"), ("POST", "/bucket/k?uploads"), ("PUT", "/bucket?acl")]
    {
        assert_eq!(send(method, path, "public-read")?.0, 501, "{method} {path}");
        assert_eq!(send(method, path, "private")?.0, 200, "{method} {path}");
    }
    assert_eq!(send("PUT", "/bucket/k?acl", "authenticated-read")?.0, 501);
    assert_eq!(send("GET", "/bucket/k", "")?.0, 200);
    server.stop()?;
    Ok(())
}

#[test]
fn a_secret_from_the_environment_is_in_no_message() -> Result<()> {
    let serve = "credentials: [{access_key: A, secret_key: '${SECRET}', rights: [raed]}]";
    let Err(error) = Server::start_serving(STORES, serve) else {
        anyhow::bail!("it started");
    };
    let error = format!("{error:#}");
    assert!(error.contains("credentials[0].rights[0]"), "{error}");
    assert!(error.contains("did you mean \"read\"?"), "{error}");
    assert!(!error.contains(SECRET_KEY), "{error}");
    Ok(())
}

#[test]
fn anonymous_read_reads_and_lists_and_changes_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    fs::create_dir(directory.path().join("files"))?;
    fs::write(directory.path().join("files/k"), "hello")?;
    let serve = "credentials: {access_key: A, secret_key: '${SECRET}'}\n  anonymous: read";
    let server = Server::start_serving_in(directory, STORES, serve)?;
    let send = |method: &str, path: &str| http::request(server.port(), method, path, &[], b"");
    assert_eq!(send("GET", "/main/k")?.2, b"hello");
    assert_eq!(send("GET", "/main?list-type=2")?.0, 200);
    for (method, path) in [
        ("PUT", "/main/new"),
        ("DELETE", "/main/k"),
        ("POST", "/main/k?uploads"),
        ("PUT", "/main/k?tagging"),
    ] {
        let (status, _, body) = send(method, path)?;
        let body = String::from_utf8(body)?;
        assert_eq!(status, 403, "{method} {path}: {body}");
        assert!(body.contains("<Code>AccessDenied</Code>"), "{body}");
    }
    server.stop()?;
    Ok(())
}

#[test]
fn a_hangup_takes_rights_away() -> Result<()> {
    let server = Server::start_serving(STORES, "anonymous: {rights: [read, list]}")?;
    let file = server.directory().join("stores.yaml");
    let list = || http::request(server.port(), "GET", "/main?list-type=2", &[], b"");
    assert_eq!(list()?.0, 200);
    fs::write(&file, fs::read_to_string(&file)?.replace("[read, list]", "[read]"))?;
    server.signal(Signal::HUP)?;
    let start = Instant::now();
    while list()?.0 != 403 {
        assert!(start.elapsed() < Duration::from_secs(30), "it may still list");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.stop()?;
    Ok(())
}

#[test]
fn mistakes_in_users_are_named_with_their_place() -> Result<()> {
    for (serve, wanted) in [
        (
            "credentials: [{access_key: A, secret_key: long-enough}, {access_key: A, secret_key: long-enough-2}]",
            "this access key is that of serve.credentials[0], too",
        ),
        ("acls: true", "it needs serve.buckets: dynamic"),
        ("{buckets: dynamic, acls: true, anonymous: true}", "lets everybody do everything"),
        ("credentials: []", "serve.credentials needs at least 1 item(s)"),
        (
            "credentials: {access_key: A, secret_key: long-enough, buckets: [mian]}",
            "there is no bucket \"mian\"; did you mean \"main\"?",
        ),
        ("credentials: {access_key: A, secret_key: short}", "must have at least 8 character(s)"),
        ("anonymous: write", "serve.anonymous can't be this"),
        ("anonymous: {prefix: p}", "\"rights\" is missing in serve.anonymous"),
    ] {
        let directory = tempfile::tempdir()?;
        let text = format!("{STORES}\nserve:\n  {serve}\n");
        fs::write(directory.path().join("stores.yaml"), text)?;
        let output = server::run(directory.path(), &["check", "stores.yaml"]);
        let error = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(3), "{serve}: {error}");
        assert!(error.contains(wanted), "{serve}: {error}");
        assert!(error.contains("stores.yaml:11:"), "{serve}: {error}");
    }
    Ok(())
}
