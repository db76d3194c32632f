//! Cases for `get`, `exists`, `stat` and `read` of whole objects.

use super::expect::expect;
use crate::subject::{Subject, read_all};
use crate::values::{LENGTHS, bytes, place};
use anyhow::{Result, ensure};
use storage_contract::types::{Error, PutOptions, ReadOptions, Trailer};

super::case::cases! {
    [read] test_get_gives_what_was_put test_get_of_a_missing_key_is_not_found
        test_read_gives_what_get_gives test_read_of_a_missing_key_is_not_found
        test_read_stays_at_its_end test_read_in_single_bytes_gives_every_byte
        test_read_two_at_a_time_do_not_mix
        test_read_half_and_drop_harms_nothing
        test_read_every_length test_get_of_a_large_object_is_whole_or_refused
        test_stat_of_a_missing_key_is_not_found
        test_stat_agrees_with_get_and_read
        test_stat_never_gives_a_wrong_size;
    [read; replace] test_read_gives_one_version_while_the_object_is_replaced;
    [read; delete] test_exists_tells_what_is_there;
}

const WHOLE: &ReadOptions = &ReadOptions { range: None, if_match: None, if_none_match: None };

fn test_get_gives_what_was_put(s: &Subject) -> Result<()> {
    let key = s.key("get/one");
    let wanted = place(s, &key, 1)?;
    for _ in 0..3 {
        ensure!(s.store.get(&key, WHOLE)?.1 == wanted, "other bytes came back");
    }
    Ok(())
}

fn test_get_of_a_missing_key_is_not_found(s: &Subject) -> Result<()> {
    expect(s.store.get(&s.key("missing"), WHOLE), &Error::NotFound, "get of a missing key")
}

fn test_read_gives_what_get_gives(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let wanted = place(s, &key, 1)?;
    let (info, data) = s.store.get(&key, WHOLE)?;
    let reader = s.store.read(&key, WHOLE)?;
    ensure!(*reader.info() == info, "read knows {:?}, get {info:?}", reader.info());
    ensure!(data == wanted && read_all(s.store.as_ref(), &key, WHOLE)? == wanted, "other bytes");
    Ok(())
}

fn test_read_of_a_missing_key_is_not_found(s: &Subject) -> Result<()> {
    let result = read_all(s.store.as_ref(), &s.key("missing"), WHOLE);
    expect(result, &Error::NotFound, "read of a missing key")
}

fn test_read_stays_at_its_end(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let mut reader = s.store.read(&key, WHOLE)?;
    while !reader.next(1_000)?.is_empty() {}
    for _ in 0..3 {
        ensure!(reader.next(1_000)?.is_empty(), "bytes came after the end");
    }
    Ok(())
}

fn test_read_in_single_bytes_gives_every_byte(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let wanted = place(s, &key, 7)?;
    let mut reader = s.store.read(&key, WHOLE)?;
    let mut data = Vec::new();
    loop {
        let chunk = reader.next(1)?;
        ensure!(chunk.len() <= 1, "{} bytes came where 1 was asked", chunk.len());
        if chunk.is_empty() {
            break;
        }
        data.extend(chunk);
    }
    ensure!(data == wanted, "other bytes");
    Ok(())
}

fn test_read_gives_one_version_while_the_object_is_replaced(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (old, old_read) = s.value(&bytes(700_000, 1));
    let (new, _) = s.value(&bytes(900_000, 2));
    s.beside.put(&key, &old, &PutOptions::default())?;
    let mut reader = s.store.read(&key, WHOLE)?;
    let mut data = reader.next(1_000)?;
    s.beside.put(&key, &new, &PutOptions::default())?;
    loop {
        match reader.next(100_000) {
            // Failing is allowed; mixing two versions is not.
            Err(_) => return Ok(()),
            Ok(chunk) if chunk.is_empty() => break,
            Ok(chunk) => data.extend(chunk),
        }
    }
    ensure!(data == old_read, "the reader did not give the object that it opened");
    Ok(())
}

