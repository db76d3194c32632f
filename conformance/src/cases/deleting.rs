//! Cases for `delete`.

use super::expect::expect;
use crate::subject::Subject;
use crate::values::place;
use anyhow::{Result, ensure};
use storage_contract::types::{DeleteOptions, Error, ReadOptions};

super::case::cases! {
    [delete] test_delete_removes_the_object test_delete_of_a_missing_key_is_not_found
        test_delete_leaves_the_others test_delete_and_put_again;
    [delete, read] test_delete_if_match_with_another_etag_is_refused
        test_delete_if_match_with_the_etag_removes;
}

const ANY: &DeleteOptions = &DeleteOptions { if_match: None };

fn test_delete_removes_the_object(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    s.beside.get(&key, &ReadOptions::default())?;
    s.store.delete(&key, ANY)?;
    ensure!(!s.beside.exists(&key)?, "it exists after delete");
    let gone = s.beside.get(&key, &ReadOptions::default());
    expect(gone, &Error::NotFound, "get of what was deleted")?;
    expect(s.store.delete(&key, ANY), &Error::NotFound, "the second delete")
}

fn test_delete_of_a_missing_key_is_not_found(s: &Subject) -> Result<()> {
    let before = s.snapshot()?;
    expect(s.store.delete(&s.key("missing"), ANY), &Error::NotFound, "delete of a missing key")?;
    ensure!(s.snapshot()? == before, "something changed");
    Ok(())
}

fn test_delete_leaves_the_others(s: &Subject) -> Result<()> {
    let keys: Vec<String> = ["d/a", "d/ab", "d/b", "da"].iter().map(|k| s.key(k)).collect();
    for (seed, key) in (0..).zip(&keys) {
        place(s, key, seed)?;
    }
    s.store.delete(&keys[0], ANY)?;
    for key in &keys[1..] {
        ensure!(s.beside.exists(key)?, "{key:?} went with another");
    }
    Ok(())
}

fn test_delete_and_put_again(s: &Subject) -> Result<()> {
    let key = s.key("k");
    for seed in 0..3 {
        let wanted = place(s, &key, seed)?;
        ensure!(s.beside.get(&key, &ReadOptions::default())?.1 == wanted, "other bytes");
        s.store.delete(&key, ANY)?;
    }
    ensure!(!s.beside.exists(&key)?, "it exists after delete");
    Ok(())
}

fn test_delete_if_match_with_another_etag_is_refused(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let before = s.snapshot()?;
    let other = DeleteOptions { if_match: Some("another".to_owned()) };
    match s.store.delete(&key, &other) {
        Err(Error::PreconditionFailed | Error::Unsupported(_)) => {}
        other => anyhow::bail!("delete with another etag gave {other:?}"),
    }
    ensure!(s.snapshot()? == before && s.beside.exists(&key)?, "something changed");
    Ok(())
}

fn test_delete_if_match_with_the_etag_removes(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let this = DeleteOptions { if_match: s.store.stat(&key)?.etag };
    match s.store.delete(&key, &this) {
        Ok(()) => ensure!(!s.beside.exists(&key)?, "it exists after delete"),
        // Many servers act on preconditions of writes, but few on those of
        // deletions.
        Err(Error::Unsupported(_)) => {}
        Err(error) => anyhow::bail!("delete with the right etag gave {error:?}"),
    }
    Ok(())
}
