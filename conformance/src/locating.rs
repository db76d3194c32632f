//! Whether an operation gives the same where `locate` says that it may be done instead.

use crate::strange::{KEYS, NO_PATHS, refused};
use crate::subject::{Located, Subject, read_all};
use crate::values::bytes;
use anyhow::{Context, Result, ensure};
use storage_contract::types::{
    Access, ByteRange, DeleteOptions, Error, ObjectInfo, PutOptions, ReadOptions,
    Result as StoreResult,
};
use storage_contract::{Store, store::Writer};

/// The name in reports.
pub const NAME: &str = "test_locate_gives_the_same_there";

/// Does every operation here and at its location, on keys with and without an object, and
/// compares answers, errors and what the bases then hold. Returns how many locations there
/// were; a subject without [`Located`] has none.
pub fn run(subject: &Subject) -> Result<usize> {
    let Some(located) = &subject.located else { return Ok(0) };
    let check = Check { subject, located };
    let mut count = 0;
    for key in keys(subject) {
        for access in [Access::Read, Access::Write, Access::Delete] {
            for exists in [false, true] {
                let what = format!("{access:?} of {key:?}, which exists: {exists}");
                count += usize::from(check.access(&key, access, exists).context(what)?);
            }
        }
        check.prepare(&key, false)?;
    }
    Ok(count)
}

/// Strange, long and impossible keys, each with and without the prefix of the dialect.
fn keys(subject: &Subject) -> Vec<String> {
    let strange = KEYS.iter().chain(NO_PATHS).map(|(_, key)| (*key).to_owned());
    let long = [254, 256, 1_025, 4_000, 4_090, 4_096].map(|length| "k".repeat(length));
    let refused = refused().into_iter().map(|(_, key)| key);
    let all: Vec<String> = strange.chain(long).chain(refused).collect();
    let mut keys: Vec<String> = all.iter().map(|key| subject.key(key)).collect();
    if !subject.dialect.key_prefix.is_empty() {
        keys.extend(all.into_iter().step_by(5));
    }
    keys
}

struct Check<'a> {
    subject: &'a Subject,
    located: &'a Located,
}

/// What an operation gave, and what the bases held then.
type Outcome = (StoreResult<String>, Vec<Vec<(String, Vec<u8>)>>);

