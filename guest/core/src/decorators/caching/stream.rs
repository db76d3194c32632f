//! Streams: reads from the cache, reads that make a copy on the way, and writes.

use super::cache::Cache;
use super::claim::Claim;
use super::copy_metadata::wrap;
use super::index::Record;
use crate::decorators::resume::{Given, reopen};
use std::rc::Rc;
use storage_contract::env::Guard;
use storage_contract::source::{Ended, Source};
use storage_contract::store::{Reader, Writer};
use storage_contract::types::{
    ByteRange, Error, ObjectInfo, PutOptions, ReadOptions, Result, Trailer,
};

/// Objects of up to this size are read into memory with the lock held, so that
/// concurrent readers of a new object fetch it once. Larger ones, up to `at_once`,
/// are held only in the copy.
const IN_MEMORY: u64 = 1024 * 1024;

/// The size of a read, in bytes.
const CHUNK: usize = 256 * 1024;

impl Cache {
    /// Streams a good copy; `None` if there is none after all.
    pub(super) fn stream_copy(
        self: &Rc<Self>,
        key: &str,
        options: &ReadOptions,
    ) -> Result<Option<Box<dyn Reader>>> {
        if options.range.is_some() && !self.cache.capabilities().range {
            return Ok(None);
        }
        let Some(known) = self.lookup(key)? else { return Ok(None) };
        if !self.check(&known, options)? {
            return Ok(None);
        }
        if let Some(range) = options.range {
            range.resolve(known.record.size)?;
        }
        let asked = ReadOptions { range: options.range, ..ReadOptions::default() };
        let Some(reader) = self.given(&known.record, self.cache.read(key, &asked)) else {
            return Ok(None);
        };
        let Some(info) = self.verify(&known, reader.info()) else { return Ok(None) };
        self.touch(&known.record);
        let range = options.range;
        let cache = Some(self.clone());
        let given = Given::new(self.cache.capabilities().range);
        let source = Source::new(reader, range);
        let record = known.record;
        Ok(Some(Box::new(CopyReader { cache, record, range, info, source, given })))
    }

    /// Streams a whole object from the main store, copying it on the way.
    pub(super) fn stream_main(
        self: &Rc<Self>,
        key: &str,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader>> {
        let Some(lock) = self.lock_to_fill(key) else { return self.main.read(key, options) };
        let lock = lock.as_ref();
        if let Some(reader) = self.stream_copy(key, options)? {
            return Ok(reader);
        }
        let Some(claim) = self.claim(key) else { return self.main.read(key, options) };
        if self.adopt(lock, &claim)?
            && let Some(reader) = self.stream_copy(key, options)?
        {
            return Ok(reader);
        }
        let now = self.now();
        let reader = self.main.read(key, options)?;
        let info = reader.info().clone();
        if info.size.is_some_and(|size| size > self.config.largest()) {
            return Ok(reader);
        }
        let mut source = Source::new(reader, None);
        let mut head = Vec::new();
        let most = self.config.at_once.min(IN_MEMORY);
        if info.size.is_none_or(|size| size <= most) {
            while head.len() as u64 <= most {
                let chunk = source.next(CHUNK)?;
                if let Some(proof) = source.take_proof() {
                    head.extend(chunk);
                    self.fill(lock, &claim.record, &info, &head, proof, now);
                    return Ok(Box::new(Held { info, data: head, position: 0 }));
                }
                head.extend(chunk);
            }
        }
        if head.is_empty() && info.size.is_some_and(|size| size <= self.config.at_once) {
            return self.stream_through(lock, &claim, options, source, now);
        }
        let copy = self.begin_copy(claim, &info, &head, now);
        Ok(Box::new(Tee { source, head, position: 0, done: 0, copy }))
    }

    /// With the lock held: copies an object from the start of `source`, and returns
    /// a stream of the copy.
    fn stream_through(
        self: &Rc<Self>,
        lock: &dyn Guard,
        claim: &Claim,
        options: &ReadOptions,
        mut source: Source,
        now: u64,
    ) -> Result<Box<dyn Reader>> {
        let key = claim.record.key.as_str();
        let info = source.info().clone();
        let mut writer = self.cache.write(key, &self.copy_options(&info));
        while let Ok(copy) = &mut writer {
            // Errors of the main store go to the caller.
            let chunk = source.next(CHUNK)?;
            if chunk.is_empty() {
                break;
            }
            if let Err(error) = copy.push(&chunk) {
                writer = Err(error);
            }
        }
        let copied = writer.and_then(|writer| {
            let cut_off = || Error::InvalidData("the object was not read to its end".to_owned());
            let size = source.take_proof().ok_or_else(cut_off)?.length();
            let Some(mine) = self.expect(lock, &claim.record, size) else { return Ok(None) };
            Ok(Some((mine, writer.finish(Trailer::default())?, size)))
        });
        match copied {
            Ok(Some((mine, copy, size))) => {
                self.keep(lock, &mine, info.etag.as_deref(), copy.etag.as_deref(), size, now);
                if let Some(reader) = self.stream_copy(key, options)? {
                    return Ok(reader);
                }
            }
            Ok(None) => self.abandon(lock, key),
            Err(error) => {
                self.withdraw(lock, key);
                self.not_copied(key, &error);
            }
        }
        self.main.read(key, options)
    }

    fn begin_copy(
        self: &Rc<Self>,
        mut claim: Claim,
        info: &ObjectInfo,
        head: &[u8],
        since: u64,
    ) -> Option<Filling> {
        let key = claim.record.key.as_str();
        let options = PutOptions { metadata: Vec::new(), ..self.copy_options(info) };
        let mut writer = self
            .cache
            .write(key, &options)
            .inspect_err(|error| self.not_copied(key, error))
            .ok()?;
        for chunk in head.chunks(CHUNK) {
            writer.push(chunk).ok()?;
        }
        claim.extend(since).then(|| Filling { cache: self.clone(), claim, since, writer })
    }
}

/// A stream of a copy that continues from the main store if the cache fails in the
/// middle.
struct CopyReader {
    cache: Option<Rc<Cache>>,
    record: Record,
    range: Option<ByteRange>,
    info: ObjectInfo,
    source: Source,
    given: Given,
}

impl Reader for CopyReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let chunk = match self.source.next(max) {
            Ok(chunk) => chunk,
            Err(error) => {
                let Some(cache) = self.cache.take() else { return Err(error) };
                let key = &self.record.key;
                cache.complain("can't be read from the cache", key, &error);
                cache.reject(&self.record, &error);
                let main = cache.main.as_ref();
                let (range, info) = (self.range, &self.info);
                self.source = reopen(main, key, range, info, &self.given, &error)?;
                self.source.next(max)?
            }
        };
        self.given.add(&chunk);
        Ok(chunk)
    }
}

