//! ZipStore together with other programs: Python's zipfile, unzip, a second process.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::process::Command;
use storage_conformance::cases::bytes;
use storage_host::store::{PutOptions, ReadOptions};
use storage_host::{Error, Objects};
use storage_tests::archive::{Archive, as_python_reads, check_with_unzip, python, script};
use storage_tests::http;
use storage_tests::server::{Server, run};

fn hash(data: &[u8]) -> Value {
    hex::encode(Sha256::digest(data)).into()
}

#[test]
fn the_archive_is_sound_at_any_moment_while_it_grows() -> Result<()> {
    let archive = Archive::new()?;
    archive.close(&archive.open()?)?;
    let stop = archive.directory.path().join("stop");
    let watch = Command::new("python3")
        .arg(script())
        .args(["watch", archive.text()])
        .arg(&stop)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    let mut wanted = BTreeMap::new();
    for round in 0..60 {
        let objects = archive.open()?;
        for number in 0..5 {
            let (key, data) = (format!("{round:02}/{number}"), bytes(number * 60_000, round));
            archive.put(&objects, &key, &data)?;
            wanted.insert(key, hash(&data));
        }
        archive.close(&objects)?;
        check_with_unzip(&archive)?;
    }
    std::fs::write(stop, "")?;
    let watched = watch.wait_with_output()?;
    ensure!(watched.status.success(), "{}", String::from_utf8_lossy(&watched.stderr));
    print!("{}", String::from_utf8_lossy(&watched.stdout));
    assert_eq!(as_python_reads(&archive)?, wanted);
    Ok(())
}

#[test]
fn what_waits_gets_into_the_archive_without_a_close() -> Result<()> {
    let archive = Archive::new()?;
    let objects = archive.open()?;
    archive.put(&objects, "key", b"value")?;
    let start = std::time::Instant::now();
    while as_python_reads(&archive)?.is_empty() {
        ensure!(start.elapsed().as_secs() < 30, "it is not there after 30 s");
    }
    assert_eq!(archive.get(&objects, "key")?, b"value");
    Ok(())
}

#[test]
fn what_python_wrote_is_read_and_added_to() -> Result<()> {
    let archive = Archive::made("mixed")?;
    let before = as_python_reads(&archive)?;
    let objects = archive.open()?;
    for (key, wanted) in &before {
        if key == "packed by another method" {
            let error = archive.get(&objects, key).unwrap_err().to_string();
            ensure!(error.contains("compression method 12"), "{error}");
        } else {
            assert_eq!(hash(&archive.get(&objects, key)?), *wanted, "{key}");
        }
    }
    let range = ReadOptions {
        range: Some(storage_host::store::ByteRange::span(300_001, 20)),
        ..ReadOptions::default()
    };
    let part = archive.runtime.block_on(objects.get("deflated", range, 100))?.1;
    assert_eq!(part, "again and again ".repeat(3).as_bytes()[1..21]);
    let options = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: vec![("a".to_owned(), "b".to_owned())],
        ..PutOptions::default()
    };
    let put = objects.put("neu/ü", "new".into(), options);
    let info = archive.runtime.block_on(put)?;
    archive.close(&objects)?;
    let mut wanted = before;
    wanted.insert("neu/ü".to_owned(), hash(b"new"));
    assert_eq!(as_python_reads(&archive)?, wanted);
    check_with_unzip(&archive)?;
    let whole = std::fs::read(archive.path())?;
    ensure!(whole.ends_with(b"kept as it is"), "the comment is gone");
    // Python rewrites the directory; entries that it does not understand stay.
    python(&["append", archive.text(), "later"])?;
    let objects = archive.open()?;
    assert_eq!(archive.runtime.block_on(objects.stat("neu/ü"))?, info);
    assert_eq!(archive.get(&objects, "later")?, b"by Python");
    Ok(())
}

#[test]
fn an_archive_that_python_changes_meanwhile_is_read_again() -> Result<()> {
    let archive = Archive::new()?;
    let objects = archive.open()?;
    archive.put(&objects, "ours", b"ours")?;
    python(&["append", archive.text(), "theirs"])?;
    archive.put(&objects, "ours too", b"ours")?;
    assert_eq!(archive.keys(&objects)?, ["ours", "ours too", "theirs"]);
    assert_eq!(archive.get(&objects, "theirs")?, b"by Python");
    archive.close(&objects)?;
    let names: Vec<_> = as_python_reads(&archive)?.into_keys().collect();
    assert_eq!(names, ["ours", "ours too", "theirs"]);
    Ok(())
}

#[test]
fn a_second_writer_is_refused_and_readers_see_what_is_acknowledged() -> Result<()> {
    let archive = Archive::new()?;
    let objects = archive.open()?;
    archive.put(&objects, "first", b"here")?;
    let yaml = "stores: {archive: {type: ZipStore, config: {path: objects.zip}}}\nmain: archive\n";
    std::fs::write(archive.directory.path().join("stores.yaml"), yaml)?;
    let cli = |arguments: &[&str]| run(archive.directory.path(), arguments);
    for _ in 0..3 {
        let got = cli(&["get", "first", "-"]);
        ensure!(got.stdout == b"here", "{got:?}");
    }
    let refused = cli(&["put", "second", "stores.yaml"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(5), "{said}");
    ensure!(said.contains("another process has this archive open for writing"), "{said}");
    archive.close(&objects)?;
    let put = cli(&["put", "second", "stores.yaml"]);
    ensure!(put.status.success(), "{put:?}");
    let names: Vec<_> = as_python_reads(&archive)?.into_keys().collect();
    assert_eq!(names, ["first", "second"]);
    let left: Vec<_> = std::fs::read_dir(archive.directory.path())?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with('.'))
        .collect();
    ensure!(left.is_empty(), "{left:?} was left");
    Ok(())
}

