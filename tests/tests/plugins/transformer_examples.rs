//! The transformers in `examples/plugins`, in three languages, built as the README says
//! and run by the real binary with their own `stores.yaml`.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use storage_tests::clients::{run, venv};
use storage_tests::http;
use storage_tests::plugins::{self, Example};
use storage_tests::server::Server;
use storage_tests::wasm::root;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Every file below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

#[test]
fn encryption_leaves_no_plain_text_on_disk_and_reads_parts() -> Result<()> {
    let example =
        Example::new("encryption", &plugins::rust("encryption")?)?.with("ENCRYPTION_KEY", KEY);
    let data: Vec<u8> = (0..50_000).flat_map(|i| format!("line {i:05}\n").into_bytes()).collect();
    example.put("folder/large", &data)?;
    example.put("small", "line 00001\n")?;
    example.put("empty", "")?;
    let stored = files(&example.path().join("storage-data"))?;
    ensure!(stored.len() >= 3, "{stored:?}");
    for file in &stored {
        let bytes = fs::read(file)?;
        ensure!(memchr::memmem::find(&bytes, b"line 0").is_none(), "{} is plain", file.display());
    }
    example.ok(&["get", "folder/large", "got"])?;
    ensure!(fs::read(example.path().join("got"))? == data, "not what was put");
    ensure!(example.ok(&["get", "small", "-"])? == "line 00001\n");
    ensure!(example.ok(&["get", "empty", "-"])?.is_empty());
    // Within a chunk, across two, and up to the end.
    for (first, last) in [(11, 21), (65_530, 65_545), (65_536, 200_000), (549_989, 549_999)] {
        let range = format!("{first}-{last}");
        example.ok(&["get", "folder/large", "part", "--range", &range])?;
        ensure!(fs::read(example.path().join("part"))? == data[first..=last], "{range}");
    }
    let listed = example.ok(&["ls", "-r", "-l"])?;
    ensure!(listed.contains("550000") || listed.contains("537"), "{listed}");
    Ok(())
}

#[test]
fn encryption_refuses_another_key_and_every_flipped_bit() -> Result<()> {
    let mut example =
        Example::new("encryption", &plugins::rust("encryption")?)?.with("ENCRYPTION_KEY", KEY);
    example.put("key", vec![7; 100_000])?;
    let stored = files(&example.path().join("storage-data"))?;
    let file = stored.iter().max_by_key(|file| fs::metadata(file).map_or(0, |m| m.len()));
    let file = file.context("nothing was stored")?;
    let good = fs::read(file)?;
    for at in [40, 60_000, good.len() - 100, good.len() - 30] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(file, bad)?;
        let said = example.refused(&["--json", "get", "key", "got"])?;
        ensure!(said.contains("\"invalid-data\""), "byte {at}: {said}");
        ensure!(!example.path().join("got").exists(), "byte {at}: half an object was written");
    }
    fs::write(file, &good[..good.len() / 2])?;
    let said = example.refused(&["--json", "get", "key", "got"])?;
    ensure!(said.contains("\"invalid-data\""), "{said}");

    fs::write(file, good)?;
    example.ok(&["get", "key", "got"])?;
    example = example.with("ENCRYPTION_KEY", &KEY.replace("00", "ff"));
    let said = example.refused(&["get", "key", "-"])?;
    ensure!(said.contains("written with another key"), "{said}");
    example = example.with("ENCRYPTION_KEY", "short");
    let said = example.refused(&["get", "key", "-"])?;
    ensure!(said.contains("key") && said.contains("64"), "{said}");
    Ok(())
}

#[test]
fn redact_keeps_addresses_out_of_the_files() -> Result<()> {
    let example = Example::new("redact", &plugins::javascript("redact")?)?;
    let text = "Ask ada.lovelace@example.org or müller@beispiel.de.\nNot: a @ b, @c, 3@\n";
    let redacted = "Ask <address> or <address>.\nNot: a @ b, @c, 3@\n";
    example.put("mail.txt", text)?;
    ensure!(fs::read_to_string(example.path().join("storage-data/mail.txt"))? == redacted);
    ensure!(example.ok(&["get", "mail.txt", "-"])? == redacted);
    let stat = example.ok(&["--json", "stat", "mail.txt"])?;
    ensure!(stat.contains(&format!("\"size\":{}", redacted.len())), "{stat}");
    example.ok(&["get", "mail.txt", "part", "--range", "4-12"])?;
    ensure!(fs::read_to_string(example.path().join("part"))? == "<address>");
    let said = example.put_refused("image", [0xff, 0xfe])?;
    ensure!(said.contains("is not text in UTF-8"), "{said}");
    ensure!(example.ok(&["ls"])? == "mail.txt\n");
    Ok(())
}

