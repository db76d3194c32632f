//! Random operations, compared with a `BTreeMap` as the model.

use crate::strange::{KEYS, NESTED};
use crate::subject::{Maker, Subject, read_all};
use crate::values::bytes;
use anyhow::{Context, Result, bail, ensure};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::collections::BTreeMap;
use storage_contract::types::{
    ByteRange, Capabilities, DeleteOptions, Error, ListOptions, PutOptions, ReadOptions, Trailer,
};

/// One operation on one of the [`pool`]'s keys.
#[derive(Debug, Clone)]
enum Op {
    Put { key: usize, length: usize, seed: u64, when: When, streamed: bool },
    AbandonWrite { key: usize, length: usize },
    Get { key: usize },
    Range { key: usize, range: (Option<u64>, Option<u64>) },
    Delete { key: usize, when: When },
    List { prefix: usize, limit: Option<u32> },
}

#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    Absent,
    Matching,
    MatchingAnother,
}

/// What the model expects under a key.
struct Held {
    data: Vec<u8>,
    etag: Option<String>,
}

const PREFIXES: &[&str] = &["", "b", "b/", "c", "a%", "caf", "😀", "nothing", "nest", "nest/"];

/// Keys that operations choose from: few, so that they often hit the same one.
fn pool() -> Vec<&'static str> {
    let plain = ["a", "b/c", "b/d", "b0", "c", "A"];
    let strange = KEYS.iter().map(|(_, key)| *key).filter(|k| k.len() < 12);
    plain.into_iter().chain(NESTED.iter().copied()).chain(strange).collect()
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    // Most operations use one of the first few keys.
    let key = prop_oneof![0..6_usize, 6..6 + NESTED.len(), 0..pool().len()];
    let when = prop_oneof![
        4 => Just(When::Always),
        1 => Just(When::Absent),
        1 => Just(When::Matching),
        1 => Just(When::MatchingAnother),
    ];
    let length = prop_oneof![5 => 0..200_usize, 1 => 60_000..140_000_usize];
    let bound = || prop_oneof![Just(None), (0..250_u64).prop_map(Some)];
    let op = prop_oneof![
        4 => (key.clone(), length.clone(), 0..1_000_u64, when.clone(), any::<bool>()).prop_map(
            |(key, length, seed, when, streamed)| Op::Put { key, length, seed, when, streamed }
        ),
        1 => (key.clone(), length).prop_map(|(key, length)| Op::AbandonWrite { key, length }),
        2 => key.clone().prop_map(|key| Op::Get { key }),
        2 => (key.clone(), (bound(), bound())).prop_map(|(key, range)| Op::Range { key, range }),
        2 => (key, when).prop_map(|(key, when)| Op::Delete { key, when }),
        2 => (0..PREFIXES.len(), prop_oneof![Just(None), (0..5_u32).prop_map(Some)])
            .prop_map(|(prefix, limit)| Op::List { prefix, limit }),
    ];
    proptest::collection::vec(op, 1..40)
}

/// Whether the model can test a store with these capabilities.
pub fn applies(caps: Capabilities) -> bool {
    caps.read && caps.write
}

/// Runs random sequences on fresh subjects. Shrinks a failing one.
pub fn run(maker: &Maker, seed: u64) -> Result<()> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &key);
    let config = Config {
        cases: maker.sequences,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let outcome = TestRunner::new_with_rng(config, rng).run(&ops(), |ops| {
        let subject = (maker.make)().map_err(|e| TestCaseError::fail(format!("{e:#}")))?;
        sequence(&subject, &ops).map_err(|e| TestCaseError::fail(format!("{e:#}")))
    });
    outcome.map_err(|error| anyhow::anyhow!("seed {seed}: {error}"))
}

fn sequence(s: &Subject, ops: &[Op]) -> Result<()> {
    s.settled();
    let mut held = BTreeMap::new();
    for (index, op) in ops.iter().enumerate() {
        step(s, &mut held, op).with_context(|| format!("operation {index}, {op:?}"))?;
    }
    for (key, held) in &held {
        let data = read_all(s.store.as_ref(), key, &ReadOptions::default())?;
        ensure!(data == held.data, "{key:?} holds other bytes at the end");
        let etag = s.store.stat(key)?.etag;
        ensure!(etag == held.etag, "{key:?} has etag {etag:?}, put gave {:?}", held.etag);
    }
    if s.store.capabilities().list {
        listing(s, &held, "", None).context("at the end")?;
    }
    Ok(())
}

