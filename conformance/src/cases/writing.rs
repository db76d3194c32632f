//! Cases for `put` and `write`.

use super::expect::{expect, refused};
use crate::subject::{Subject, read_all};
use crate::values::{bytes, place};
use anyhow::{Result, ensure};
use storage_contract::types::{Error, ObjectInfo, PutOptions, ReadOptions, Trailer};

super::case::cases! {
    [write] test_put_stores_what_was_given test_put_of_no_bytes
        test_write_stores_what_was_pushed test_write_of_many_small_chunks
        test_write_without_a_chunk test_write_ignores_empty_chunks
        test_write_dropped_publishes_nothing
        test_write_is_not_seen_before_it_is_finished test_write_two_at_a_time_do_not_mix;
    [write, replace] test_put_replaces test_put_is_seen_by_every_reader
        test_write_replaces_a_longer_object test_write_dropped_keeps_the_old_object
        test_write_two_to_one_key_leave_one_of_them;
    [write, read] test_put_gives_what_stat_gives test_write_gives_what_stat_gives;
    [write, replace, read] test_put_changes_the_etag;
}

const PLAIN: &PutOptions = &PutOptions {
    content_type: None,
    metadata: Vec::new(),
    etag: None,
    if_absent: false,
    if_match: None,
};

fn now(s: &Subject, key: &str) -> storage_contract::types::Result<Vec<u8>> {
    read_all(s.beside.as_ref(), key, &ReadOptions::default())
}

fn test_put_stores_what_was_given(s: &Subject) -> Result<()> {
    let key = s.key("put/one");
    let (value, wanted) = s.value(&bytes(1_000, 1));
    s.store.put(&key, &value, PLAIN)?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_put_replaces(s: &Subject) -> Result<()> {
    let key = s.key("k");
    for (length, seed) in [(1_000, 1), (10, 2), (2_000, 3)] {
        let (value, wanted) = s.value(&bytes(length, seed));
        s.store.put(&key, &value, PLAIN)?;
        ensure!(now(s, &key)? == wanted, "the object was not replaced");
    }
    Ok(())
}

fn test_put_of_no_bytes(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, wanted) = s.value(b"");
    s.store.put(&key, &value, PLAIN)?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    ensure!(s.beside.exists(&key)?, "an object of no bytes does not exist");
    Ok(())
}

fn test_put_is_seen_by_every_reader(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    // Any cache has a copy now.
    now(s, &key)?;
    let (value, wanted) = s.value(b"new");
    s.store.put(&key, &value, PLAIN)?;
    ensure!(now(s, &key)? == wanted, "an older object was read after put");
    Ok(())
}

/// Whether a write returned the same as stat. It may omit `modified`, which some
/// stores learn only later.
fn agrees(written: &ObjectInfo, stat: &ObjectInfo) -> bool {
    let modified = written.modified.or(stat.modified);
    ObjectInfo { modified, ..written.clone() } == *stat
}

fn test_put_gives_what_stat_gives(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let put = s.store.put(&key, &s.value(b"some").0, PLAIN)?;
    let stat = s.store.stat(&key)?;
    ensure!(agrees(&put, &stat), "put gives {put:?}, stat {stat:?}");
    Ok(())
}

fn test_write_gives_what_stat_gives(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let mut writer = s.store.write(&key, PLAIN)?;
    writer.push(&s.value(b"some").0)?;
    let written = writer.finish(Trailer::default())?;
    let stat = s.store.stat(&key)?;
    ensure!(agrees(&written, &stat), "finish gives {written:?}, stat {stat:?}");
    Ok(())
}

fn test_put_changes_the_etag(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let first = s.store.put(&key, &s.value(b"one").0, PLAIN)?.etag;
    let second = s.store.put(&key, &s.value(b"two").0, PLAIN)?.etag;
    ensure!(first.is_some() && first != second, "etags {first:?} and {second:?}");
    Ok(())
}

