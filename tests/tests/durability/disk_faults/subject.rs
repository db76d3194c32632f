//! A store under faults, and the objects that it must hold.

use super::backend::Backend;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use storage_conformance::cases::bytes;
use storage_host::StoreFactory;
use storage_host::store::{DeleteOptions, Error, PutOptions};
use storage_tests::server::binary;
use storage_tests::strace::{self, Call, Fault, run_with_small_files};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Calls that write.
const WRITES: &[&str] = &[
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "openat",
    "openat2",
    "?rename",
    "?renameat",
    "renameat2",
    "linkat",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "?rmdir",
    "fsetxattr",
    "flock",
    "fcntl",
];

/// Calls that read.
const READS: &[&str] =
    &["read", "pread64", "fgetxattr", "getdents64", "?newfstatat", "fstat", "statx", "lseek"];

/// The operation during which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Puts a new object in a new folder.
    New,
    Replace,
    /// Replaces a large object, which is streamed.
    Large,
    Delete,
    Read,
}

impl Work {
    fn key(self) -> &'static str {
        match self {
            Self::New => "new/folder/key",
            Self::Replace => "replaced",
            Self::Large => "large",
            Self::Delete => "deleted",
            Self::Read => "read",
        }
    }
}

const ALL: &[Work] = &[Work::New, Work::Replace, Work::Large, Work::Delete, Work::Read];

/// An object; its bytes and metadata follow from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Object {
    number: u64,
    length: usize,
}

impl Object {
    fn data(self) -> Vec<u8> {
        bytes(self.length, self.number)
    }

    fn content_type(self) -> String {
        format!("text/x-{}", self.number)
    }
}

/// A store under faults, and the objects that it must hold.
pub struct Subject {
    backend: &'static Backend,
    runtime: Runtime,
    directory: TempDir,
    inputs: TempDir,
    held: BTreeMap<String, Object>,
    number: u64,
    /// The error messages so far.
    pub said: BTreeSet<String>,
    /// How often the operation failed.
    pub failures: usize,
}

impl Subject {
    /// Creates a store with an object for each kind of operation.
    pub fn new(directory: TempDir, backend: &'static Backend) -> Result<Self> {
        let store = backend.store.replace("DIR", &directory.path().display().to_string());
        let config = format!("stores:\n  main: {store}\nmain: main\n");
        std::fs::write(directory.path().join("stores.yaml"), config)?;
        let mut subject = Self {
            backend,
            runtime: Runtime::new()?,
            directory,
            inputs: tempfile::tempdir()?,
            held: BTreeMap::new(),
            number: 0,
            said: BTreeSet::new(),
            failures: 0,
        };
        for work in [Work::Replace, Work::Large, Work::Delete, Work::Read] {
            subject.settle(work, true)?;
        }
        Ok(subject)
    }