fn step(s: &Subject, held: &mut BTreeMap<String, Held>, op: &Op) -> Result<()> {
    let name = |key: &usize| s.key(pool()[*key]);
    match op {
        Op::Put { key, length, seed, when, streamed } => {
            put(s, held, &name(key), &bytes(*length, *seed), *when, *streamed)
        }
        Op::AbandonWrite { key, length } => {
            if let Ok(mut writer) = s.store.write(&name(key), &PutOptions::default()) {
                writer.push(&s.value(&bytes(*length, 0)).0)?;
            }
            get(s, held, &name(key))
        }
        Op::Get { key } => get(s, held, &name(key)),
        Op::Range { key, range: (offset, length) } => {
            let range = ByteRange { offset: *offset, length: *length };
            part(s, held, &name(key), range)
        }
        Op::Delete { key, when } => delete(s, held, &name(key), *when),
        Op::List { prefix, limit } if s.store.capabilities().list => {
            listing(s, held, PREFIXES[*prefix], *limit)
        }
        Op::List { .. } => Ok(()),
    }
}

fn put(
    s: &Subject,
    held: &mut BTreeMap<String, Held>,
    key: &str,
    data: &[u8],
    when: When,
    streamed: bool,
) -> Result<()> {
    let (value, data) = s.value(data);
    let before = held.get(key);
    let mut options = PutOptions { if_absent: matches!(when, When::Absent), ..Default::default() };
    let wanted = match (when, before) {
        (When::Always, _) | (When::Absent, None) => Ok(()),
        (When::Absent, Some(_)) => Err(Error::AlreadyExists),
        (_, None) => Err(Error::NotFound),
        (When::Matching, Some(_)) => Ok(()),
        (When::MatchingAnother, Some(_)) => Err(Error::PreconditionFailed),
    };
    let wanted = match wanted {
        Ok(()) if before.is_some() && !s.store.capabilities().replace => Err(Error::AlreadyExists),
        wanted => wanted,
    };
    options.if_match = match when {
        When::Always | When::Absent => None,
        When::Matching => before.and_then(|b| b.etag.clone()).or(Some("none".to_owned())),
        When::MatchingAnother => Some("another".to_owned()),
    };
    let result = if streamed {
        s.store.write(key, &options).and_then(|mut writer| {
            for chunk in value.chunks(30_000) {
                writer.push(chunk)?;
            }
            writer.finish(Trailer::default())
        })
    } else {
        s.store.put(key, &value, &options)
    };
    match (result, wanted) {
        (Ok(info), Ok(())) => {
            let size = data.len() as u64;
            ensure!(info.size.is_none_or(|s| s == size), "put says size {:?} of {size}", info.size);
            held.insert(key.to_owned(), Held { data, etag: info.etag });
            Ok(())
        }
        (Err(Error::InvalidKey(_)), _) if s.dialect.refuses(key) => Ok(()),
        (Err(Error::Unsupported(_)), _)
            if !matches!(when, When::Always) && !s.store.capabilities().conditional =>
        {
            Ok(())
        }
        (Err(error), Err(wanted)) if error.code() == wanted.code() => Ok(()),
        (result, wanted) => bail!("{key:?}: {result:?}, wanted {wanted:?}"),
    }
}

