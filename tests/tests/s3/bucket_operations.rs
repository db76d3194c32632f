//! The endpoint's metadata on buckets and objects, seen by real clients and plain HTTP.

use anyhow::Result;
use std::fs;
use storage_tests::server::{self, Server};
use storage_tests::{clients, http};

const MEMORY: &str = "
stores:
  main: {type: MemoryStore}
main: main
";

const FILES: &str = "
stores:
  main:
    type: FilesystemStore
    config: {root_path: files}
main: main
";

const DATABASE: &str = "
stores:
  main:
    type: SqliteStore
    config: {db_path: objects.db}
main: main
";

/// A chain that stores other bytes, in another order than that of the keys.
const CHAIN: &str = "
stores:
  database:
    type: SqliteStore
    config: {db_path: objects.db}
  layout:
    type: HashPrefixStore
    base: database
  main:
    type: GzipStore
    base: layout
main: main
";

const DYNAMIC: &str = "
  buckets: dynamic
  credentials: {access_key: TESTACCESSKEY0000001, secret_key: \"${SECRET}\"}
";

#[test]
fn clients_make_and_remove_buckets_in_every_kind_of_store() -> Result<()> {
    for stores in [MEMORY, DATABASE, CHAIN] {
        let server = Server::start_serving(stores, DYNAMIC)?;
        clients::script(&server, "dynamic_buckets.py", &[])?;
        server.stop()?;
    }
    Ok(())
}

#[test]
fn what_lies_below_a_buckets_name_already_is_a_bucket() -> Result<()> {
    let directory = tempfile::tempdir()?;
    // Neither an invalid bucket name nor an object at the top is a bucket.
    for path in ["files/found/a", "files/No Bucket"] {
        fs::create_dir_all(directory.path().join(path))?;
    }
    for (path, text) in [("found/a/b", "was there"), ("No Bucket/k", ""), ("alone", "")] {
        fs::write(directory.path().join("files").join(path), text)?;
    }
    let server = Server::start_serving_in(directory, FILES, DYNAMIC)?;
    // The script must start without any buckets.
    let found = server.directory().join("files/found");
    let aside = server.directory().join("found");
    fs::rename(&found, &aside)?;
    clients::script(&server, "dynamic_buckets.py", &[])?;
    fs::rename(&aside, &found)?;
    clients::script(&server, "found_bucket.py", &[])?;
    server.stop()?;
    Ok(())
}

#[test]
fn checksums_parts_tags_and_conditions_hold_in_every_kind_of_store() -> Result<()> {
    for stores in [MEMORY, FILES, DATABASE, CHAIN] {
        let server = Server::start(stores)?;
        clients::script(&server, "kept_with_objects.py", &["main"])?;
        server.stop()?;
    }
    Ok(())
}

#[test]
fn clients_can_make_no_buckets_where_the_configuration_names_them() -> Result<()> {
    let server = Server::start_anonymous(MEMORY)?;
    let (status, _, body) = http::request(server.port(), "PUT", "/other", &[], b"")?;
    let body = String::from_utf8(body)?;
    assert_eq!(status, 501, "{body}");
    assert!(body.contains("serve.buckets: dynamic lets clients make some"), "{body}");
    assert_eq!(http::request(server.port(), "PUT", "/main", &[], b"")?.0, 409);
    assert_eq!(http::request(server.port(), "DELETE", "/main", &[], b"")?.0, 501);
    server.stop()?;
    Ok(())
}

#[test]
fn buckets_of_clients_need_a_store_that_lists() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let stores = "
stores:
  main:
    type: HashdirStore
    config: {root_path: hashed}
main: main
serve: {buckets: dynamic, listen: \"127.0.0.1:0\"}
";
    fs::write(directory.path().join("stores.yaml"), stores)?;
    let output = server::run(directory.path(), &["run", "stores.yaml"]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr)?;
    assert!(error.contains("must be able to list them; this one can't list"), "{error}");
    Ok(())
}

const CORS: &str = "
  anonymous: true
  cors:
  - origins: [\"https://*.example.org\"]
    methods: [GET, PUT]
    headers: [\"x-amz-*\", content-type]
    expose: [etag]
    max_age: 600
";

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.lines().find(|line| {
        line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name))
    })?;
    Some(line.split_once(':')?.1.trim())
}