#[test]
fn what_a_crash_tore_is_cut_off_and_what_was_acknowledged_stays() -> Result<()> {
    let stores = "stores: {main: {type: ZipStore, config: {path: objects.zip}}}\nmain: main";
    let mut server = Server::start_anonymous(stores)?;
    let torn: [&[u8]; 4] =
        [b"S", b"SZJ1\x10\0\0\0", b"SZJ1\xff\xff\xff\xff0123456789abcdef", b"xx"];
    for (round, torn) in torn.into_iter().enumerate() {
        let put = |n: usize| http::request(server.port(), "PUT", &format!("/main/{n}"), &[], b"x");
        assert_eq!(put(round)?.0, 200);
        let directory = server.crash()?;
        let journal = directory.path().join(".objects.zip.storage/journal");
        let mut left = std::fs::read(&journal)?;
        left.extend_from_slice(torn);
        std::fs::write(&journal, left)?;
        server = Server::start_anonymous_in(directory, stores)?;
        ensure!(!server.directory().join(".objects.zip.storage/journal").exists(), "it stayed");
        for n in 0..=round {
            let (status, ..) =
                http::request(server.port(), "GET", &format!("/main/{n}"), &[], b"")?;
            assert_eq!(status, 200, "object {n} after {} crashes", round + 1);
        }
    }
    Ok(())
}

#[test]
fn names_that_lead_out_are_listed_and_neither_read_nor_written() -> Result<()> {
    let archive = Archive::made("escaping")?;
    let objects = archive.open()?;
    assert_eq!(archive.keys(&objects)?, ["../outside", "/etc/passwd", "a/../../b", "good"]);
    for key in ["../outside", "/etc/passwd", "a/../../b"] {
        assert!(matches!(archive.get(&objects, key), Err(Error::InvalidKey(_))), "{key}");
    }
    for key in ["../x", "/x", "x/../../y", "C:\\x", "x/"] {
        assert!(matches!(archive.put(&objects, key, b""), Err(Error::InvalidKey(_))), "{key}");
    }
    assert_eq!(archive.get(&objects, "good")?, b"content");
    Ok(())
}

#[test]
fn an_archive_behind_a_program_is_read_and_not_written() -> Result<()> {
    let archive = Archive::made("prefixed")?;
    let before = std::fs::read(archive.path())?;
    let objects = archive.open()?;
    assert_eq!(archive.get(&objects, "stored")?, b"plain bytes");
    let error = archive.put(&objects, "new", b"").unwrap_err();
    ensure!(error.to_string().contains("nothing can be added"), "{error}");
    archive.close(&objects)?;
    assert_eq!(std::fs::read(archive.path())?, before);
    Ok(())
}

#[test]
fn damaged_archives_are_errors_that_name_them_and_stay_as_they_are() -> Result<()> {
    let archive = Archive::made("mixed")?;
    let whole = std::fs::read(archive.path())?;
    for (what, damaged) in [
        ("nothing", Vec::new()),
        ("no archive", b"this is text".repeat(100)),
        ("half of one", whole[..whole.len() / 2].to_vec()),
        ("without its first bytes", whole[100..].to_vec()),
    ] {
        std::fs::write(archive.path(), &damaged)?;
        match archive.try_open() {
            Err(Error::InvalidData(message)) => {
                ensure!(message.contains("objects.zip"), "{what}: {message}");
            }
            Err(error) => anyhow::bail!("{what}: {error:?}"),
            // The store opens as far as it is readable; the rest fails when it is read.
            Ok(store) => {
                let objects = Objects::new("archive", store);
                let error = archive.get(&objects, "stored").unwrap_err();
                ensure!(matches!(error, Error::InvalidData(_)), "{what}: {error:?}");
                archive.close(&objects)?;
            }
        }
        assert_eq!(std::fs::read(archive.path())?, damaged, "{what}");
    }
    let at = whole.windows(11).position(|w| w == b"plain bytes").context("the object")?;
    let mut damaged = whole;
    damaged[at] ^= 1;
    std::fs::write(archive.path(), damaged)?;
    let objects = archive.open()?;
    let error = archive.get(&objects, "stored").unwrap_err();
    ensure!(error.to_string().contains("checksum"), "{error}");
    Ok(())
}

#[test]
fn an_entry_that_unpacks_to_more_than_it_says_is_an_error() -> Result<()> {
    let archive = Archive::made("bomb")?;
    let objects = archive.open()?;
    let error = archive.get(&objects, "bomb").unwrap_err();
    ensure!(matches!(error, Error::InvalidData(_)), "{error:?}");
    Ok(())
}