impl Check<'_> {
    /// Compares all operations of one access. Returns whether there was a location.
    fn access(&self, key: &str, access: Access, exists: bool) -> Result<bool> {
        let here = &*self.located.here;
        let Some(etag) = self.prepare(key, exists)? else { return Ok(false) };
        let operations = self.operations(access, &etag);
        match (self.located.there)(key, access) {
            Ok(None) => Ok(false),
            Err(error) => {
                for operation in &operations {
                    let (given, _) = self.outcome(here, key, operation)?;
                    ensure!(
                        given == Err(error.clone()),
                        "locate gave {error:?}, and {operation:?} {given:?}"
                    );
                }
                Ok(false)
            }
            Ok(Some((store, there))) => {
                let ways = [("there", &*store, &*there), ("in the end", &*self.subject.store, key)];
                for operation in &operations {
                    let wanted = self.outcome(here, key, operation)?;
                    for (way, store, name) in ways {
                        // Reading again gives the same only of the same version.
                        if access != Access::Read {
                            self.prepare(key, exists)?;
                        }
                        let (given, left) = self.outcome(store, name, operation)?;
                        let found = (given.map_err(|error| error.with_key(key, name)), left);
                        ensure!(
                            found == wanted,
                            "{operation:?} gave {:?} here, and {:?} {way}, or left other objects",
                            wanted.0,
                            found.0
                        );
                    }
                    if access != Access::Read {
                        self.prepare(key, exists)?;
                    }
                }
                Ok(true)
            }
        }
    }

    /// Makes the object exist or not, and returns its etag. `None` if there can't be one.
    fn prepare(&self, key: &str, exists: bool) -> Result<Option<String>> {
        let beside = &*self.subject.beside;
        match beside.delete(key, &DeleteOptions::default()) {
            Ok(()) | Err(Error::NotFound | Error::InvalidKey(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if !exists {
            return Ok(Some("none".to_owned()));
        }
        let (value, _) = self.subject.value(&bytes(100, 1));
        let options = PutOptions { etag: Some("before-1".to_owned()), ..PutOptions::default() };
        match beside.put(key, &value, &options) {
            Ok(info) => Ok(info.etag.or_else(|| Some("none".to_owned()))),
            Err(Error::InvalidKey(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The operations of an access, with options that the store offers.
    fn operations(&self, access: Access, etag: &str) -> Vec<Operation> {
        let can = self.located.here.capabilities();
        let (etag, other) = (Some(etag.to_owned()), Some("other".to_owned()));
        match access {
            Access::Read => {
                let read = |if_match: &Option<String>, if_none_match: &Option<String>, range| {
                    let (if_match, if_none_match) = (if_match.clone(), if_none_match.clone());
                    ReadOptions { range, if_match, if_none_match }
                };
                let mut options = vec![
                    read(&None, &None, None),
                    read(&etag, &None, None),
                    read(&other, &None, None),
                    read(&None, &etag, None),
                ];
                if can.range {
                    let ranges = [
                        ByteRange::span(1, 3),
                        ByteRange::last(2),
                        ByteRange::from(1_000_000),
                        ByteRange::span(0, 0),
                    ];
                    options.extend(ranges.map(|range| read(&None, &None, Some(range))));
                }
                let gets = options.iter().cloned().map(Operation::Get);
                let reads = options.iter().cloned().map(Operation::Read);
                gets.chain(reads).chain([Operation::Stat, Operation::Exists]).collect()
            }
            Access::Write => {
                let plain = PutOptions {
                    content_type: Some("text/plain".to_owned()),
                    metadata: vec![("name".to_owned(), "value".to_owned())],
                    etag: Some("after-1".to_owned()),
                    ..PutOptions::default()
                };
                let mut options = vec![plain.clone()];
                if can.conditional {
                    options.push(PutOptions { if_absent: true, ..plain.clone() });
                    options.push(PutOptions { if_match: etag, ..plain.clone() });
                    options.push(PutOptions { if_match: other, ..plain });
                }
                let puts = options.iter().cloned().map(Operation::Put);
                puts.chain(options.iter().cloned().map(Operation::Write)).collect()
            }
            Access::Delete => {
                let mut options = vec![DeleteOptions::default()];
                if can.conditional {
                    options.extend([etag, other].map(|if_match| DeleteOptions { if_match }));
                }
                options.into_iter().map(Operation::Delete).collect()
            }
        }
    }

    fn outcome(&self, store: &dyn Store, key: &str, operation: &Operation) -> Result<Outcome> {
        let (value, _) = self.subject.value(&bytes(120, 2));
        let given = match operation {
            Operation::Get(options) => {
                store.get(key, options).map(|(info, data)| format!("{info:?} {data:?}"))
            }
            Operation::Read(options) => read_all(store, key, options).and_then(|data| {
                let info = store.read(key, options)?.info().clone();
                Ok(format!("{info:?} {data:?}"))
            }),
            Operation::Stat => store.stat(key).map(|info| format!("{info:?}")),
            Operation::Exists => store.exists(key).map(|exists| exists.to_string()),
            Operation::Put(options) => store.put(key, &value, options).map(written),
            Operation::Write(options) => store.write(key, options).and_then(|mut writer| {
                writer.push(&value)?;
                Writer::finish(writer, Default::default()).map(written)
            }),
            Operation::Delete(options) => store.delete(key, options).map(|()| String::new()),
        };
        let snapshot = match operation {
            Operation::Put(_) | Operation::Write(_) | Operation::Delete(_) => {
                self.subject.snapshot()?
            }
            _ => Vec::new(),
        };
        let data = |base: Vec<_>| base.into_iter().map(|(key, data, _)| (key, data)).collect();
        Ok((given, snapshot.into_iter().map(data).collect()))
    }
}

/// What a write gave, without what differs from write to write.
fn written(info: ObjectInfo) -> String {
    let etag = info.etag.filter(|etag| etag == "after-1");
    format!("{:?}", ObjectInfo { etag, modified: None, ..info })
}

#[derive(Debug)]
enum Operation {
    Get(ReadOptions),
    Read(ReadOptions),
    Stat,
    Exists,
    Put(PutOptions),
    Write(PutOptions),
    Delete(DeleteOptions),
}