#[test]
fn pages_of_other_origins_may_do_what_a_rule_allows_and_no_more() -> Result<()> {
    let server = Server::start_serving(MEMORY, CORS)?;
    let ask = |method: &str, headers: &[(&str, &str)]| {
        http::request(server.port(), method, "/main/k", headers, b"")
    };
    let origin = ("origin", "https://app.example.org");
    let put = ("access-control-request-method", "PUT");
    let (status, head, _) = ask(
        "OPTIONS",
        &[origin, put, ("access-control-request-headers", "X-Amz-Meta-A, content-type")],
    )?;
    assert_eq!(status, 200, "{head}");
    assert_eq!(header(&head, "access-control-allow-origin"), Some(origin.1));
    assert_eq!(header(&head, "access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(header(&head, "access-control-allow-headers"), Some("x-amz-meta-a, content-type"));
    assert_eq!(header(&head, "access-control-max-age"), Some("600"));

    let delete = ("access-control-request-method", "DELETE");
    let other = ("origin", "https://example.com");
    let strange = ("access-control-request-headers", "x-other");
    for refused in [&[origin, delete][..], &[other, put], &[origin, put, strange]] {
        let (status, head, _) = ask("OPTIONS", refused)?;
        assert_eq!(status, 403, "{refused:?}");
        assert_eq!(header(&head, "access-control-allow-origin"), None, "{refused:?}");
    }
    assert_eq!(ask("OPTIONS", &[origin])?.0, 400, "no method is named");

    // A real request is answered, with or without the CORS headers.
    let (status, head, _) = ask("PUT", &[origin])?;
    assert_eq!(status, 200, "{head}");
    assert_eq!(header(&head, "access-control-expose-headers"), Some("etag"));
    let (status, head, _) = ask("GET", &[other])?;
    assert_eq!((status, header(&head, "access-control-allow-origin")), (200, None));
    server.stop()?;
    Ok(())
}

#[test]
fn an_error_names_the_request_as_its_header_does() -> Result<()> {
    let server = Server::start_anonymous(MEMORY)?;
    let (status, head, body) = http::request(server.port(), "GET", "/main/none", &[], b"")?;
    assert_eq!(status, 404);
    let id = header(&head, "x-amz-request-id").unwrap_or_default();
    assert_eq!(id.len(), 16, "{head}");
    assert!(String::from_utf8(body)?.contains(&format!("<RequestId>{id}</RequestId>")));
    let (_, head, _) = http::request(server.port(), "GET", "/main/none", &[], b"")?;
    assert_ne!(header(&head, "x-amz-request-id"), Some(id));
    server.stop()?;
    Ok(())
}

#[test]
fn an_upload_without_a_length_or_with_an_empty_digest_is_refused() -> Result<()> {
    use std::io::{Read, Write};
    let server = Server::start_anonymous(MEMORY)?;
    let empty = [("content-md5", "")];
    let (status, _, body) = http::request(server.port(), "PUT", "/main/k", &empty, b"x")?;
    assert_eq!(status, 400);
    assert!(String::from_utf8(body)?.contains("<Code>InvalidDigest</Code>"));
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port()))?;
    write!(stream, "PUT /main/k HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");
    assert_eq!(http::request(server.port(), "HEAD", "/main/k", &[], b"")?.0, 404);
    server.stop()?;
    Ok(())
}