fn test_read_two_at_a_time_do_not_mix(s: &Subject) -> Result<()> {
    let keys = [s.key("one"), s.key("two")];
    let wanted = [place(s, &keys[0], 1)?, place(s, &keys[1], 2)?];
    let mut readers = [s.store.read(&keys[0], WHOLE)?, s.store.read(&keys[1], WHOLE)?];
    let mut data = [Vec::new(), Vec::new()];
    loop {
        let mut ended = true;
        for (reader, data) in readers.iter_mut().zip(&mut data) {
            let chunk = reader.next(7)?;
            ended &= chunk.is_empty();
            data.extend(chunk);
        }
        if ended {
            break;
        }
    }
    ensure!(data == wanted, "the readers mixed their bytes");
    Ok(())
}

fn test_read_half_and_drop_harms_nothing(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, wanted) = s.value(&bytes(300_000, 5));
    s.beside.put(&key, &value, &PutOptions::default())?;
    for _ in 0..5 {
        s.store.read(&key, WHOLE)?.next(10)?;
    }
    ensure!(read_all(s.store.as_ref(), &key, WHOLE)? == wanted, "other bytes afterwards");
    Ok(())
}

fn test_read_every_length(s: &Subject) -> Result<()> {
    for &length in LENGTHS {
        let key = s.key(&format!("length-{length}"));
        let (value, wanted) = s.value(&bytes(length, length as u64));
        let mut writer = s.beside.write(&key, &PutOptions::default())?;
        for chunk in value.chunks(256 * 1024) {
            writer.push(chunk)?;
        }
        writer.finish(Trailer::default())?;
        let data = read_all(s.store.as_ref(), &key, WHOLE)?;
        ensure!(data == wanted, "{length} bytes came back as {} others", data.len());
        let size = s.store.stat(&key)?.size;
        ensure!(size.is_none_or(|size| size == wanted.len() as u64), "{length}: size {size:?}");
    }
    Ok(())
}

fn test_get_of_a_large_object_is_whole_or_refused(s: &Subject) -> Result<()> {
    let key = s.key("large");
    let (value, wanted) = s.value(&bytes(9 * 1024 * 1024, 3));
    let write = || {
        let mut writer = s.beside.write(&key, &PutOptions::default())?;
        value.chunks(1024 * 1024).try_for_each(|chunk| writer.push(chunk))?;
        writer.finish(Trailer::default())
    };
    match write() {
        // A store that holds objects in memory may refuse such a large one.
        Err(Error::LimitExceeded(_)) => {
            ensure!(!s.beside.exists(&key)?, "refused, and there");
            return Ok(());
        }
        written => drop(written?),
    }
    match s.store.get(&key, WHOLE) {
        Ok((_, data)) => ensure!(data == wanted, "other bytes"),
        Err(Error::LimitExceeded(_)) => {}
        Err(error) => anyhow::bail!("get of 9 MiB gave {error:?}"),
    }
    ensure!(read_all(s.store.as_ref(), &key, WHOLE)? == wanted, "read gave other bytes");
    Ok(())
}

fn test_exists_tells_what_is_there(s: &Subject) -> Result<()> {
    let key = s.key("k");
    ensure!(!s.store.exists(&key)?, "it exists before it was put");
    place(s, &key, 1)?;
    ensure!(s.store.exists(&key)?, "it does not exist after it was put");
    s.beside.delete(&key, &Default::default())?;
    ensure!(!s.store.exists(&key)?, "it exists after it was deleted");
    Ok(())
}

fn test_stat_of_a_missing_key_is_not_found(s: &Subject) -> Result<()> {
    expect(s.store.stat(&s.key("missing")), &Error::NotFound, "stat of a missing key")
}

fn test_stat_agrees_with_get_and_read(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let stat = s.store.stat(&key)?;
    let (got, _) = s.store.get(&key, WHOLE)?;
    ensure!(stat == got, "stat gives {stat:?}, get {got:?}");
    ensure!(*s.store.read(&key, WHOLE)?.info() == stat, "read knows something else than stat");
    Ok(())
}

fn test_stat_never_gives_a_wrong_size(s: &Subject) -> Result<()> {
    for length in [0, 1, 1_000, 100_000, 10] {
        let key = s.key(&format!("k{length}"));
        let (value, wanted) = s.value(&bytes(length, 9));
        s.beside.put(&key, &value, &PutOptions::default())?;
        let size = s.store.stat(&key)?.size;
        ensure!(
            size.is_none_or(|size| size == wanted.len() as u64),
            "stat says {size:?} of {} bytes",
            wanted.len()
        );
    }
    Ok(())
}
