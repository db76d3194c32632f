//! Cases for keys that stores tend to get wrong, long ones, and ones to refuse.

use super::expect::expect;
use crate::strange::{KEYS, NESTED, NO_PATHS, refused};
use crate::subject::{Subject, snapshot};
use crate::values::bytes;
use anyhow::{Context, Result, ensure};
use storage_contract::types::{Error, ListOptions, MAX_KEY_BYTES, PutOptions, ReadOptions};

super::case::cases! {
    [read, write] test_put_every_strange_key test_put_strange_keys_are_never_aliased
        test_put_keys_that_are_no_paths test_put_keys_below_other_keys test_put_of_long_keys;
    [read, write, list] test_list_every_strange_key;
    [read] test_get_of_a_key_that_the_contract_refuses;
    [write] test_put_of_a_key_that_the_contract_refuses;
    [delete] test_delete_of_a_key_that_the_contract_refuses;
}

/// Puts a value under a key, checks it in every way and deletes it. Returns whether
/// the store accepted the key.
fn round(s: &Subject, key: &str, seed: u64) -> Result<bool> {
    let (value, wanted) = s.value(&bytes(20, seed));
    let before = s.snapshot()?;
    match s.store.put(key, &value, &PutOptions::default()) {
        Err(Error::InvalidKey(message)) if s.dialect.refuses(key) => {
            ensure!(!message.is_empty(), "the refusal says nothing");
            ensure!(s.snapshot()? == before, "a refused key changed something");
            ensure!(
                s.store.get(key, &ReadOptions::default()).is_err(),
                "a refused key can be read"
            );
            return Ok(false);
        }
        other => other?,
    };
    ensure!(s.store.exists(key)?, "it does not exist after put");
    ensure!(s.store.get(key, &ReadOptions::default())?.1 == wanted, "other bytes");
    s.store.stat(key)?;
    if s.store.capabilities().list {
        let options = ListOptions { prefix: key.to_owned(), ..Default::default() };
        let listed: Vec<String> =
            s.store.list(&options)?.entries.into_iter().map(|e| e.key).collect();
        ensure!(listed == [key], "listed as {listed:?}");
    }
    if s.store.capabilities().delete {
        s.store.delete(key, &Default::default())?;
        ensure!(!s.store.exists(key)?, "it exists after delete");
    }
    Ok(true)
}

fn test_put_every_strange_key(s: &Subject) -> Result<()> {
    for (seed, (name, key)) in (0..).zip(KEYS) {
        round(s, &s.key(key), seed).with_context(|| format!("{name}: {key:?}"))?;
    }
    Ok(())
}

fn test_put_keys_that_are_no_paths(s: &Subject) -> Result<()> {
    for (seed, (name, key)) in (0..).zip(NO_PATHS) {
        round(s, &s.key(key), seed).with_context(|| format!("{name}: {key:?}"))?;
    }
    Ok(())
}

fn test_put_strange_keys_are_never_aliased(s: &Subject) -> Result<()> {
    let mut wanted = Vec::new();
    for (seed, (_, key)) in (0..).zip(KEYS) {
        let (value, becomes) = s.value(&bytes(20, seed));
        match s.store.put(&s.key(key), &value, &PutOptions::default()) {
            Err(Error::InvalidKey(_)) if s.dialect.refuses(&s.key(key)) => {}
            other => {
                other.with_context(|| format!("{key:?}"))?;
                wanted.push((s.key(key), becomes));
            }
        }
    }
    for (key, value) in wanted {
        let got = s.store.get(&key, &ReadOptions::default())?.1;
        ensure!(got == value, "{key:?} holds what another key was given");
    }
    Ok(())
}

/// In both orders, since either key of two may be the folder of what is already there.
fn test_put_keys_below_other_keys(s: &Subject) -> Result<()> {
    let mut order: Vec<(usize, &str)> = NESTED.iter().copied().enumerate().collect();
    for round in ["first", "second"] {
        let mut wanted = Vec::new();
        for (seed, key) in &order {
            let (value, becomes) = s.value(&bytes(20, *seed as u64));
            match s.store.put(&s.key(key), &value, &PutOptions::default()) {
                Err(Error::InvalidKey(_)) if s.dialect.refuses(&s.key(key)) => {}
                other => {
                    other.with_context(|| format!("{round} round, {key:?}"))?;
                    wanted.push((s.key(key), becomes));
                }
            }
        }
        for (key, value) in &wanted {
            let got = s.store.get(key, &ReadOptions::default());
            let got = got.with_context(|| format!("{round} round, {key:?}"))?.1;
            ensure!(got == *value, "{round} round: {key:?} holds what another key was given");
        }
        if s.store.capabilities().list {
            let mut wanted: Vec<String> = wanted.iter().map(|(key, _)| key.clone()).collect();
            wanted.sort();
            let listed: Vec<String> =
                snapshot(s.store.as_ref())?.into_iter().map(|(key, ..)| key).collect();
            ensure!(listed == wanted, "{round} round: listed {listed:?}, wanted {wanted:?}");
        }
        if !s.store.capabilities().delete {
            break;
        }
        for (key, _) in &wanted {
            s.store.delete(key, &Default::default()).with_context(|| format!("{key:?}"))?;
            ensure!(!s.store.exists(key)?, "{round} round: {key:?} exists after delete");
        }
        order.reverse();
    }
    Ok(())
}