#[test]
fn an_object_without_a_length_is_taken_up_to_the_limit_of_objects() -> Result<()> {
    use std::io::{Read, Write};
    let serve = "anonymous: true\n  limits: {object_size: 100}";
    let server = Server::start_serving(MEMORY, serve)?;
    let send = |key: &str, bytes: usize| -> Result<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port()))?;
        write!(stream, "PUT /main/{key} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n")?;
        write!(stream, "transfer-encoding: chunked\r\n\r\n{bytes:x}\r\n")?;
        write!(stream, "{}\r\n0\r\n\r\n", "x".repeat(bytes))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = send("fits", 100)?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let found = http::request(server.port(), "GET", "/main/fits", &[], b"")?;
    assert_eq!((found.0, found.2.len()), (200, 100));
    let answer = send("larger", 101)?;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("EntityTooLarge"), "{answer}");
    assert_eq!(http::request(server.port(), "HEAD", "/main/larger", &[], b"")?.0, 404);
    server.stop()?;
    let server = Server::start_anonymous(MEMORY)?;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port()))?;
    write!(stream, "PUT /main/k HTTP/1.1\r\nhost: x\r\nconnection: close\r\n")?;
    write!(stream, "transfer-encoding: chunked\r\n\r\n{:x}\r\n", 17 * 1024 * 1024)?;
    stream.write_all(&vec![7; 17 * 1024 * 1024])?;
    write!(stream, "\r\n0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let found = http::request(server.port(), "HEAD", "/main/k", &[], b"")?.1.to_lowercase();
    assert!(found.contains(&format!("content-length: {}", 17 * 1024 * 1024)), "{found}");
    server.stop()?;
    Ok(())
}

#[test]
fn requests_of_old_clients_are_taken_as_they_are_meant() -> Result<()> {
    let server = Server::start_serving(MEMORY, DYNAMIC)?;
    clients::script(&server, "older_clients.py", &[])?;
    server.stop()?;
    Ok(())
}

/// The texts between two markers.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[test]
fn uploads_under_way_are_listed_by_folder_and_in_pages() -> Result<()> {
    let server = Server::start_anonymous(MEMORY)?;
    let port = server.port();
    for key in ["a", "b/1", "b/1", "b/2", "b/c/3", "c", "c", "d%2F%C3%A9"] {
        let start = format!("/main/{key}?uploads");
        assert_eq!(http::request(port, "POST", &start, &[], b"")?.0, 200);
    }
    let names = |query: &str| -> Result<(Vec<String>, String)> {
        let path = format!("/main?uploads{query}");
        let (status, _, body) = http::request(port, "GET", &path, &[], b"")?;
        let body = String::from_utf8(body)?;
        assert_eq!(status, 200, "{body}");
        let mut names: Vec<_> = between(&body, "<Key>", "</Key>");
        names.extend(between(&body, "<CommonPrefixes><Prefix>", "</Prefix>"));
        Ok((names.into_iter().map(str::to_owned).collect(), body))
    };
    assert_eq!(names("")?.0, ["a", "b/1", "b/1", "b/2", "b/c/3", "c", "c", "d/é"]);
    assert_eq!(names("&delimiter=/")?.0, ["a", "c", "c", "b/", "d/"]);
    assert_eq!(names("&delimiter=/&prefix=b/")?.0, ["b/1", "b/1", "b/2", "b/c/"]);
    assert_eq!(names("&prefix=d&encoding-type=url")?.0, ["d/%C3%A9"]);
    let (mut pages, mut marker) = (Vec::new(), String::new());
    loop {
        let (page, body) = names(&format!("&delimiter=/&max-uploads=1{marker}"))?;
        assert_eq!(page.len(), 1, "{body}");
        pages.extend(page);
        if between(&body, "<IsTruncated>", "<") == ["false"] {
            break;
        }
        let next = |tag: &str| between(&body, tag, "<").concat();
        let (key, id) = (next("<NextKeyMarker>"), next("<NextUploadIdMarker>"));
        marker = format!("&key-marker={key}&upload-id-marker={id}");
    }
    assert_eq!(pages, ["a", "b/", "c", "c", "d/"]);
    server.stop()?;
    Ok(())
}
