//! Copies through the endpoint and the command line. Whether the backend copies or the
//! bytes are read and written, the results are the same.

use anyhow::{Context, Result, ensure};
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::server::{Server, run};

/// The stores to serve.
const STORES: &[&str] = &[
    "main: {type: DictStore}",
    "main: {type: FilesystemStore, config: {root_path: objects}}",
    "main: {type: SafeFilesystemStore, config: {root_path: objects}}",
    "main: {type: HashdirStore, config: {root_path: objects, index: true}}",
    "main: {type: SqliteStore, config: {db_path: objects.db}}",
    "main: {type: PrefixStore, base: layout, config: {prefix: a/}}
  layout: {type: HashPrefixStore, base: files}
  files: {type: FilesystemStore, config: {root_path: objects}}",
    // These read and write the bytes.
    "main: {type: GzipStore, base: files}
  files: {type: FilesystemStore, config: {root_path: objects}}",
    "main: {type: ZipStore, config: {path: objects.zip}}",
];

/// The headers that describe an object.
const TELLING: &[&str] = &[
    "etag",
    "content-length",
    "content-type",
    "cache-control",
    "x-amz-meta-colour",
    "x-amz-checksum-sha256",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-type",
    "x-amz-tagging-count",
];

/// Headers, with names in lower case.
type Told = Vec<(String, String)>;

fn told(head: &str) -> Told {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let lines = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let mut told: Told = lines.filter(|(name, _)| TELLING.contains(&name.as_str())).collect();
    told.sort();
    told
}

fn header<'a>(told: &'a [(String, String)], name: &str) -> Option<&'a str> {
    told.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The headers and body of a GET.
fn got(port: u16, path: &str) -> Result<(Told, Vec<u8>)> {
    let sums = [("x-amz-checksum-mode", "ENABLED")];
    let (status, head, body) = http::request(port, "GET", path, &sums, b"")?;
    ensure!(status == 200, "GET {path} gives {status}");
    Ok((told(&head), body))
}

fn copy(port: u16, path: &str, from: &str, more: &[(&str, &str)]) -> Result<(u16, String)> {
    let mut headers = vec![("x-amz-copy-source", from)];
    headers.extend(more);
    let (status, _, body) = http::request(port, "PUT", path, &headers, b"")?;
    Ok((status, String::from_utf8(body)?))
}

fn copies(port: u16, bucket: &str, other: &str) -> Result<()> {
    for size in [0, 1_000, 2_500_000] {
        let data = bytes(size, 7);
        let from = format!("/{bucket}/from-{size}");
        let kept = [
            ("content-type", "image/png"),
            ("cache-control", "no-store"),
            ("x-amz-meta-colour", "red"),
            ("x-amz-tagging", "a=1"),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ];
        let (status, _, said) = http::request(port, "PUT", &from, &kept, &data)?;
        ensure!(status == 200, "{}", String::from_utf8_lossy(&said));
        let (whole, _) = got(port, &from)?;
        ensure!(header(&whole, "x-amz-tagging-count") == Some("1"), "{whole:?}");

        let to = format!("/{other}/to-{size}/{}", "k".repeat(40));
        let (status, said) = copy(port, &to, &from, &[])?;
        ensure!(status == 200, "{status} {said}");
        let etag = header(&whole, "etag").context("an etag")?.trim_matches('"').to_owned();
        ensure!(said.contains(&etag), "{said} and not {etag}");
        ensure!(got(port, &to)? == (whole.clone(), data.clone()), "another one came of it");

        // New metadata, tags and another checksum.
        let to = format!("/{other}/renewed-{size}");
        let more = [
            ("x-amz-metadata-directive", "REPLACE"),
            ("x-amz-tagging-directive", "REPLACE"),
            ("x-amz-checksum-algorithm", "CRC64NVME"),
            ("content-type", "text/plain"),
        ];
        let (status, said) = copy(port, &to, &from, &more)?;
        ensure!(status == 200, "{status} {said}");
        ensure!(said.contains("ChecksumCRC64NVME"), "{said}");
        let (renewed, read) = got(port, &to)?;
        ensure!(read == data && header(&renewed, "etag") == header(&whole, "etag"), "{renewed:?}");
        ensure!(header(&renewed, "content-type") == Some("text/plain"), "{renewed:?}");
        ensure!(header(&renewed, "x-amz-meta-colour").is_none(), "{renewed:?}");
        ensure!(header(&renewed, "x-amz-tagging-count").is_none(), "{renewed:?}");
        ensure!(header(&renewed, "x-amz-checksum-crc64nvme").is_some(), "{renewed:?}");

        for (condition, value) in [
            ("x-amz-copy-source-if-match", "\"0\""),
            ("x-amz-copy-source-if-none-match", "*"),
            ("x-amz-copy-source-if-unmodified-since", "Thu, 01 Jan 2015 00:00:00 GMT"),
        ] {
            let none = format!("/{other}/none");
            let (status, said) = copy(port, &none, &from, &[(condition, value)])?;
            ensure!(status == 412, "{condition}: {status} {said}");
            ensure!(http::request(port, "HEAD", &none, &[], b"")?.0 == 404, "{condition}");
        }
    }
    let (status, said) = copy(port, &format!("/{other}/none"), &format!("/{bucket}/nothing"), &[])?;
    ensure!(status == 404 && said.contains("NoSuchKey"), "{status} {said}");
    Ok(())
}

