//! A subject that records the calls of a case.

use super::data::Table;
use super::{Call, Case, Entry, Info, Number, Object, Page, Range, Skipped, Step};
use anyhow::Result;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use storage_conformance::cases;
use storage_conformance::subject::{Snapshot, Subject, snapshot};
use storage_contract::types as core;
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, PutOptions,
    ReadOptions, Trailer,
};
use storage_contract::{Reader, SharedStore, Store, Writer};

/// Runs a case over a fresh subject and returns its recording.
pub fn record(case: &cases::Case, subject: Subject, table: &mut Table) -> Result<Case> {
    let tape = Tape::default();
    let around = !Rc::ptr_eq(&subject.store, &subject.beside);
    let store: SharedStore =
        Rc::new(Recorded { base: subject.store, beside: false, tape: tape.clone() });
    let beside = match around {
        true => Rc::new(Recorded { base: subject.beside, beside: true, tape: tape.clone() }),
        false => store.clone(),
    };
    let watched: Rc<dyn Store> = Rc::new(Watched { bases: subject.bases, tape: tape.clone() });
    let subject = Subject { store, beside, bases: vec![watched], ..subject };
    (case.run)(&subject)?;
    drop(subject);
    let taken = tape.0.take().taken;
    let steps = taken.into_iter().map(|taken| taken.step(table)).collect();
    Ok(Case { name: case.name.to_owned(), steps })
}

/// A recorded step whose bytes are not in the table yet.
struct Taken {
    step: Step,
    /// The bytes for the step's index into the table.
    bytes: Option<Vec<u8>>,
}

impl Taken {
    fn step(mut self, table: &mut Table) -> Step {
        let Some(bytes) = self.bytes else { return self.step };
        let place = table.place(&bytes);
        match &mut self.step.call {
            Call::Get { gives: Some(object), .. } => object.data = place,
            Call::Next { gives, .. } => *gives = Some(place),
            Call::Put { data, .. } | Call::Push { data, .. } => *data = place,
            _ => {}
        }
        self.step
    }
}

#[derive(Default)]
struct Taking {
    taken: Vec<Taken>,
    readers: Number,
    writers: Number,
    /// Etags that the case chose; they are recorded as they are.
    given: HashSet<String>,
    /// The symbols of all other etags.
    symbols: HashMap<String, String>,
    states: Vec<Vec<Snapshot>>,
}

#[derive(Clone, Default)]
struct Tape(Rc<RefCell<Taking>>);

impl Tape {
    fn keep<T>(&self, beside: bool, call: Call, bytes: Option<Vec<u8>>, result: &core::Result<T>) {
        let error = result.as_ref().err().map(|error| error.code().to_owned());
        let step = Step { beside, call, error };
        self.0.borrow_mut().taken.push(Taken { step, bytes });
    }

    fn given(&self, etag: Option<&String>) {
        self.0.borrow_mut().given.extend(etag.cloned());
    }

    /// An etag as recorded.
    fn etag(&self, etag: &str) -> String {
        let mut taking = self.0.borrow_mut();
        if taking.given.contains(etag) {
            return etag.to_owned();
        }
        let next = format!("${}", taking.symbols.len() + 1);
        taking.symbols.entry(etag.to_owned()).or_insert(next).clone()
    }

    /// An etag in a request; unknown ones were chosen by the case.
    fn asked(&self, etag: Option<&String>) -> Option<String> {
        let etag = etag?;
        Some(self.0.borrow().symbols.get(etag).unwrap_or(etag).clone())
    }

    fn info(&self, info: &ObjectInfo) -> Info {
        Info {
            size: info.size,
            etag: info.etag.as_deref().map(|etag| self.etag(etag)),
            content_type: info.content_type.clone(),
            metadata: info.metadata.clone(),
        }
    }

