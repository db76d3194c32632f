//! A client that works on a few objects and records the answers.

use anyhow::{Context, Result, bail, ensure};
use md5::{Digest, Md5};
use std::sync::atomic::{AtomicBool, Ordering};
use storage_conformance::cases::bytes;
use storage_tests::http;
use storage_tests::linear::{Action, Operation, Outcome, Version, When};

/// The number of clients.
pub const CLIENTS: usize = 16;

/// The number of objects.
pub const KEYS: usize = 5;

/// Their keys. On a filesystem, three exclude each other as paths, and one is none.
const NAMES: [&str; KEYS] = ["a", "a/b", "a/b/c", "a/", "0"];

/// The bytes of a version; most are few, some are streamed.
fn content(version: Version) -> Vec<u8> {
    let length = match version % 24 {
        0 => 1_300_000,
        1..4 => 120_000,
        rest => usize::try_from(rest * 97).unwrap_or_default(),
    };
    let mut content = format!("{version}\n").into_bytes();
    content.extend(bytes(length, version));
    content
}

fn etag(data: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(data)))
}

/// A client, with what it did and the answers.
pub struct Client {
    number: usize,
    random: u64,
    /// The last version that it saw under each key.
    seen: [Version; KEYS],
    versions: u64,
    /// Its operations by key.
    pub told: Vec<(usize, Operation)>,
}

impl Client {
    pub fn new(number: usize, seed: u64) -> Self {
        let random = seed * 1_000 + number as u64 + 1;
        Self { number, random, seen: [0; KEYS], versions: 0, told: Vec::new() }
    }

    pub fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    /// Sends requests until the server stops answering, or until told to stop. `now` is
    /// the clock shared by all clients. With `may_fail`, the server may report
    /// failures.
    pub fn run(
        &mut self,
        port: u16,
        now: impl Fn() -> u64,
        may_fail: bool,
        stop: &AtomicBool,
    ) -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            let key = usize::try_from(self.random(KEYS as u64))?;
            let seen = self.seen.get(key).copied().unwrap_or_default();
            let when = match self.random(10) {
                0..5 => When::Always,
                5..7 => When::Absent,
                _ => When::Is(seen),
            };
            let action = match self.random(10) {
                0..5 => Action::Get,
                // Mostly with a condition; without one, versions would change so often
                // that hardly any condition held.
                5..9 => {
                    self.versions += 1;
                    Action::Put(self.versions * CLIENTS as u64 + self.number as u64, when)
                }
                _ if when == When::Absent => Action::Delete(When::Always),
                _ => Action::Delete(when),
            };
            let begin = now();
            let asked = ask(port, key, action);
            let client = self.number;
            let outcome = match asked {
                Ok(Answer::Told(outcome)) => outcome,
                Ok(Answer::Failed(_)) if may_fail => Outcome::Unknown,
                Ok(Answer::Failed(said) | Answer::Wrong(said)) => {
                    bail!("client {client}, key {key}: {action:?}: {said}")
                }
                // An incomplete answer: the outcome is unknown.
                Err(_) if may_fail => Outcome::Unknown,
                Err(_) => {
                    let (end, outcome) = (u64::MAX, Outcome::Unknown);
                    self.told.push((key, Operation { client, begin, end, action, outcome }));
                    return Ok(());
                }
            };
            self.told.push((key, Operation { client, begin, end: now(), action, outcome }));
            let now_there = match (action, outcome) {
                (Action::Put(version, _), Outcome::Done) | (_, Outcome::Saw(Some(version))) => {
                    version
                }
                _ => continue,
            };
            if let Some(seen) = self.seen.get_mut(key) {
                *seen = now_there;
            }
        }
        Ok(())
    }
}

/// An answer of the server.
pub enum Answer {
    Told(Outcome),
    /// It reported a failure.
    Failed(String),
    /// An invalid answer.
    Wrong(String),
}

/// Sends a request; returns an error if there was no answer.
pub fn ask(port: u16, key: usize, action: Action) -> Result<Answer> {
    let path = format!("/main/{}", NAMES.get(key).context("no such key")?);
    let (method, data, when) = match action {
        Action::Put(version, when) => ("PUT", content(version), when),
        Action::Delete(when) => ("DELETE", Vec::new(), when),
        Action::Get => ("GET", Vec::new(), When::Always),
    };
    let wanted = match when {
        When::Is(version) => etag(&content(version)),
        When::Always | When::Absent => "*".to_owned(),
    };
    let headers: &[(&str, &str)] = match when {
        When::Always => &[],
        When::Absent => &[("if-none-match", wanted.as_str())],
        When::Is(_) => &[("if-match", wanted.as_str())],
    };
    let (status, head, body) = http::request(port, method, &path, headers, &data)?;
    let announced = header(&head, "content-length").map(str::parse::<usize>).transpose()?;
    ensure!(announced.is_none_or(|length| length == body.len()), "a part of an answer");
    let said = || format!("{head}{}", String::from_utf8_lossy(&body));
    Ok(match (action, status) {
        (Action::Get, 200) => match seen(&head, &body) {
            Ok(version) => Answer::Told(Outcome::Saw(Some(version))),
            Err(error) => Answer::Wrong(format!("{error:#}")),
        },
        (Action::Get, 404) => Answer::Told(Outcome::Saw(None)),
        (Action::Put(..), 200) | (Action::Delete(_), 204) => Answer::Told(Outcome::Done),
        (Action::Put(..) | Action::Delete(_), 412) if when != When::Always => {
            Answer::Told(Outcome::Refused)
        }
        // There is no object, so it is not that version.
        (Action::Put(_, When::Is(_)), 404) => Answer::Told(Outcome::Refused),
        (_, 500 | 503 | 507) => Answer::Failed(said()),
        // The disk is full.
        (_, 400) if said().contains("EntityTooLarge") => Answer::Failed(said()),
        _ => Answer::Wrong(said()),
    })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let named = |line: &'a str| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.lines().find_map(named)
}

/// The version with exactly these bytes and this etag.
fn seen(head: &str, body: &[u8]) -> Result<Version> {
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let version = std::str::from_utf8(line)?.parse().context("an object that nobody put")?;
    if body != content(version) {
        bail!("version {version} is torn: {} bytes, {head}", body.len());
    }
    let told = header(head, "etag").unwrap_or_default();
    ensure!(told == etag(body), "version {version} has the etag {told}");
    Ok(version)
}