fn test_write_stores_what_was_pushed(s: &Subject) -> Result<()> {
    let key = s.key("write/one");
    let (value, wanted) = s.value(&bytes(700_001, 4));
    let mut writer = s.store.write(&key, PLAIN)?;
    for chunk in value.chunks(100_003) {
        writer.push(chunk)?;
    }
    writer.finish(Trailer::default())?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_write_of_many_small_chunks(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, wanted) = s.value(&bytes(500, 5));
    let mut writer = s.store.write(&key, PLAIN)?;
    for byte in value.chunks(1) {
        writer.push(byte)?;
    }
    writer.finish(Trailer::default())?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_write_without_a_chunk(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, wanted) = s.value(b"");
    let mut writer = s.store.write(&key, PLAIN)?;
    if !value.is_empty() {
        writer.push(&value)?;
    }
    writer.finish(Trailer::default())?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_write_ignores_empty_chunks(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, wanted) = s.value(&bytes(50, 6));
    let mut writer = s.store.write(&key, PLAIN)?;
    writer.push(b"")?;
    for chunk in value.chunks(20) {
        writer.push(chunk)?;
        writer.push(b"")?;
    }
    writer.finish(Trailer::default())?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_write_replaces_a_longer_object(s: &Subject) -> Result<()> {
    let key = s.key("k");
    s.beside.put(&key, &s.value(&bytes(5_000, 1)).0, PLAIN)?;
    let (value, wanted) = s.value(b"short");
    let mut writer = s.store.write(&key, PLAIN)?;
    writer.push(&value)?;
    writer.finish(Trailer::default())?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_write_dropped_publishes_nothing(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let before = s.snapshot()?;
    for length in [0, 10, 600_000] {
        let mut writer = s.store.write(&key, PLAIN)?;
        writer.push(&s.value(&bytes(length, 1)).0)?;
        drop(writer);
        ensure!(!s.beside.exists(&key)?, "a dropped writer published {length} bytes");
    }
    ensure!(s.snapshot()? == before, "a dropped writer left something behind");
    expect(now(s, &key), &Error::NotFound, "read after a dropped writer")
}

fn test_write_dropped_keeps_the_old_object(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let old = place(s, &key, 1)?;
    let before = s.snapshot()?;
    let mut writer = s.store.write(&key, PLAIN)?;
    writer.push(&s.value(&bytes(600_000, 2)).0)?;
    drop(writer);
    ensure!(now(s, &key)? == old, "the old object is gone");
    ensure!(s.snapshot()? == before, "a dropped writer left something behind");
    Ok(())
}

fn test_write_is_not_seen_before_it_is_finished(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, wanted) = s.value(&bytes(400_000, 2));
    let mut writer = s.store.write(&key, PLAIN)?;
    writer.push(&value)?;
    ensure!(!s.beside.exists(&key)?, "it is there before it was finished");
    writer.finish(Trailer::default())?;
    ensure!(now(s, &key)? == wanted, "other bytes are stored");
    Ok(())
}

fn test_write_two_at_a_time_do_not_mix(s: &Subject) -> Result<()> {
    let keys = [s.key("one"), s.key("two")];
    let values = [s.value(&bytes(300_000, 1)), s.value(&bytes(300_000, 2))];
    let mut one = s.store.write(&keys[0], PLAIN)?;
    let mut two = s.store.write(&keys[1], PLAIN)?;
    for (a, b) in values[0].0.chunks(70_000).zip(values[1].0.chunks(70_000)) {
        one.push(a)?;
        two.push(b)?;
    }
    two.finish(Trailer::default())?;
    one.finish(Trailer::default())?;
    for (key, (_, wanted)) in keys.iter().zip(&values) {
        ensure!(now(s, key)? == *wanted, "the writers mixed their bytes");
    }
    Ok(())
}

fn test_write_two_to_one_key_leave_one_of_them(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (first, first_read) = s.value(&bytes(9_000, 1));
    let (second, second_read) = s.value(&bytes(8_000, 2));
    let mut one = s.store.write(&key, PLAIN)?;
    one.push(&first)?;
    let mut two = match s.store.write(&key, PLAIN) {
        Ok(two) => two,
        // A store may allow only one writer per key at a time.
        Err(error) => {
            let error = refused::<()>(Err(error), "the second writer")?;
            ensure!(error.code() == "unavailable", "the second writer gave {error:?}");
            one.finish(Trailer::default())?;
            ensure!(now(s, &key)? == first_read, "other bytes are stored");
            return Ok(());
        }
    };
    two.push(&second)?;
    one.finish(Trailer::default())?;
    ensure!(now(s, &key)? == first_read, "the first to finish is not what is stored");
    two.finish(Trailer::default())?;
    ensure!(now(s, &key)? == second_read, "the last to finish is not what is stored");
    Ok(())
}