    fn read_options(&self, options: &ReadOptions) -> super::ReadOptions {
        let decimal = |number: Option<u64>| number.map(|number| number.to_string());
        super::ReadOptions {
            range: options.range.map(|range| Range {
                offset: decimal(range.offset),
                length: decimal(range.length),
            }),
            if_match: self.asked(options.if_match.as_ref()),
            if_none_match: self.asked(options.if_none_match.as_ref()),
        }
    }

    fn put_options(&self, options: &PutOptions) -> super::PutOptions {
        self.given(options.etag.as_ref());
        super::PutOptions {
            content_type: options.content_type.clone(),
            metadata: options.metadata.clone(),
            etag: options.etag.clone(),
            if_absent: options.if_absent,
            if_match: self.asked(options.if_match.as_ref()),
        }
    }
}

/// A store that records calls; `beside` if it bypasses the chain.
struct Recorded {
    base: SharedStore,
    beside: bool,
    tape: Tape,
}

impl Recorded {
    fn keep<T>(&self, call: Call, bytes: Option<Vec<u8>>, result: &core::Result<T>) {
        self.tape.keep(self.beside, call, bytes, result);
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Recorded {
    fn capabilities(&self) -> Capabilities {
        let capabilities = self.base.capabilities();
        let gives = capabilities.names().into_iter().map(str::to_owned).collect();
        let call = Call::Capabilities { gives };
        // Cases call this often; two recordings suffice to show that it is constant.
        let asked = |taken: &&Taken| taken.step.call == call && taken.step.beside == self.beside;
        if self.tape.0.borrow().taken.iter().filter(asked).count() < 2 {
            self.keep(call, None, &Ok(()));
        }
        capabilities
    }

    fn get(&self, key: &str, options: &ReadOptions) -> core::Result<(ObjectInfo, Vec<u8>)> {
        let asked = self.tape.read_options(options);
        let result = self.base.get(key, options);
        let got = result.as_ref().ok();
        let gives = got.map(|(info, _)| Object { info: self.tape.info(info), data: 0 });
        let bytes = got.map(|(_, data)| data.clone());
        self.keep(Call::Get { key: key.to_owned(), options: asked, gives }, bytes, &result);
        result
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> core::Result<ObjectInfo> {
        let asked = self.tape.put_options(options);
        let result = self.base.put(key, data, options);
        let gives = result.as_ref().ok().map(|info| self.tape.info(info));
        let call = Call::Put { key: key.to_owned(), data: 0, options: asked, gives };
        self.keep(call, Some(data.to_vec()), &result);
        result
    }

    fn exists(&self, key: &str) -> core::Result<bool> {
        let result = self.base.exists(key);
        let gives = result.as_ref().ok().copied();
        self.keep(Call::Exists { key: key.to_owned(), gives }, None, &result);
        result
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> core::Result<()> {
        let asked = super::DeleteOptions { if_match: self.tape.asked(options.if_match.as_ref()) };
        let result = self.base.delete(key, options);
        self.keep(Call::Delete { key: key.to_owned(), options: asked }, None, &result);
        result
    }

    fn stat(&self, key: &str) -> core::Result<ObjectInfo> {
        let result = self.base.stat(key);
        let gives = result.as_ref().ok().map(|info| self.tape.info(info));
        self.keep(Call::Stat { key: key.to_owned(), gives }, None, &result);
        result
    }

    fn list(&self, options: &ListOptions) -> core::Result<core::Page> {
        let asked = super::ListOptions {
            prefix: options.prefix.clone(),
            start_after: options.start_after.clone(),
            limit: options.limit,
            skipped: options.skipped,
        };
        let result = self.base.list(options);
        let entry = |entry: &core::Entry| Entry {
            key: entry.key.clone(),
            info: self.tape.info(&entry.info),
        };
        let skipped = |skipped: &core::Skipped| Skipped {
            entry: skipped.entry.clone(),
            reason: skipped.reason.clone(),
        };
        let gives = result.as_ref().ok().map(|page| Page {
            entries: page.entries.iter().map(entry).collect(),
            skipped: page.skipped.iter().map(skipped).collect(),
            next: page.next.clone(),
        });
        self.keep(Call::List { options: asked, gives }, None, &result);
        result
    }

    fn read(&self, key: &str, options: &ReadOptions) -> core::Result<Box<dyn Reader>> {
        let asked = self.tape.read_options(options);
        let result = self.base.read(key, options);
        let number = {
            let mut taking = self.tape.0.borrow_mut();
            taking.readers += 1;
            taking.readers
        };
        let call = Call::Read { key: key.to_owned(), options: asked, reader: number };
        self.keep(call, None, &result);
        let tape = self.tape.clone();
        result.map(|base| Box::new(Reading { base, number, tape }) as Box<dyn Reader>)
    }

    fn write(&self, key: &str, options: &PutOptions) -> core::Result<Box<dyn Writer>> {
        let asked = self.tape.put_options(options);
        let result = self.base.write(key, options);
        let number = {
            let mut taking = self.tape.0.borrow_mut();
            taking.writers += 1;
            taking.writers
        };
        let call = Call::Write { key: key.to_owned(), options: asked, writer: number };
        self.keep(call, None, &result);
        let tape = self.tape.clone();
        result.map(|base| Box::new(Writing { base: Some(base), number, tape }) as Box<dyn Writer>)
    }

    /// Not recorded: embedders need not answer.
    fn locate(&self, key: &str, access: Access) -> core::Result<Option<Location>> {
        self.base.locate(key, access)
    }
}

struct Reading {
    base: Box<dyn Reader>,
    number: Number,
    tape: Tape,
}

impl Reading {
    /// Whether the bytes extend the previous step. Other runtimes may split chunks
    /// differently, so only the concatenation counts.
    fn continues(&self, asked: u32, chunk: &[u8]) -> bool {
        let mut taking = self.tape.0.borrow_mut();
        let Some(Taken { step, bytes: Some(bytes) }) = taking.taken.last_mut() else {
            return false;
        };
        match &mut step.call {
            Call::Next { reader, max, end, .. }
                if *reader == self.number && *max == asked && !*end && step.error.is_none() =>
            {
                bytes.extend_from_slice(chunk);
                *end = chunk.is_empty();
                true
            }
            _ => false,
        }
    }
}

impl Reader for Reading {
    fn info(&self) -> &ObjectInfo {
        let info = self.base.info();
        let gives = self.tape.info(info);
        self.tape.keep(false, Call::Info { reader: self.number, gives }, None, &Ok(()));
        info
    }

    fn next(&mut self, max: usize) -> core::Result<Vec<u8>> {
        let result = self.base.next(max);
        let asked = u32::try_from(max).unwrap_or(u32::MAX);
        match &result {
            Ok(chunk) if self.continues(asked, chunk) => {}
            Ok(chunk) => {
                let end = chunk.is_empty();
                let call = Call::Next { reader: self.number, max: asked, gives: None, end };
                self.tape.keep(false, call, Some(chunk.clone()), &result);
            }
            Err(_) => {
                let call = Call::Next { reader: self.number, max: asked, gives: None, end: false };
                self.tape.keep(false, call, None, &result);
            }
        }
        result
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.tape.keep(false, Call::DropReader { reader: self.number }, None, &Ok(()));
    }
}

struct Writing {
    base: Option<Box<dyn Writer>>,
    number: Number,
    tape: Tape,
}

impl Writing {
    /// Whether the bytes extend the previous step, as its next chunk.
    fn continues(&self, pushed: &[u8]) -> bool {
        let mut taking = self.tape.0.borrow_mut();
        let Some(Taken { step, bytes: Some(bytes) }) = taking.taken.last_mut() else {
            return false;
        };
        match &mut step.call {
            Call::Push { writer, chunk, .. } if *writer == self.number && step.error.is_none() => {
                let length = chunk.unwrap_or(bytes.len());
                let fits = !pushed.is_empty() && pushed.len() <= length;
                if !fits || !bytes.len().is_multiple_of(length) {
                    return false;
                }
                *chunk = Some(length);
                bytes.extend_from_slice(pushed);
                true
            }
            _ => false,
        }
    }
}

impl Writer for Writing {
    fn push(&mut self, chunk: &[u8]) -> core::Result<()> {
        let result = match &mut self.base {
            Some(base) => base.push(chunk),
            None => Err(Error::Other("this writer was finished already".to_owned())),
        };
        if result.is_err() || !self.continues(chunk) {
            let call = Call::Push { writer: self.number, data: 0, chunk: None };
            self.tape.keep(false, call, Some(chunk.to_vec()), &result);
        }
        result
    }

    fn finish(mut self: Box<Self>, trailer: Trailer) -> core::Result<ObjectInfo> {
        self.tape.given(trailer.etag.as_ref());
        let asked =
            super::Trailer { etag: trailer.etag.clone(), metadata: trailer.metadata.clone() };
        let result = match self.base.take() {
            Some(base) => base.finish(trailer),
            None => Err(Error::Other("this writer was finished already".to_owned())),
        };
        let gives = result.as_ref().ok().map(|info| self.tape.info(info));
        let call = Call::Finish { writer: self.number, trailer: asked, gives };
        self.tape.keep(false, call, None, &result);
        result
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.base = None;
        self.tape.keep(false, Call::DropWriter { writer: self.number }, None, &Ok(()));
    }
}

/// Stands for all bases when a case compares them before and after. That is a single
/// step, since how a chain stores its objects is its own business.
struct Watched {
    bases: Vec<SharedStore>,
    tape: Tape,
}

impl Watched {
    fn nothing<T>(&self) -> core::Result<T> {
        Err(Error::Unsupported("the bases of a recorded subject can only be listed".to_owned()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Watched {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    /// One entry that identifies the state.
    fn list(&self, _: &ListOptions) -> core::Result<core::Page> {
        let now = self.bases.iter().map(|base| snapshot(base.as_ref()));
        let now = now.collect::<core::Result<Vec<Snapshot>>>()?;
        let state = {
            let states = &mut self.tape.0.borrow_mut().states;
            let known = states.iter().position(|state| *state == now);
            known.unwrap_or_else(|| {
                states.push(now);
                states.len() - 1
            })
        };
        let number = Number::try_from(state + 1).unwrap_or(Number::MAX);
        self.tape.keep(false, Call::Snapshot { state: number }, None, &Ok(()));
        let key = format!("state {number}");
        Ok(core::Page::of(vec![core::Entry { key, ..Default::default() }], None))
    }

    fn read(&self, _: &str, _: &ReadOptions) -> core::Result<Box<dyn Reader>> {
        Ok(Box::new(Nothing(ObjectInfo::default())))
    }

    fn get(&self, _: &str, _: &ReadOptions) -> core::Result<(ObjectInfo, Vec<u8>)> {
        self.nothing()
    }
    fn put(&self, _: &str, _: &[u8], _: &PutOptions) -> core::Result<ObjectInfo> {
        self.nothing()
    }
    fn exists(&self, _: &str) -> core::Result<bool> {
        self.nothing()
    }
    fn delete(&self, _: &str, _: &DeleteOptions) -> core::Result<()> {
        self.nothing()
    }
    fn stat(&self, _: &str) -> core::Result<ObjectInfo> {
        self.nothing()
    }
    fn write(&self, _: &str, _: &PutOptions) -> core::Result<Box<dyn Writer>> {
        self.nothing()
    }
    fn locate(&self, _: &str, _: Access) -> core::Result<Option<Location>> {
        Ok(None)
    }
}

/// A reader of an empty object.
struct Nothing(ObjectInfo);

impl Reader for Nothing {
    fn info(&self) -> &ObjectInfo {
        &self.0
    }

    fn next(&mut self, _: usize) -> core::Result<Vec<u8>> {
        Ok(Vec::new())
    }
}