fn delete(s: &Subject, held: &mut BTreeMap<String, Held>, key: &str, when: When) -> Result<()> {
    let before = held.get(key);
    let if_match = match when {
        When::Always | When::Absent => None,
        When::Matching => before.and_then(|b| b.etag.clone()),
        When::MatchingAnother => Some("another".to_owned()),
    };
    let wanted = match (when, before) {
        _ if !s.store.capabilities().delete => Err(Error::Unsupported(String::new())),
        (_, None) => Err(Error::NotFound),
        (When::MatchingAnother, Some(_)) => Err(Error::PreconditionFailed),
        (_, Some(_)) => Ok(()),
    };
    let asked = if_match.is_some();
    match (s.store.delete(key, &DeleteOptions { if_match }), wanted) {
        (Ok(()), Ok(())) => {
            held.remove(key);
            Ok(())
        }
        (Err(Error::InvalidKey(_)), Err(_)) if s.dialect.refuses(key) => Ok(()),
        (Err(Error::Unsupported(_)), _) if asked => Ok(()),
        (Err(error), Err(wanted)) if error.code() == wanted.code() => Ok(()),
        (result, wanted) => bail!("{key:?}: {result:?}, wanted {wanted:?}"),
    }
}

fn get(s: &Subject, held: &BTreeMap<String, Held>, key: &str) -> Result<()> {
    let exists = s.store.exists(key);
    match (s.store.get(key, &ReadOptions::default()), held.get(key)) {
        (Ok((info, data)), Some(held)) => {
            ensure!(data == held.data, "{key:?}: {} other bytes", data.len());
            ensure!(
                info.etag == held.etag,
                "{key:?}: etag {:?}, put gave {:?}",
                info.etag,
                held.etag
            );
            ensure!(info == s.store.stat(key)?, "{key:?}: get and stat know different things");
            ensure!(exists?, "{key:?} can be read and does not exist");
            Ok(())
        }
        (Err(Error::NotFound), None) => {
            ensure!(!exists?, "{key:?} can't be read and exists");
            Ok(())
        }
        (Err(Error::InvalidKey(_)), None) if s.dialect.refuses(key) => Ok(()),
        (result, held) => {
            bail!("{key:?}: {:?}, held: {}", result.map(|(i, d)| (i, d.len())), held.is_some())
        }
    }
}

fn part(s: &Subject, held: &BTreeMap<String, Held>, key: &str, range: ByteRange) -> Result<()> {
    if !s.store.capabilities().range {
        return Ok(());
    }
    let options = ReadOptions { range: Some(range), ..ReadOptions::default() };
    for result in [
        s.store.get(key, &options).map(|(_, data)| data),
        read_all(s.store.as_ref(), key, &options),
    ] {
        let wanted = match held.get(key) {
            None => Err(Error::NotFound),
            Some(held) => range.resolve(held.data.len() as u64).map(|(from, to)| {
                let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
                &held.data[at(from)..at(to)]
            }),
        };
        match (result, wanted) {
            (Ok(data), Ok(wanted)) => {
                ensure!(data == wanted, "{key:?}: {} other bytes", data.len())
            }
            (Err(Error::InvalidKey(_)), Err(_)) if s.dialect.refuses(key) => {}
            (Err(error), Err(wanted)) if error.code() == wanted.code() => {}
            (result, wanted) => bail!("{key:?}: {result:?}, wanted {wanted:?}"),
        }
    }
    Ok(())
}

fn listing(
    s: &Subject,
    held: &BTreeMap<String, Held>,
    prefix: &str,
    limit: Option<u32>,
) -> Result<()> {
    let mut options = ListOptions { prefix: s.key(prefix), limit, ..ListOptions::default() };
    let mut listed = Vec::new();
    for _ in 0..1_000 {
        let page = s.store.list(&options)?;
        for entry in page.entries {
            let held = held.get(&entry.key);
            let etag = held.and_then(|h| h.etag.as_ref());
            ensure!(
                entry.info.etag.as_ref() == etag,
                "{:?} is listed as {:?}",
                entry.key,
                entry.info
            );
            let size = held.map(|h| h.data.len() as u64);
            ensure!(
                entry.info.size.is_none() || entry.info.size == size,
                "{entry:?}, wanted {size:?}"
            );
            listed.push(entry.key);
        }
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => {
                if !s.store.capabilities().ordered {
                    listed.sort();
                }
                let wanted: Vec<&String> =
                    held.keys().filter(|k| k.starts_with(&options.prefix)).collect();
                ensure!(
                    listed.iter().eq(wanted.iter().copied()),
                    "listed {listed:?}, wanted {wanted:?}"
                );
                return Ok(());
            }
        }
    }
    bail!("the listing does not end")
}
