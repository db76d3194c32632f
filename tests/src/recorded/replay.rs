//! Replays recorded cases on a chain and compares the answers.

use super::{Call, Case, Cases, Chain, Info, Number, Step};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;
use storage_conformance::subject::{Snapshot, Subject};
use storage_contract::types as core;
use storage_contract::types::{
    ByteRange, DeleteOptions, ListOptions, ObjectInfo, PutOptions, ReadOptions, Trailer,
};
use storage_contract::{Reader, Store, Writer};

/// Runs the steps of a case over a fresh subject. `data` comes from
/// [`super::data::all`].
pub fn replay(case: &Case, data: &[Vec<u8>], subject: &Subject) -> Result<()> {
    let mut replay = Replay {
        subject,
        data,
        readers: HashMap::new(),
        writers: HashMap::new(),
        etags: Etags::default(),
        states: HashMap::new(),
    };
    for (number, step) in case.steps.iter().enumerate() {
        let told = || serde_json::to_string(step).unwrap_or_default();
        replay.step(step).with_context(|| format!("{}, step {number}: {}", case.name, told()))?;
    }
    Ok(())
}

/// Runs every case over every chain, each with a fresh subject, and returns how many
/// ran.
pub fn all(cases: &Cases, subject: impl Fn(&Chain) -> Result<Subject>) -> Result<usize> {
    let data = super::data::all(&cases.data)?;
    let mut passed = 0;
    for chain in &cases.chains {
        for case in &chain.cases {
            let case = cases.cases.get(*case).context("a case is missing")?;
            let subject = subject(chain).with_context(|| chain.name.clone())?;
            replay(case, &data, &subject).with_context(|| chain.name.clone())?;
            passed += 1;
        }
    }
    Ok(passed)
}

/// The actual etags by their symbols.
#[derive(Default)]
struct Etags(HashMap<String, String>);

impl Etags {
    /// Checks that this is the etag that the recording means.
    fn agree(&mut self, wanted: Option<&str>, got: Option<&str>) -> Result<()> {
        let (symbol, got) = match (wanted, got) {
            (Some(wanted), Some(got)) if wanted.starts_with('$') => (wanted, got),
            (wanted, got) => {
                ensure!(wanted == got, "the etag {got:?} instead of {wanted:?}");
                return Ok(());
            }
        };
        if let Some(known) = self.0.get(symbol) {
            ensure!(known == got, "the etag {symbol} was {known:?} and is {got:?}");
            return Ok(());
        }
        let other = self.0.iter().find(|(_, etag)| *etag == got);
        ensure!(other.is_none(), "the etag {got:?} is {symbol} and {other:?}");
        self.0.insert(symbol.to_owned(), got.to_owned());
        Ok(())
    }

    /// The etag to send in a request.
    fn asked(&self, etag: Option<&String>) -> Result<Option<String>> {
        match etag {
            Some(symbol) if symbol.starts_with('$') => {
                let known = self.0.get(symbol).cloned();
                known.map(Some).with_context(|| format!("{symbol} was not seen yet"))
            }
            other => Ok(other.cloned()),
        }
    }
}

struct Replay<'a> {
    subject: &'a Subject,
    data: &'a [Vec<u8>],
    readers: HashMap<Number, Box<dyn Reader>>,
    writers: HashMap<Number, Box<dyn Writer>>,
    etags: Etags,
    states: HashMap<Number, Vec<Snapshot>>,
}

/// The value, or `None` if the expected error came.
fn outcome<T>(result: core::Result<T>, wanted: Option<&String>) -> Result<Option<T>> {
    match (result, wanted) {
        (Ok(value), None) => Ok(Some(value)),
        (Err(error), Some(code)) if error.code() == code => Ok(None),
        (Err(error), _) => bail!("it gave {error:?}"),
        (Ok(_), Some(_)) => bail!("it succeeded"),
    }
}