/// A whole object in memory.
struct Held {
    info: ObjectInfo,
    data: Vec<u8>,
    position: usize,
}

impl Reader for Held {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        Ok(take(&self.data, &mut self.position, max))
    }
}

fn take(data: &[u8], position: &mut usize, max: usize) -> Vec<u8> {
    let rest = data.get(*position..).unwrap_or_default();
    let chunk = rest.get(..max.min(rest.len())).unwrap_or_default().to_vec();
    *position += chunk.len();
    chunk
}

/// A copy in the making. Dropping it abandons the copy.
struct Filling {
    cache: Rc<Cache>,
    claim: Claim,
    /// When the main store was asked, in milliseconds.
    since: u64,
    writer: Box<dyn Writer>,
}

impl Filling {
    fn push(&mut self, chunk: &[u8], size: u64) -> bool {
        let fits = size <= self.cache.config.largest();
        fits && self.writer.push(chunk).is_ok()
    }

    fn publish(self, info: &ObjectInfo, ended: Ended) {
        let Self { cache, claim, since, writer } = self;
        let (key, size) = (&claim.record.key, ended.length());
        let Ok(lock) = cache.lock(key) else { return };
        let lock = lock.as_ref();
        let Some(mine) = cache.expect(lock, &claim.record, size) else { return };
        let metadata = if cache.keeps_info { wrap(info) } else { Vec::new() };
        let etag = info.etag.clone().filter(|_| cache.keeps_info);
        match writer.finish(Trailer { etag, metadata }) {
            Ok(copy) => {
                let (etag, copy) = (info.etag.as_deref(), copy.etag.as_deref());
                cache.keep(lock, &mine, etag, copy, size, since);
            }
            Err(error) => {
                cache.withdraw(lock, key);
                cache.not_copied(key, &error);
            }
        }
    }
}

/// A stream from the main store that makes a copy on the way.
struct Tee {
    source: Source,
    head: Vec<u8>,
    position: usize,
    done: u64,
    copy: Option<Filling>,
}

impl Reader for Tee {
    fn info(&self) -> &ObjectInfo {
        self.source.info()
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        if self.position < self.head.len() {
            let chunk = take(&self.head, &mut self.position, max);
            self.done = self.done.saturating_add(chunk.len() as u64);
            if self.position == self.head.len() {
                self.head = Vec::new();
                self.position = 0;
            }
            return Ok(chunk);
        }
        let chunk = match self.source.next(max) {
            Ok(chunk) => chunk,
            Err(error) => {
                self.copy = None;
                return Err(error);
            }
        };
        self.done = self.done.saturating_add(chunk.len() as u64);
        if let Some(mut copy) = self.copy.take()
            && (chunk.is_empty() || copy.push(&chunk, self.done))
        {
            match self.source.take_proof() {
                Some(proof) => copy.publish(self.source.info(), proof),
                None => self.copy = Some(copy),
            }
        }
        Ok(chunk)
    }
}

/// A streamed write to the main store.
pub(super) struct Change {
    pub cache: Rc<Cache>,
    pub key: String,
    pub main: Box<dyn Writer>,
}

impl Writer for Change {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.main.push(chunk)
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let Self { cache, key, main } = *self;
        cache.change_main(&key, || main.finish(trailer))
    }
}
