//! Cases for byte ranges.

use super::expect::expect;
use crate::subject::{Subject, read_all};
use crate::values::{bytes, place};
use anyhow::{Result, ensure};
use storage_contract::types::{ByteRange, Error, PutOptions, ReadOptions};

super::case::cases! {
    [read, range] test_get_range_gives_the_part test_get_range_past_the_end_is_cut
        test_get_range_that_starts_past_the_end_is_refused
        test_get_range_of_no_bytes_is_refused test_get_range_of_an_empty_object_is_refused
        test_get_range_of_the_last_bytes test_get_range_with_huge_numbers_is_cut_or_refused
        test_read_range_streams_the_part test_read_range_knows_the_whole_size
        test_read_range_of_a_missing_key_is_not_found;
}

fn part(range: ByteRange) -> ReadOptions {
    ReadOptions { range: Some(range), ..ReadOptions::default() }
}

fn check(s: &Subject, key: &str, whole: &[u8], range: ByteRange) -> Result<()> {
    let (from, to) = range.resolve(whole.len() as u64)?;
    let wanted = &whole[usize::try_from(from)?..usize::try_from(to)?];
    ensure!(s.store.get(key, &part(range))?.1 == wanted, "get of {range:?}: other bytes");
    let read = read_all(s.store.as_ref(), key, &part(range))?;
    ensure!(read == wanted, "read of {range:?}: {} other bytes", read.len());
    Ok(())
}

fn test_get_range_gives_the_part(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let whole = place(s, &key, 1)?;
    for offset in [0, 1, 2, 3, 50, whole.len() as u64 - 1] {
        check(s, &key, &whole, ByteRange::from(offset))?;
        for length in [1, 2, 3, 40] {
            check(s, &key, &whole, ByteRange::span(offset, length))?;
        }
    }
    check(s, &key, &whole, ByteRange::default())
}

fn test_get_range_past_the_end_is_cut(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let whole = place(s, &key, 2)?;
    check(s, &key, &whole, ByteRange::span(whole.len() as u64 - 5, 100))
}

fn test_get_range_that_starts_past_the_end_is_refused(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let size = place(s, &key, 2)?.len() as u64;
    for range in [ByteRange::from(size), ByteRange::span(size, 1), ByteRange::from(size + 9)] {
        expect(s.store.get(&key, &part(range)), &Error::InvalidRange, "get past the end")?;
        let read = read_all(s.store.as_ref(), &key, &part(range));
        expect(read, &Error::InvalidRange, "read past the end")?;
    }
    Ok(())
}

fn test_get_range_of_no_bytes_is_refused(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 2)?;
    for range in [ByteRange::span(0, 0), ByteRange::span(5, 0), ByteRange::last(0)] {
        expect(s.store.get(&key, &part(range)), &Error::InvalidRange, "get of no bytes")?;
    }
    Ok(())
}

fn test_get_range_of_an_empty_object_is_refused(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let (value, becomes) = s.value(b"");
    if !becomes.is_empty() {
        ensure!(!s.dialect.values.may_be_empty(), "nothing became something");
        return Ok(());
    }
    s.beside.put(&key, &value, &PutOptions::default())?;
    for range in [ByteRange::from(0), ByteRange::span(0, 1), ByteRange::last(3)] {
        expect(s.store.get(&key, &part(range)), &Error::InvalidRange, "get of a part of nothing")?;
    }
    Ok(())
}

fn test_get_range_of_the_last_bytes(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let whole = place(s, &key, 3)?;
    for length in [1, 10, whole.len() as u64, whole.len() as u64 + 10] {
        check(s, &key, &whole, ByteRange::last(length))?;
    }
    Ok(())
}

fn test_get_range_with_huge_numbers_is_cut_or_refused(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let whole = place(s, &key, 4)?;
    check(s, &key, &whole, ByteRange::span(1, u64::MAX))?;
    check(s, &key, &whole, ByteRange::last(u64::MAX))?;
    let range = part(ByteRange::span(u64::MAX, u64::MAX));
    expect(s.store.get(&key, &range), &Error::InvalidRange, "get from the end of numbers")
}

fn test_read_range_streams_the_part(s: &Subject) -> Result<()> {
    let key = s.key("large");
    let (value, whole) = s.value(&bytes(1_000_000, 5));
    s.beside.put(&key, &value, &PutOptions::default())?;
    for range in [
        ByteRange::span(65_530, 12),
        ByteRange::span(262_140, 300_000),
        ByteRange::from(999_000),
        ByteRange::last(100_001),
    ] {
        check(s, &key, &whole, range)?;
    }
    Ok(())
}

fn test_read_range_knows_the_whole_size(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 6)?;
    let stat = s.store.stat(&key)?;
    let range = part(ByteRange::span(3, 5));
    ensure!(*s.store.read(&key, &range)?.info() == stat, "read of a range knows something else");
    ensure!(s.store.get(&key, &range)?.0 == stat, "get of a range knows something else");
    Ok(())
}

fn test_read_range_of_a_missing_key_is_not_found(s: &Subject) -> Result<()> {
    let range = part(ByteRange::span(3, 5));
    expect(s.store.get(&s.key("missing"), &range), &Error::NotFound, "get of a range of nothing")
}
