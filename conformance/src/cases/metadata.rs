//! Cases for content types, user metadata and etags given by the caller.

use super::expect::etag;
use crate::subject::Subject;
use crate::values::place;
use anyhow::{Result, ensure};
use md5::{Digest, Md5};
use storage_contract::types::{Metadata, ObjectInfo, PutOptions, ReadOptions, Trailer};

super::case::cases! {
    [write, replace, read, metadata] test_put_keeps_the_content_type test_put_replaces_metadata;
    [write, read, metadata] test_put_keeps_metadata test_put_keeps_a_given_etag
        test_put_keeps_an_etag_that_looks_like_an_md5
        test_write_keeps_what_put_keeps test_write_trailer_etag_wins
        test_write_trailer_metadata_is_added_and_replaces;
    [write, read] test_stat_shows_no_metadata_of_the_stores_own;
    [read] test_stat_etag_is_stable test_stat_etag_looks_like_an_md5_only_where_it_is_one;
}

const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

fn full() -> PutOptions {
    PutOptions {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        metadata: vec![
            ("colour".to_owned(), "bläu 100%".to_owned()),
            ("empty".to_owned(), String::new()),
            ("x-long".to_owned(), "v".repeat(1_000)),
        ],
        etag: Some("an-etag-of-the-callers".to_owned()),
        ..PutOptions::default()
    }
}

fn user(info: &ObjectInfo) -> Metadata {
    let mut metadata = info.metadata.clone();
    metadata.sort();
    metadata
}

fn kept(s: &Subject, key: &str, wanted: &PutOptions) -> Result<()> {
    let stat = s.store.stat(key)?;
    let (got, _) = s.store.get(key, &ReadOptions::default())?;
    for (way, info) in [("stat", stat), ("get", got)] {
        ensure!(info.content_type == wanted.content_type, "{way}: {:?}", info.content_type);
        ensure!(user(&info) == wanted.metadata, "{way}: {:?}", info.metadata);
        ensure!(wanted.etag.is_none() || info.etag == wanted.etag, "{way}: {:?}", info.etag);
    }
    Ok(())
}

fn test_put_keeps_the_content_type(s: &Subject) -> Result<()> {
    let key = s.key("k");
    for kind in [Some("image/png"), None, Some("application/x-strange; a=\"b\"")] {
        let options = PutOptions { content_type: kind.map(str::to_owned), ..PutOptions::default() };
        s.store.put(&key, &s.value(b"some").0, &options)?;
        let now = s.store.stat(&key)?.content_type;
        ensure!(now.as_deref() == kind, "{now:?} instead of {kind:?}");
    }
    Ok(())
}

fn test_put_keeps_metadata(s: &Subject) -> Result<()> {
    let key = s.key("k");
    s.store.put(&key, &s.value(b"some").0, &full())?;
    kept(s, &key, &full())
}

fn test_put_replaces_metadata(s: &Subject) -> Result<()> {
    let key = s.key("k");
    s.store.put(&key, &s.value(b"some").0, &full())?;
    s.store.put(&key, &s.value(b"other").0, &PutOptions::default())?;
    kept(s, &key, &PutOptions::default())?;
    ensure!(s.store.stat(&key)?.etag != full().etag, "the etag of the old object stayed");
    Ok(())
}

fn test_put_keeps_a_given_etag(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let put = s.store.put(&key, &s.value(b"some").0, &full())?;
    ensure!(put.etag == full().etag, "put gives {:?}", put.etag);
    let this = ReadOptions { if_match: full().etag, ..Default::default() };
    s.store.get(&key, &this)?;
    Ok(())
}

fn test_put_keeps_an_etag_that_looks_like_an_md5(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let options = PutOptions { etag: Some(MD5.to_owned()), ..PutOptions::default() };
    let put = s.store.put(&key, &s.value(b"abc").0, &options)?;
    ensure!(put.etag.as_deref() == Some(MD5), "put gives {:?}", put.etag);
    kept(s, &key, &options)
}

fn test_write_keeps_what_put_keeps(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let mut writer = s.store.write(&key, &full())?;
    writer.push(&s.value(b"some").0)?;
    writer.finish(Trailer::default())?;
    kept(s, &key, &full())
}

fn test_write_trailer_etag_wins(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let mut writer = s.store.write(&key, &full())?;
    writer.push(&s.value(b"some").0)?;
    let trailer = Trailer { etag: Some(MD5.to_owned()), ..Trailer::default() };
    let info = writer.finish(trailer)?;
    ensure!(info.etag.as_deref() == Some(MD5), "finish gives {:?}", info.etag);
    kept(s, &key, &PutOptions { etag: Some(MD5.to_owned()), ..full() })
}

fn test_write_trailer_metadata_is_added_and_replaces(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options =
        PutOptions { metadata: vec![pair("a", "1"), pair("b", "1")], ..PutOptions::default() };
    let mut writer = s.store.write(&key, &options)?;
    writer.push(&s.value(b"some").0)?;
    let metadata = vec![pair("b", "2"), pair("c", "2")];
    writer.finish(Trailer { metadata, ..Trailer::default() })?;
    let metadata = vec![pair("a", "1"), pair("b", "2"), pair("c", "2")];
    kept(s, &key, &PutOptions { metadata, ..PutOptions::default() })
}

fn test_stat_shows_no_metadata_of_the_stores_own(s: &Subject) -> Result<()> {
    let key = s.key("k");
    s.store.put(&key, &s.value(b"some").0, &PutOptions::default())?;
    let metadata = s.store.stat(&key)?.metadata;
    ensure!(metadata.is_empty(), "stat shows {metadata:?}");
    Ok(())
}

fn test_stat_etag_is_stable(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let first = etag(&s.store.stat(&key)?)?;
    s.store.get(&key, &ReadOptions::default())?;
    place(s, &s.key("other"), 2)?;
    ensure!(etag(&s.store.stat(&key)?)? == first, "the etag changed by itself");
    Ok(())
}

fn test_stat_etag_looks_like_an_md5_only_where_it_is_one(s: &Subject) -> Result<()> {
    let key = s.key("k");
    let data = place(s, &key, 1)?;
    let etag = etag(&s.store.stat(&key)?)?;
    let looks = etag.len() == 32 && etag.bytes().all(|b| b.is_ascii_hexdigit());
    let md5 = hex::encode(Md5::digest(&data));
    ensure!(!looks || etag == md5, "{etag:?} looks like an MD5 and is not that of the bytes");
    ensure!(!etag.is_empty() && !etag.contains('"'), "{etag:?} is not an etag");
    Ok(())
}