    /// The operations that this backend supports.
    pub fn work(&self) -> &'static [Work] {
        // Without replacement, a new object needs a new key.
        if self.backend.changes { ALL } else { &[Work::New, Work::Large, Work::Read] }
    }

    fn fresh(&mut self, work: Work) -> Object {
        self.number += 1;
        let length = if work == Work::Large { 1_400_000 } else { 3_000 };
        Object { number: self.number, length }
    }

    /// The text that identifies calls on its files.
    pub fn part(&self) -> Result<String> {
        Ok(self.directory.path().canonicalize()?.display().to_string())
    }

    fn config(&self) -> String {
        self.directory.path().join("stores.yaml").display().to_string()
    }

    /// The key to work on, and its expected object afterwards.
    fn target(&mut self, work: Work) -> (String, Option<Object>) {
        let key = match self.backend.changes {
            true => work.key().to_owned(),
            false if work == Work::Read => work.key().to_owned(),
            false => format!("{}-{}", work.key(), self.number + 1),
        };
        let wanted = match work {
            Work::Delete => None,
            Work::Read => self.held.get(&key).copied(),
            _ => Some(self.fresh(work)),
        };
        (key, wanted)
    }

    /// The binary's arguments for an operation.
    fn arguments(&self, work: Work, key: &str, wanted: Option<Object>) -> Result<Vec<String>> {
        let mut args = vec!["--json".to_owned(), "-c".to_owned(), self.config()];
        match (work, wanted) {
            (Work::Read, _) => args.extend(["get".to_owned(), key.to_owned(), "-".to_owned()]),
            (_, None) => args.extend(["rm".to_owned(), key.to_owned()]),
            (_, Some(object)) => {
                let input = self.inputs.path().join("input");
                std::fs::write(&input, object.data())?;
                args.extend(["put".to_owned(), key.to_owned(), input.display().to_string()]);
                args.extend(["--content-type".to_owned(), object.content_type()]);
                args.extend(["--meta".to_owned(), format!("number={}", object.number)]);
            }
        }
        Ok(args)
    }

    /// Brings an operation's key into the given state, in this process and without
    /// faults.
    fn settle(&mut self, work: Work, present: bool) -> Result<()> {
        let key = work.key();
        if self.held.contains_key(key) == present {
            return Ok(());
        }
        let object = self.fresh(work);
        let factory = StoreFactory::from_yaml(self.config())?;
        let done = self.runtime.block_on(async {
            let objects = factory.build().await?;
            if present {
                let options = PutOptions {
                    content_type: Some(object.content_type()),
                    metadata: vec![("number".to_owned(), object.number.to_string())],
                    ..PutOptions::default()
                };
                objects.put(key, Bytes::from(object.data()), options).await?;
            } else {
                objects.delete(key, DeleteOptions::default()).await?;
            }
            factory.close().await
        });
        done.with_context(|| format!("{key} can't be settled"))?;
        match present {
            true => drop(self.held.insert(key.to_owned(), object)),
            false => drop(self.held.remove(key)),
        }
        Ok(())
    }

    /// Brings the store into the state that `work` requires.
    fn prepare(&mut self, work: Work) -> Result<()> {
        match (self.backend.changes, work) {
            (true, Work::New) => self.settle(work, false),
            (true, Work::Replace | Work::Large | Work::Delete) => self.settle(work, true),
            // Every round adds an object.
            (false, _) if self.held.len() > 24 => {
                std::fs::remove_file(self.directory.path().join("objects.zip"))?;
                self.held.clear();
                self.settle(Work::Read, true)
            }
            _ => Ok(()),
        }
    }

    /// Checks how the operation ended, and continues from what is there. It may also
    /// fail if something other than its files failed.
    fn judge(
        &mut self,
        work: Work,
        key: &str,
        wanted: Option<Object>,
        output: &Output,
        fair: bool,
    ) -> Result<bool> {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!fair || !said.contains("panicked"), "it panicked: {said}");
        let code = output.status.code().unwrap_or(-1);
        let before = self.held.get(key).copied();
        let mut may_be = vec![wanted];
        if code == 0 {
            if work == Work::Read {
                let data = before.map(Object::data).unwrap_or_default();
                ensure!(
                    output.stdout == data,
                    "{} bytes were read as the whole",
                    output.stdout.len()
                );
            }
        } else if !fair {
            may_be.push(before);
        } else {
            ensure!(code == 3 || code == 5, "{}: {said}", output.status);
            let line = said.lines().find(|line| line.starts_with("{\"error\""));
            let error: serde_json::Value =
                serde_json::from_str(line.with_context(|| format!("no error: {said}"))?)?;
            let message = error["error"]["message"].as_str().unwrap_or_default();
            let typed = error["error"]["code"].as_str().unwrap_or_default();
            ensure!(message.len() > 20, "it does not say why: {said}");
            let without = message.replace(&self.directory.path().display().to_string(), "DIR");
            self.said.insert(format!("{typed}: {without}"));
            self.failures += 1;
            may_be.push(before);
            if message.contains("nothing was written") {
                may_be.remove(0);
            }
        }
        let found = self.found(key)?;
        ensure!(may_be.contains(&found), "{key} is {found:?} and may be {may_be:?}: {said}");
        match found {
            Some(object) => drop(self.held.insert(key.to_owned(), object)),
            None => drop(self.held.remove(key)),
        }
        (self.backend.tidy)(self.directory.path(), self.held.len())?;
        Ok(code == 0)
    }

    /// Opens the store as a server would, which also cleans up. Checks that every
    /// object except `key` is unchanged, and returns the object at `key`.
    fn found(&self, key: &str) -> Result<Option<Object>> {
        let factory = StoreFactory::from_yaml(self.config())?;
        self.runtime.block_on(async {
            let objects = factory.build().await.context("the store does not open again")?;
            let mut here = None;
            let keys: BTreeSet<&str> = self.held.keys().map(String::as_str).chain([key]).collect();
            for name in keys {
                let found = match objects.get(name, Default::default(), u64::MAX).await {
                    Err(Error::NotFound) => None,
                    found => {
                        let (info, data) = found.with_context(|| format!("{name}: read again"))?;
                        let number = info.metadata.iter().find(|(name, _)| name == "number");
                        let (_, number) = number.with_context(|| format!("{name}: no metadata"))?;
                        let object = Object { number: number.parse()?, length: data.len() };
                        ensure!(data == object.data(), "{name} is torn");
                        ensure!(info.content_type == Some(object.content_type()), "{info:?}");
                        Some(object)
                    }
                };
                match name == key {
                    true => here = found,
                    false => {
                        let wanted = self.held.get(name).copied();
                        ensure!(found == wanted, "{name} was {wanted:?}, and is {found:?}");
                    }
                }
            }
            let listed: Vec<_> = objects
                .list(Default::default())
                .await?
                .entries
                .into_iter()
                .map(|e| e.key)
                .collect();
            ensure!(listed.contains(&key.to_owned()) == here.is_some(), "listed: {listed:?}");
            factory.close().await?;
            Ok(here)
        })
    }

    /// Runs the binary with a fault, or to record its calls.
    pub fn run(&mut self, work: Work, fault: Option<&Fault>) -> Result<(bool, Vec<Call>)> {
        self.prepare(work)?;
        let (key, wanted) = self.target(work);
        let args = self.arguments(work, &key, wanted)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let calls = if work == Work::Read {
            [READS, &["openat", "openat2"]].concat()
        } else {
            [WRITES, READS].concat()
        };
        let (output, calls) = strace::run(&binary(), &args, &calls, fault)?;
        let part = self.part()?;
        let fair = !calls.iter().any(|call| call.failed() && !call.text.contains(&part));
        let through = self.judge(work, &key, wanted, &output, fair)?;
        let sync =
            |call: &Call| call.failed() && matches!(call.name.as_str(), "fsync" | "fdatasync");
        if through && self.backend.syncs_for_answers && calls.iter().any(sync) {
            bail!("it was acknowledged though it could not be synced");
        }
        Ok((through, calls))
    }

    /// Runs the binary with this file size limit. Returns whether it succeeded, and
    /// whether the object would fit.
    pub fn run_with_small_files(&mut self, work: Work, limit: u64) -> Result<(bool, bool)> {
        self.prepare(work)?;
        let (key, wanted) = self.target(work);
        let args = self.arguments(work, &key, wanted)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = run_with_small_files(&binary(), &args, limit)?;
        let through = self.judge(work, &key, wanted, &output, true)?;
        Ok((through, wanted.is_none_or(|object| object.length as u64 <= limit)))
    }
}