fn test_list_every_strange_key(s: &Subject) -> Result<()> {
    let mut wanted = Vec::new();
    for (_, key) in KEYS {
        match s.store.put(&s.key(key), &s.value(b"some").0, &PutOptions::default()) {
            Err(Error::InvalidKey(_)) if s.dialect.refuses(&s.key(key)) => {}
            other => {
                other.with_context(|| format!("{key:?}"))?;
                wanted.push(s.key(key));
            }
        }
    }
    let mut listed = Vec::new();
    let mut options = ListOptions { limit: Some(3), ..Default::default() };
    loop {
        let page = s.store.list(&options)?;
        listed.extend(page.entries.into_iter().map(|e| e.key));
        ensure!(listed.len() <= wanted.len(), "too many: {listed:?}");
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => break,
        }
    }
    wanted.sort();
    if !s.store.capabilities().ordered {
        listed.sort();
    }
    ensure!(listed == wanted, "listed {listed:?}, wanted {wanted:?}");
    Ok(())
}

fn test_put_of_long_keys(s: &Subject) -> Result<()> {
    // Common server limits, the store's own limit, and the contract's limit.
    let mut lengths = [900, 1_024, s.dialect.longest, MAX_KEY_BYTES].to_vec();
    lengths.retain(|length| *length > s.dialect.key_prefix.len());
    lengths.dedup();
    for length in lengths {
        let room = length - s.dialect.key_prefix.len();
        let mut path = "0123456789/".repeat(room / 11 + 1);
        path.truncate(room);
        // A key ending in a slash would be a folder, not an object.
        path.replace_range(room - 1.., "x");
        for (what, key) in [
            ("of one part", "k".repeat(room)),
            ("of folders", path),
            ("of emoji", "\u{1f600}".repeat(room / 4)),
        ] {
            let name = format!("{length} bytes {what}");
            let taken = round(s, &s.key(&key), 1).context(name.clone())?;
            ensure!(taken || s.dialect.refuses(&s.key(&key)), "{name} were refused");
        }
    }
    Ok(())
}

fn test_get_of_a_key_that_the_contract_refuses(s: &Subject) -> Result<()> {
    let wanted = Error::InvalidKey(String::new());
    for (name, key) in refused() {
        expect(s.store.get(&key, &ReadOptions::default()), &wanted, &format!("get of {name}"))?;
        expect(s.store.stat(&key), &wanted, &format!("stat of {name}"))?;
        let read = s.store.read(&key, &ReadOptions::default());
        expect(read, &wanted, &format!("read of {name}"))?;
        match s.store.exists(&key) {
            Ok(false) | Err(Error::InvalidKey(_)) => {}
            other => anyhow::bail!("exists of {name} gave {other:?}"),
        }
    }
    Ok(())
}

fn test_put_of_a_key_that_the_contract_refuses(s: &Subject) -> Result<()> {
    let wanted = Error::InvalidKey(String::new());
    let before = s.snapshot()?;
    let (value, _) = s.value(b"some");
    for (name, key) in refused() {
        let put = s.store.put(&key, &value, &PutOptions::default());
        expect(put, &wanted, &format!("put of {name}"))?;
        let written = s.store.write(&key, &PutOptions::default()).and_then(|mut writer| {
            writer.push(&value)?;
            writer.finish(Default::default())
        });
        expect(written, &wanted, &format!("write of {name}"))?;
    }
    ensure!(s.snapshot()? == before, "a refused key changed something");
    Ok(())
}

fn test_delete_of_a_key_that_the_contract_refuses(s: &Subject) -> Result<()> {
    for (name, key) in refused() {
        let wanted = Error::InvalidKey(String::new());
        expect(s.store.delete(&key, &Default::default()), &wanted, &format!("delete of {name}"))?;
    }
    Ok(())
}