#[test]
fn json_schema_refuses_documents_and_names_the_path() -> Result<()> {
    let example = Example::new("json-schema", &plugins::python("json-schema")?)?;
    let good = r#"{"name": "Ada", "address": {"zip": "12345"}}"#;
    example.put("ada.json", good)?;
    ensure!(example.ok(&["get", "ada.json", "-"])? == good);
    for (document, why) in [
        (r#"{"name": "Ada", "address": {"zip": "1234"}}"#, "document.address.zip must match"),
        (r#"{"address": {}}"#, "document must contain ['name'] properties"),
        (r#"{"name": ""}"#, "document.name must be longer"),
        ("{", "not JSON: Expecting property name"),
        ("", "not JSON"),
    ] {
        let said = example.put_refused("bad.json", document)?;
        ensure!(said.contains("\"invalid-data\"") && said.contains(why), "{document}: {said}");
    }
    ensure!(example.ok(&["ls"])? == "ada.json\n");
    // An invalid schema is detected before anything is written.
    let stores = fs::read_to_string(example.path().join("stores.yaml"))?;
    let stores = stores.replace("type: string, minLength", "type: text, minLength");
    fs::write(example.path().join("stores.yaml"), stores)?;
    let said = example.refused(&["ls"])?;
    ensure!(said.contains("schema: "), "{said}");
    Ok(())
}

#[test]
fn strip_metadata_keeps_the_pixels_and_nothing_that_cameras_tell() -> Result<()> {
    let example = Example::new("strip-metadata", &plugins::rust("strip-metadata")?)?;
    let python = venv("photos", "python/photos.txt")?.join("python");
    let script = root().join("tests/python/photos.py");
    let photos = example.path().join("photos");
    fs::create_dir(&photos)?;
    run(Command::new(&python).arg(&script).arg("make").arg(&photos))?;
    for photo in files(&photos)? {
        let name = photo.file_name().and_then(|name| name.to_str()).context("a name")?;
        example.put(name, fs::read(&photo)?)?;
        let stored = example.path().join("storage-data").join(name);
        run(Command::new(&python).arg(&script).arg("look").arg(&photo).arg(&stored))?;
    }
    ensure!(example.ok(&["ls"])?.lines().count() == 4);
    let said = example.put_refused("notes.txt", "text")?;
    ensure!(said.contains("is no JPEG, PNG or WebP"), "{said}");
    let cut = fs::read(photos.join("photo.webp"))?;
    let said = example.put_refused("cut.webp", &cut[..cut.len() / 2])?;
    ensure!(said.contains("is a damaged WebP"), "{said}");
    Ok(())
}

#[test]
fn no_cache_serves_what_strip_metadata_takes_away() -> Result<()> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("strip-metadata.wasm"), plugins::rust("strip-metadata")?)?;
    let python = venv("photos", "python/photos.txt")?.join("python");
    let script = root().join("tests/python/photos.py");
    let photos = directory.path().join("photos");
    fs::create_dir(&photos)?;
    run(Command::new(&python).arg(&script).arg("make").arg(&photos))?;
    let server = Server::start_anonymous_in(
        directory,
        "
plugins:
  strip-metadata: {component: strip-metadata.wasm, limits: {memory: 256MiB}}
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  stripped: {type: strip-metadata/StripMetadataStore, base: files}
  cache: {type: FilesystemStore, config: {root_path: cache}}
  main: {type: CachingStore, base: {main_store: stripped, cache_store: cache}}
main: main",
    )?;
    for photo in files(&photos)? {
        let name = photo.file_name().and_then(|name| name.to_str()).context("a name")?;
        let (path, got) = (format!("/main/{name}"), server.directory().join("got"));
        let (status, ..) = http::request(server.port(), "PUT", &path, &[], &fs::read(&photo)?)?;
        ensure!(status == 200, "put {name}: {status}");
        // The second answer is the copy.
        for _ in 0..2 {
            let (status, _, stripped) = http::request(server.port(), "GET", &path, &[], b"")?;
            ensure!(status == 200, "get {name}: {status}");
            fs::write(&got, stripped)?;
            run(Command::new(&python).arg(&script).arg("look").arg(&photo).arg(&got))?;
        }
        let copy = fs::read(server.directory().join("cache").join(name))?;
        ensure!(copy == fs::read(&got)?, "{name} is not cached");
    }
    server.stop()?;
    Ok(())
}