#[test]
fn a_copy_is_the_same_whether_it_was_made_beneath_or_carried() -> Result<()> {
    for stores in STORES {
        let server = Server::start_anonymous(&format!("stores:\n  {stores}\nmain: main\n"))?;
        copies(server.port(), "main", "main").context(*stores)?;
        server.stop()?;
    }
    Ok(())
}

#[test]
fn copies_go_from_bucket_to_bucket_of_one_place() -> Result<()> {
    let stores = "stores:
  main: {type: FilesystemStore, config: {root_path: objects}}
main: main
";
    let server = Server::start_serving(stores, "anonymous: true\n  buckets: dynamic\n")?;
    for bucket in ["first", "second"] {
        let (status, ..) = http::request(server.port(), "PUT", &format!("/{bucket}"), &[], b"")?;
        ensure!(status == 200, "{status}");
    }
    copies(server.port(), "first", "second")?;
    server.stop()?;
    Ok(())
}

#[test]
fn the_command_line_copies_and_moves_within_a_store() -> Result<()> {
    let stores = "stores:
  main: {type: PrefixStore, base: files, config: {prefix: a/}}
  files: {type: FilesystemStore, config: {root_path: objects}}
main: main
";
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("stores.yaml"), stores)?;
    std::fs::write(directory.path().join("data"), bytes(400_000, 3))?;
    let cli = |arguments: &[&str]| -> Result<String> {
        let done = run(directory.path(), arguments);
        ensure!(done.status.success(), "{arguments:?}: {done:?}");
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    };
    for key in ["x/1", "x/2", "x/3"] {
        cli(&["put", key, "data", "--content-type", "image/png", "--meta", "colour=red"])?;
    }
    let before = cli(&["--json", "stat", "x/1"])?;
    cli(&["copy", "main:x/", "files:b/"])?;
    cli(&["mv", "main:x/", "main:y/"])?;
    let told = |text: &str| -> Result<serde_json::Value> {
        let mut told: serde_json::Value = serde_json::from_str(text)?;
        // An etag that nobody gave is of one object only.
        for name in ["key", "modified", "etag"] {
            told.as_object_mut().context("an object")?.remove(name);
        }
        Ok(told)
    };
    ensure!(told(&cli(&["--json", "stat", "y/1"])?)? == told(&before)?);
    let listed = cli(&["ls", "-r", "files:"])?;
    for key in ["a/y/1", "a/y/2", "a/y/3", "b/1", "b/2", "b/3"] {
        ensure!(listed.contains(key), "{listed}");
    }
    ensure!(!listed.contains("a/x/"), "{listed}");
    let data = std::fs::read(directory.path().join("objects/b/3"))?;
    ensure!(data == bytes(400_000, 3), "other bytes");
    Ok(())
}
