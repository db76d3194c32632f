//! Direct access to a store below a decorator. Its objects carry the etags of the
//! decorated bytes, which must not pass for the MD5 of the stored bytes.

use anyhow::{Context, Result, ensure};
use md5::{Digest, Md5};
use storage_tests::http;
use storage_tests::server::{Server, run};

const STORES: &str = "
stores:
  plain: {type: GzipStore, base: packed}
  packed: {type: FilesystemStore, config: {root_path: objects}}
main: plain
";

fn md5(data: &[u8]) -> String {
    hex::encode(Md5::digest(data))
}

/// Status, etag and body of an answer.
fn ask(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(u16, String, Vec<u8>)> {
    let (status, head, body) = http::request(server.port(), method, path, headers, body)?;
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let etag = lines.find(|(name, _)| name.eq_ignore_ascii_case("etag"));
    Ok((status, etag.map(|(_, etag)| etag.trim_matches('"').to_owned()).unwrap_or_default(), body))
}

#[test]
fn the_endpoint_shows_no_md5_that_is_of_other_bytes() -> Result<()> {
    let serve = "anonymous: true\n  expose: {plain: plain, packed: packed}";
    let server = Server::start_serving(STORES, serve)?;
    let data = b"words that repeat, words that repeat, words that repeat".repeat(100);
    let (status, plain, _) = ask(&server, "PUT", "/plain/k", &[], &data)?;
    ensure!((status, &plain) == (200, &md5(&data)), "{status} {plain}");

    let (status, etag, packed) = ask(&server, "GET", "/packed/k", &[], b"")?;
    ensure!(status == 200 && packed != data && packed.starts_with(&[0x1f, 0x8b]));
    ensure!(etag == format!("{plain}-0"), "{etag}");
    ensure!(ask(&server, "HEAD", "/packed/k", &[], b"")?.1 == etag);
    let (.., listing) = ask(&server, "GET", "/packed?list-type=2", &[], b"")?;
    ensure!(String::from_utf8_lossy(&listing).contains(&etag), "{listing:?}");

    // Conditions refer to the etag that was returned.
    for (header, value, expected) in [
        ("if-match", etag.as_str(), 200),
        ("if-match", &plain, 412),
        ("if-none-match", &etag, 304),
        ("if-none-match", &plain, 200),
    ] {
        let (status, ..) = ask(&server, "GET", "/packed/k", &[(header, value)], b"")?;
        ensure!(status == expected, "GET with {header}: {value} gives {status}");
    }
    // A copy is a separate object with the stored bytes.
    let from = [("x-amz-copy-source", "packed/k")];
    ensure!(ask(&server, "PUT", "/packed/copy", &from, b"")?.0 == 200);
    let (_, copied, body) = ask(&server, "GET", "/packed/copy", &[], b"")?;
    ensure!(body == packed && copied == md5(&packed), "{copied}");
    // Tags do not affect what is known of the plain bytes.
    let tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    ensure!(ask(&server, "PUT", "/packed/k?tagging", &[], tags)?.0 == 200);
    ensure!(ask(&server, "GET", "/packed/k", &[], b"")?.1 == etag);
    let (status, shown, body) = ask(&server, "GET", "/plain/k", &[], b"")?;
    ensure!((status, &shown) == (200, &plain) && body == data, "{status} {shown}");

    for (method, body) in [("PUT", b"other bytes".as_slice()), ("DELETE", b"")] {
        for (value, expected) in [("0123456789abcdef0123456789abcdef-0", 412), (&etag, 200)] {
            // A fresh object for the second method.
            if expected == 200 {
                ask(&server, "PUT", "/plain/k", &[], &data)?;
            }
            let (status, ..) = ask(&server, method, "/packed/k", &[("if-match", value)], body)?;
            let fine = status == expected || (expected, status) == (200, 204);
            ensure!(fine, "{method} with if-match: {value} gives {status}");
        }
    }
    server.stop()?;
    Ok(())
}

#[test]
fn the_command_line_compares_and_copies_them_by_their_own_bytes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let stores = STORES.replace(
        "main:",
        "  elsewhere: {type: FilesystemStore, config: {root_path: elsewhere}}\nmain:",
    );
    std::fs::write(directory.path().join("stores.yaml"), stores)?;
    std::fs::write(directory.path().join("data"), b"words that repeat ".repeat(1000))?;
    let cli = |arguments: &[&str]| -> Result<serde_json::Value> {
        let arguments = [["--json"].as_slice(), arguments].concat();
        let done = run(directory.path(), &arguments);
        ensure!(done.status.success(), "{arguments:?}: {done:?}");
        let text = String::from_utf8_lossy(&done.stdout);
        Ok(text.lines().last().map(serde_json::from_str).transpose()?.unwrap_or_default())
    };
    cli(&["put", "a/k", "data"])?;
    cli(&["copy", "packed:a/", "packed:b/"])?;
    let etag = cli(&["stat", "packed:b/k"])?["etag"].clone();
    ensure!(etag.as_str().is_some_and(|etag| etag.ends_with("-1")), "{etag} is no MD5");
    let first = cli(&["sync", "packed:", "elsewhere:"])?;
    let again = cli(&["sync", "packed:", "elsewhere:"])?;
    let copied = |report: &serde_json::Value| report["copied"].as_u64().context("a report");
    ensure!((copied(&first)?, copied(&again)?) == (2, 0), "{first} {again}");
    Ok(())
}
