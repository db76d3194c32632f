//! Cases for `if-absent`, `if-match` and `if-none-match`.

use super::expect::{etag, expect};
use crate::subject::{Subject, read_all};
use crate::values::place;
use anyhow::{Result, ensure};
use storage_contract::types::{
    Error, ObjectInfo, PutOptions, ReadOptions, Result as Stored, Trailer,
};

super::case::cases! {
    [write, conditional] test_put_if_absent_over_nothing test_put_if_absent_over_an_object
        test_put_if_match_over_nothing test_put_if_match_with_another_etag
        test_write_if_absent_lost_to_another_put;
    [write, replace, read, conditional] test_put_if_match_with_the_etag
        test_write_if_match_lost_to_another_put;
    [write] test_put_never_ignores_if_absent;
    [read] test_get_if_match test_get_if_none_match test_get_if_match_of_a_missing_key;
}

fn absent() -> PutOptions {
    PutOptions { if_absent: true, ..PutOptions::default() }
}

fn matching(etag: &str) -> PutOptions {
    PutOptions { if_match: Some(etag.to_owned()), ..PutOptions::default() }
}

type Put = fn(&Subject, &str, &[u8], &PutOptions) -> Stored<ObjectInfo>;

/// Both ways to write an object.
const WAYS: [(&str, Put); 2] = [
    ("put", |s, key, data, options| s.store.put(key, data, options)),
    ("write", |s, key, data, options| {
        let mut writer = s.store.write(key, options)?;
        writer.push(data)?;
        writer.finish(Trailer::default())
    }),
];

fn now(s: &Subject, key: &str) -> Stored<Vec<u8>> {
    read_all(s.beside.as_ref(), key, &ReadOptions::default())
}

fn test_put_if_absent_over_nothing(s: &Subject) -> Result<()> {
    for (way, put) in WAYS {
        let key = s.key(way);
        let (value, wanted) = s.value(b"first");
        put(s, &key, &value, &absent())?;
        ensure!(now(s, &key)? == wanted, "{way}: other bytes");
    }
    Ok(())
}

fn test_put_if_absent_over_an_object(s: &Subject) -> Result<()> {
    for (way, put) in WAYS {
        let key = s.key(way);
        let old = place(s, &key, 1)?;
        let before = s.snapshot()?;
        expect(put(s, &key, &s.value(b"new").0, &absent()), &Error::AlreadyExists, way)?;
        ensure!(now(s, &key)? == old && s.snapshot()? == before, "{way}: something changed");
    }
    Ok(())
}

fn test_put_never_ignores_if_absent(s: &Subject) -> Result<()> {
    for (way, put) in WAYS {
        let key = s.key(way);
        let old = place(s, &key, 1)?;
        match put(s, &key, &s.value(b"new").0, &absent()) {
            Err(Error::AlreadyExists | Error::Unsupported(_)) => {}
            other => anyhow::bail!("{way} over an object gave {other:?}"),
        }
        ensure!(now(s, &key)? == old, "{way}: the object was replaced");
    }
    Ok(())
}

fn test_put_if_match_over_nothing(s: &Subject) -> Result<()> {
    for (way, put) in WAYS {
        let key = s.key(way);
        expect(put(s, &key, &s.value(b"new").0, &matching("some")), &Error::NotFound, way)?;
        ensure!(!s.beside.exists(&key)?, "{way}: it was written");
    }
    Ok(())
}

fn test_put_if_match_with_another_etag(s: &Subject) -> Result<()> {
    for (way, put) in WAYS {
        let key = s.key(way);
        let old = place(s, &key, 1)?;
        let before = s.snapshot()?;
        let result = put(s, &key, &s.value(b"new").0, &matching("another"));
        expect(result, &Error::PreconditionFailed, way)?;
        ensure!(now(s, &key)? == old && s.snapshot()? == before, "{way}: something changed");
    }
    Ok(())
}

fn test_put_if_match_with_the_etag(s: &Subject) -> Result<()> {
    for (way, put) in WAYS {
        let key = s.key(way);
        place(s, &key, 1)?;
        let old = etag(&s.store.stat(&key)?)?;
        let (value, wanted) = s.value(b"new");
        let new = etag(&put(s, &key, &value, &matching(&old))?)?;
        ensure!(now(s, &key)? == wanted, "{way}: it was not replaced");
        let late = put(s, &key, &value, &matching(&old));
        if new != old {
            expect(late, &Error::PreconditionFailed, "the old etag")?;
        }
    }
    Ok(())
}

fn test_write_if_absent_lost_to_another_put(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let mut writer = s.store.write(&key, &absent())?;
    writer.push(&s.value(b"late").0)?;
    let first = place(s, &key, 1)?;
    expect(writer.finish(Trailer::default()), &Error::AlreadyExists, "the late writer")?;
    ensure!(now(s, &key)? == first, "the late writer replaced the first");
    Ok(())
}

fn test_write_if_match_lost_to_another_put(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let old = etag(&s.store.stat(&key)?)?;
    let mut writer = s.store.write(&key, &matching(&old))?;
    writer.push(&s.value(b"late").0)?;
    let first = place(s, &key, 2)?;
    expect(writer.finish(Trailer::default()), &Error::PreconditionFailed, "the late writer")?;
    ensure!(now(s, &key)? == first, "the late writer replaced the first");
    Ok(())
}

fn reads(s: &Subject, key: &str, options: &ReadOptions) -> [(&'static str, Stored<Vec<u8>>); 2] {
    [
        ("get", s.store.get(key, options).map(|(_, data)| data)),
        ("read", read_all(s.store.as_ref(), key, options)),
    ]
}

fn test_get_if_match(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let wanted = place(s, &key, 1)?;
    let this = ReadOptions { if_match: s.store.stat(&key)?.etag, ..Default::default() };
    ensure!(this.if_match.is_some(), "there is no etag");
    for (way, result) in reads(s, &key, &this) {
        ensure!(result? == wanted, "{way}: other bytes");
    }
    let other = ReadOptions { if_match: Some("another".to_owned()), ..Default::default() };
    for (way, result) in reads(s, &key, &other) {
        expect(result, &Error::PreconditionFailed, way)?;
    }
    Ok(())
}

fn test_get_if_none_match(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let wanted = place(s, &key, 1)?;
    let this = ReadOptions { if_none_match: s.store.stat(&key)?.etag, ..Default::default() };
    for (way, result) in reads(s, &key, &this) {
        expect(result, &Error::PreconditionFailed, way)?;
    }
    let other = ReadOptions { if_none_match: Some("another".to_owned()), ..Default::default() };
    for (way, result) in reads(s, &key, &other) {
        ensure!(result? == wanted, "{way}: other bytes");
    }
    Ok(())
}

fn test_get_if_match_of_a_missing_key(s: &Subject) -> Result<()> {
    let some = ReadOptions { if_match: Some("some".to_owned()), ..Default::default() };
    for (way, result) in reads(s, &s.key("missing"), &some) {
        expect(result, &Error::NotFound, way)?;
    }
    Ok(())
}
