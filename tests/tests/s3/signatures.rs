//! Invalid signatures, and requests that attackers derive from validly signed ones.

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs;
use storage_tests::forging::Forged;
use storage_tests::server::Server;
use storage_tests::signing;
use time::Duration;

const FILES: &str = "
stores:
  files:
    type: FilesystemStore
    config: {root_path: files}
main: files
";

/// Starts a server with the objects `secret` and `open`.
fn start() -> Result<Server> {
    let server = Server::start(FILES)?;
    for key in ["secret", "open"] {
        let put = Forged::new(server.port(), "PUT", &format!("/main/{key}"));
        let (status, body) = put.with(key.as_bytes()).send()?;
        ensure!(status == 200, "{status} {body}");
    }
    Ok(server)
}

/// Checks that only the objects of [`start`] exist, and stops the server.
fn unharmed(server: Server) -> Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(server.directory().join("files"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(fs::read_to_string(&path)? == name, "{name} was changed");
        found.push(name);
    }
    found.sort();
    ensure!(found == ["open", "secret"], "{found:?}");
    server.stop()?;
    Ok(())
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_signature_for_another_scope_is_refused() -> Result<()> {
    let server = start()?;
    let put = Forged::new(server.port(), "PUT", "/main/new").with(b"new");
    let yesterday = Forged { day: Some("20200101".to_owned()), ..put.clone() };
    for forged in [
        yesterday,
        Forged { service: "sts", ..put.clone() },
        Forged { service: "ec2", ..put.clone() },
        Forged { end: "aws5_request", ..put.clone() },
        Forged { region: "u*s", ..put.clone() },
    ] {
        let Forged { day, region, service, end, .. } = &forged;
        let (status, body) = forged.send()?;
        ensure!(status == 400, "{day:?}/{region}/{service}/{end}: {status} {body}");
        let url = Forged { body: Vec::new(), ..forged.clone() }.presigned(60)?;
        let (status, body) = forged.send_to(&url, &[])?;
        ensure!(status >= 400, "{url}: {status} {body}");
        let _ = fs::remove_file(server.directory().join("files/new"));
    }
    // Any region name is accepted if it is signed.
    let get = Forged { region: "eu-central-1", ..Forged::new(server.port(), "GET", "/main/open") };
    ensure!(get.send()? == (200, "open".to_owned()));
    unharmed(server)
}

#[test]
fn a_clock_may_be_off_by_fifteen_minutes_and_no_more() -> Result<()> {
    let server = start()?;
    let get = || Forged::new(server.port(), "GET", "/main/open");
    for (minutes, fine) in [(14, true), (-14, true), (16, false), (-16, false), (527_040, false)] {
        let (status, body) = get().ago(Duration::minutes(minutes)).send()?;
        match fine {
            true => ensure!(status == 200, "{minutes} minutes: {status} {body}"),
            false => {
                ensure!(status == 403, "{minutes} minutes: {status} {body}");
                ensure!(body.contains("<Code>RequestTimeTooSkewed</Code>"), "{body}");
            }
        }
    }
    // The signed date is the one that is checked.
    let mut headers = get().ago(Duration::minutes(16)).headers()?;
    let now = get().signature()?.time;
    for (name, value) in &mut headers {
        if *name == "x-amz-date" {
            value.clone_from(&now);
        }
    }
    ensure!(get().send_as(&headers)?.0 == 403);
    headers.push(header("date", "Thu, 01 Jan 2026 00:00:00 GMT"));
    ensure!(get().send_as(&headers)?.0 == 403);
    unharmed(server)
}

#[test]
fn a_url_holds_for_its_time_its_object_and_its_method() -> Result<()> {
    let server = start()?;
    let get = Forged::new(server.port(), "GET", "/main/open");
    let url = get.presigned(60)?;
    ensure!(get.send_to(&url, &[])? == (200, "open".to_owned()));
    let old = get.clone().ago(Duration::minutes(2));
    let (status, body) = get.send_to(&old.presigned(60)?, &[])?;
    ensure!(status == 403 && body.contains("expired"), "{status} {body}");
    ensure!(get.send_to(&old.presigned(180)?, &[])?.0 == 200);
    let early = get.clone().ago(Duration::minutes(-16));
    ensure!(get.send_to(&early.presigned(60)?, &[])?.0 == 403);
    let long = get.send_to(&get.presigned(604_801)?, &[])?;
    ensure!(long.0 == 403, "more than a week: {long:?}");
    for (changed, method) in [
        (url.replace("/main/open", "/main/secret"), "GET"),
        (url.replace("Expires=60", "Expires=600"), "GET"),
        (format!("{url}&versionId=null"), "GET"),
        (format!("{url}&response-content-type=text/html"), "GET"),
        (url.clone(), "DELETE"),
        (url.clone(), "PUT"),
    ] {
        let other = Forged { method, ..get.clone() };
        let (status, body) = other.send_to(&changed, &[])?;
        ensure!(status == 403, "{method} {changed}: {status} {body}");
    }
    unharmed(server)
}

#[test]
fn a_request_that_was_seen_can_be_sent_again_as_it_is_and_for_some_minutes_only() -> Result<()> {
    let server = start()?;
    let put = Forged::new(server.port(), "PUT", "/main/open").with(b"open");
    let headers = put.headers()?;
    for _ in 0..2 {
        let (status, body) = put.send_as(&headers)?;
        ensure!(status == 200, "{status} {body}");
    }
    let late = put.clone().ago(Duration::minutes(16));
    ensure!(late.send_as(&late.headers()?)?.0 == 403);
    let (status, _) =
        Forged { method: "DELETE", body: Vec::new(), ..put.clone() }.send_as(&headers)?;
    ensure!(status == 403, "another method: {status}");
    for path in ["/main/new", "/main/open?tagging", "/main/open?acl", "/main//open"] {
        let (status, body) = put.send_to(path, &headers)?;
        ensure!(status == 403, "{path}: {status} {body}");
    }
    let (status, body) = Forged { body: b"evil".to_vec(), ..put.clone() }.send_as(&headers)?;
    ensure!((400..500).contains(&status), "another body: {status} {body}");
    for at in 0..headers.len() {
        let mut changed = headers.clone();
        let (name, value) = &mut changed[at];
        // Change the first digit of the signature, but the last of other values.
        let place =
            if *name == "authorization" { value.find("ture=").map(|at| at + 5) } else { None };
        let place = place.unwrap_or(value.len() - 2);
        let digit = if value[place..].starts_with('0') { "1" } else { "0" };
        value.replace_range(place..=place, digit);
        let (status, body) = put.send_as(&changed)?;
        ensure!((400..500).contains(&status), "{changed:?}: {status} {body}");
    }
    unharmed(server)
}

#[test]
fn nothing_that_is_not_signed_makes_a_request_another() -> Result<()> {
    let server = start()?;
    let put = Forged::new(server.port(), "PUT", "/main/open");
    let (url, signed) = (put.presigned(60)?, put.headers()?);
    let encoded = url.replace("X-Amz-Signature", "X-Amz-Signatur%65");
    let authorization = &signed.last().context("a signature")?.1;
    let names = "host;x-amz-content-sha256;x-amz-date";
    let claimed = authorization.replace(names, &format!("{names};x-amz-copy-source"));
    let shouted = authorization.replace(names, &format!("{names};X-Amz-Copy-Source"));
    let renamed = authorization.replace("AWS4-HMAC-SHA256", "AWS-HMAC");
    ensure!(shouted != *authorization && encoded != url);
    let with = |authorization: &str| {
        let mut headers = signed.clone();
        headers.retain(|(name, _)| name != "authorization");
        headers.push(header("authorization", authorization));
        headers
    };
    for evil in [
        header("x-amz-copy-source", "/main/secret"),
        header("x-amz-acl", "public-read"),
        header("x-amz-tagging", "a=b"),
        header("x-amz-meta-origin", "evil"),
        header("x-amz-storage-class", "GLACIER"),
    ] {
        for (path, headers) in [
            (&put.path, signed.clone()),
            (&put.path, with(&claimed)),
            (&put.path, with(&shouted)),
            (&put.path, with(&renamed)),
            (&put.path, [signed.clone(), with(&claimed)].concat()),
            (&url, Vec::new()),
            (&encoded, Vec::new()),
            (&url, vec![header("authorization", &claimed)]),
            (&url, vec![header("authorization", "AWS key:c2lnbmF0dXJl")]),
        ] {
            let headers = [headers, vec![evil.clone()]].concat();
            let (status, body) = put.send_to(path, &headers)?;
            ensure!((400..500).contains(&status), "{path} {headers:?}: {status} {body}");
        }
    }
    unharmed(server)
}

/// The chunks of an upload. Each is signed over the previous one, the first over the
/// request.
fn chunks(put: &Forged, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
    let signature = put.signature()?;
    let empty = hex::encode(Sha256::digest(b""));
    let mut previous = signature.hex.clone();
    let mut chunks = Vec::new();
    for piece in pieces {
        let hash = hex::encode(Sha256::digest(piece));
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{previous}\n{empty}\n{hash}",
            signature.time, signature.scope
        );
        previous = hex::encode(signing::hmac(&signature.key, &text)?);
        let mut chunk = format!("{:x};chunk-signature={previous}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        chunks.push(chunk);
    }
    Ok(chunks)
}

#[test]
fn signed_chunks_can_not_be_changed_left_out_exchanged_or_added() -> Result<()> {
    let server = start()?;
    let pieces: [&[u8]; 3] = [&[b'a'; 8_192], &[b'b'; 8_192], b""];
    let put = |path: &str, length: usize| Forged {
        payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".to_owned(),
        signed: vec![
            header("content-encoding", "aws-chunked"),
            header("x-amz-decoded-content-length", &length.to_string()),
        ],
        ..Forged::new(server.port(), "PUT", path)
    };
    let fine = put("/main/fine", 16_384);
    let body = chunks(&fine, &pieces)?.concat();
    let (status, said) = Forged { body, ..fine }.send()?;
    ensure!(status == 200, "{status} {said}");
    fs::remove_file(server.directory().join("files/fine"))?;

    let bad = put("/main/bad", 16_384);
    let good = chunks(&bad, &pieces)?;
    let only = |at: &[usize]| at.iter().flat_map(|at| good[*at].clone()).collect::<Vec<u8>>();
    let mut changed = only(&[0, 1, 2]);
    changed[9_000] ^= 1;
    let unsigned = String::from_utf8(only(&[0, 1, 2]))?.replace(";chunk-signature=", ";chunk-sig=");
    for (what, body) in [
        ("a byte is another", changed),
        ("a chunk is missing", only(&[0, 2])),
        ("the last bytes are missing", only(&[0])),
        ("a chunk is there twice", only(&[0, 0, 1, 2])),
        ("two are exchanged", only(&[1, 0, 2])),
        ("they are not signed", unsigned.into_bytes()),
    ] {
        let (status, said) = Forged { body, ..bad.clone() }.send()?;
        ensure!((400..500).contains(&status), "{what}: {status} {said}");
    }
    // The signed length determines the end of the chunks; without it, an attacker who
    // cuts off chunks could claim that there are no more.
    let mut cut = put("/main/bad", 8_192);
    let length = cut.signed.pop().context("a length")?;
    cut.unsigned.push(length);
    let body = chunks(&cut, &pieces)?.swap_remove(0);
    let (status, said) = Forged { body, ..cut }.send()?;
    ensure!(status == 403, "the length is not signed: {status} {said}");
    let short = put("/main/bad", 10);
    let body = chunks(&short, &pieces)?.concat();
    let (status, said) = Forged { body, ..short }.send()?;
    ensure!((400..500).contains(&status), "more than was announced: {status} {said}");
    unharmed(server)
}