impl Replay<'_> {
    fn bytes(&self, place: usize) -> Result<&[u8]> {
        Ok(self.data.get(place).with_context(|| format!("there are no data {place}"))?)
    }

    fn reader(&mut self, number: Number) -> Result<&mut Box<dyn Reader>> {
        self.readers.get_mut(&number).with_context(|| format!("reader {number} is not open"))
    }

    fn writer(&mut self, number: Number) -> Result<&mut Box<dyn Writer>> {
        self.writers.get_mut(&number).with_context(|| format!("writer {number} is not open"))
    }

    fn agree(&mut self, got: Option<&ObjectInfo>, wanted: Option<&Info>) -> Result<()> {
        let (Some(got), Some(wanted)) = (got, wanted) else {
            ensure!(got.is_none() && wanted.is_none(), "it gave {got:?}");
            return Ok(());
        };
        self.etags.agree(wanted.etag.as_deref(), got.etag.as_deref())?;
        let rest = Info {
            size: got.size,
            etag: wanted.etag.clone(),
            content_type: got.content_type.clone(),
            metadata: got.metadata.clone(),
        };
        ensure!(rest == *wanted, "it gave {got:?}");
        Ok(())
    }

    fn read_options(&self, options: &super::ReadOptions) -> Result<ReadOptions> {
        let number = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
        let range = match &options.range {
            None => None,
            Some(range) => {
                Some(ByteRange { offset: number(&range.offset)?, length: number(&range.length)? })
            }
        };
        Ok(ReadOptions {
            range,
            if_match: self.etags.asked(options.if_match.as_ref())?,
            if_none_match: self.etags.asked(options.if_none_match.as_ref())?,
        })
    }

    fn put_options(&self, options: &super::PutOptions) -> Result<PutOptions> {
        Ok(PutOptions {
            content_type: options.content_type.clone(),
            metadata: options.metadata.clone(),
            etag: options.etag.clone(),
            if_absent: options.if_absent,
            if_match: self.etags.asked(options.if_match.as_ref())?,
        })
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        let store: &dyn Store = match step.beside {
            true => self.subject.beside.as_ref(),
            false => self.subject.store.as_ref(),
        };
        let error = step.error.as_ref();
        match &step.call {
            Call::Capabilities { gives } => {
                let names = store.capabilities().names();
                ensure!(names == *gives, "it gave {names:?}");
            }
            Call::Get { key, options, gives } => {
                let result = store.get(key, &self.read_options(options)?);
                // The contract lets a store refuse large objects here.
                if result.is_ok() && error.is_some_and(|code| code == "limit-exceeded") {
                    return Ok(());
                }
                let got = outcome(result, error)?;
                let wanted = gives.as_ref().map(|object| &object.info);
                self.agree(got.as_ref().map(|(info, _)| info), wanted)?;
                if let (Some((_, got)), Some(wanted)) = (got, gives) {
                    let wanted = self.bytes(wanted.data)?;
                    ensure!(got == wanted, "{} other bytes", got.len());
                }
            }
            Call::Put { key, data, options, gives } => {
                let result = store.put(key, self.bytes(*data)?, &self.put_options(options)?);
                self.agree(outcome(result, error)?.as_ref(), gives.as_ref())?;
            }
            Call::Exists { key, gives } => {
                let got = outcome(store.exists(key), error)?;
                ensure!(got == *gives, "it gave {got:?}");
            }
            Call::Delete { key, options } => {
                let if_match = self.etags.asked(options.if_match.as_ref())?;
                outcome(store.delete(key, &DeleteOptions { if_match }), error)?;
            }
            Call::Stat { key, gives } => {
                self.agree(outcome(store.stat(key), error)?.as_ref(), gives.as_ref())?;
            }
            Call::List { options, gives } => {
                let options = ListOptions {
                    prefix: options.prefix.clone(),
                    start_after: options.start_after.clone(),
                    limit: options.limit,
                    skipped: options.skipped,
                };
                let Some(got) = outcome(store.list(&options), error)? else { return Ok(()) };
                let wanted = gives.as_ref().context("a list that gives nothing")?;
                ensure!(
                    got.next == wanted.next && got.entries.len() == wanted.entries.len(),
                    "it gave {got:?}"
                );
                let told = got.skipped.iter().map(|skipped| (&skipped.entry, &skipped.reason));
                let kept = wanted.skipped.iter().map(|skipped| (&skipped.entry, &skipped.reason));
                ensure!(told.eq(kept), "it left out {:?}", got.skipped);
                for (got, wanted) in got.entries.iter().zip(&wanted.entries) {
                    ensure!(got.key == wanted.key, "it gave {:?}", got.key);
                    self.agree(Some(&got.info), Some(&wanted.info))?;
                }
            }
            Call::Read { key, options, reader } => {
                let result = store.read(key, &self.read_options(options)?);
                if let Some(opened) = outcome(result, error)? {
                    self.readers.insert(*reader, opened);
                }
            }
            Call::Write { key, options, writer } => {
                let result = store.write(key, &self.put_options(options)?);
                if let Some(opened) = outcome(result, error)? {
                    self.writers.insert(*writer, opened);
                }
            }
            Call::Info { reader, gives } => {
                let got = self.reader(*reader)?.info().clone();
                self.agree(Some(&got), Some(gives))?;
            }
            Call::Next { reader, max, gives, end } => {
                let wanted = match gives {
                    Some(place) => self.bytes(*place)?.to_vec(),
                    None => Vec::new(),
                };
                let reader = self.reader(*reader)?;
                next(reader.as_mut(), usize::try_from(*max)?, &wanted, *end, error)?;
            }
            Call::Push { writer, data, chunk } => {
                let bytes = self.bytes(*data)?.to_vec();
                let writer = self.writer(*writer)?;
                if bytes.is_empty() {
                    outcome(writer.push(&bytes), error)?;
                }
                for chunk in bytes.chunks(chunk.unwrap_or(bytes.len()).max(1)) {
                    outcome(writer.push(chunk), error)?;
                }
            }
            Call::Finish { writer, trailer, gives } => {
                let writer = self.writers.remove(writer).context("the writer is not open")?;
                let trailer =
                    Trailer { etag: trailer.etag.clone(), metadata: trailer.metadata.clone() };
                let got = outcome(writer.finish(trailer), error)?;
                self.agree(got.as_ref(), gives.as_ref())?;
            }
            Call::DropReader { reader } => drop(self.readers.remove(reader)),
            Call::DropWriter { writer } => drop(self.writers.remove(writer)),
            Call::Snapshot { state } => {
                let now = self.subject.snapshot()?;
                match self.states.get(state) {
                    Some(before) => ensure!(*before == now, "the bases have changed: {now:?}"),
                    None => drop(self.states.insert(*state, now)),
                }
            }
        }
        Ok(())
    }
}

/// Reads exactly these bytes, in any chunks, and then the end or the error.
fn next(
    reader: &mut dyn Reader,
    max: usize,
    wanted: &[u8],
    end: bool,
    error: Option<&String>,
) -> Result<()> {
    let mut got = Vec::new();
    while got.len() < wanted.len() {
        let asked = max.min(wanted.len() - got.len());
        let chunk = reader.next(asked).with_context(|| format!("after {} bytes", got.len()))?;
        ensure!(!chunk.is_empty(), "the end came after {} bytes", got.len());
        ensure!(chunk.len() <= asked, "{} bytes, {asked} asked", chunk.len());
        got.extend(chunk);
    }
    ensure!(got == wanted, "{} other bytes", got.len());
    if end || error.is_some() {
        let more = outcome(reader.next(max), error)?.unwrap_or_default();
        ensure!(more.is_empty(), "{} more bytes", more.len());
    }
    Ok(())
}
