//! The bytes of an object on their way, and where they end.
//!
//! That as many bytes came as were announced is not the end: whatever checks
//! an object (a decoder, a checksum, another host) may only then say that they
//! were wrong. So what publishes bytes of another object asks for an [`Ended`],
//! which only an end without an error gives, and a [`Source`] holds the last
//! bytes back until then: nobody can take what is rotten for the whole.

use crate::store::Reader;
use crate::types::{ByteRange, Error, ObjectInfo, Result};

/// How many bytes are asked for at once.
const CHUNK: usize = 256 * 1024;

/// The bytes are all there, and whoever gave them has said so. There is none
/// for a stream that failed, was not read to its end, or had another length
/// than was announced.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "nothing is published without it"]
pub struct Ended {
    length: u64,
}

impl Ended {
    /// Of bytes that the caller has whole, because it made them or one call
    /// gave them all: it answers for their end itself.
    pub fn own(length: u64) -> Self {
        Self { length }
    }

    /// How many bytes there were.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Of these bytes and those of `next` after them.
    pub fn and(self, next: Ended) -> Self {
        Self { length: self.length.saturating_add(next.length) }
    }
}

/// Counts what a reader gives, against what it announced.
#[derive(Debug)]
pub struct Tally {
    owed: Option<u64>,
    /// Never more than this, even where it is not known how many there are.
    most: u64,
    came: u64,
}

impl Tally {
    /// Of a reader of the object, or of a range of it.
    pub fn new(info: &ObjectInfo, range: Option<ByteRange>) -> Self {
        let range = range.unwrap_or_default();
        let span = info.size.and_then(|size| range.resolve(size).ok());
        let owed = span.map(|(start, end)| end - start);
        let most = owed.or(range.length).unwrap_or(u64::MAX);
        Self { owed, most, came: 0 }
    }

    /// Of exactly `length` bytes.
    pub fn of(length: u64) -> Self {
        Self { owed: Some(length), most: length, came: 0 }
    }

    /// How many bytes must come in all, where that is known.
    pub fn owed(&self) -> Option<u64> {
        self.owed
    }

    /// How many bytes a reader gave; none is its end.
    pub fn hear(&mut self, count: usize) -> Result<Option<Ended>> {
        let came = self.came.saturating_add(count as u64);
        match self.owed {
            Some(owed) if count == 0 && came < owed => Err(Error::InvalidData(format!(
                "the object ended after {came} bytes, and {owed} were announced"
            ))),
            _ if count == 0 => Ok(Some(Ended { length: came })),
            _ if came > self.most => Err(Error::InvalidData(format!(
                "the object goes on after the {} bytes that were announced",
                self.most
            ))),
            _ => {
                self.came = came;
                Ok(None)
            }
        }
    }

    /// Whether nothing may come any more but the end.
    pub fn is_full(&self) -> bool {
        self.came >= self.most
    }
}

/// Checks that one call gave the whole object or range.
pub fn whole(info: &ObjectInfo, range: Option<ByteRange>, data: &[u8]) -> Result<Ended> {
    let mut tally = Tally::new(info, range);
    match tally.hear(data.len())? {
        Some(ended) => Ok(ended),
        None => Ok(tally.hear(0)?.unwrap_or(Ended { length: data.len() as u64 })),
    }
}

enum State {
    Open,
    Ended,
    /// A reader that failed must not seem to be at its end.
    Failed(Error),
}

/// A reader with its count. The last bytes that were announced come only when
/// the reader has said that they are the last.
pub struct Source {
    reader: Box<dyn Reader>,
    tally: Tally,
    state: State,
    ended: Option<Ended>,
}

impl Source {
    /// Of a reader that was opened for `range`, and gave nothing yet.
    pub fn new(reader: Box<dyn Reader>, range: Option<ByteRange>) -> Self {
        let tally = Tally::new(reader.info(), range);
        Self { reader, tally, state: State::Open, ended: None }
    }

    /// Of a reader that has `owed` bytes to give from here, where that is known.
    pub fn owing(reader: Box<dyn Reader>, owed: Option<u64>) -> Self {
        let unknown = Tally { owed: None, most: u64::MAX, came: 0 };
        let tally = owed.map_or(unknown, Tally::of);
        Self { reader, tally, state: State::Open, ended: None }
    }

    /// The end, once it was reached; to be had once.
    pub fn ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    /// All of it, in memory; `LimitExceeded` above `most` bytes.
    pub fn collect(mut self, most: u64) -> Result<(ObjectInfo, Vec<u8>)> {
        let mut data = Vec::new();
        loop {
            let chunk = self.next(CHUNK)?;
            if chunk.is_empty() {
                return Ok((self.reader.info().clone(), data));
            }
            if (data.len() + chunk.len()) as u64 > most {
                return Err(Error::LimitExceeded(format!(
                    "the object has more than the {most} bytes that are held in memory"
                )));
            }
            match data.is_empty() {
                true => data = chunk,
                false => data.extend_from_slice(&chunk),
            }
        }
    }

    fn advance(&mut self, max: usize) -> Result<Vec<u8>> {
        let chunk = self.reader.next(max)?;
        self.ended = self.tally.hear(chunk.len())?;
        if self.ended.is_none() && self.tally.is_full() {
            let more = self.reader.next(1)?;
            self.ended = self.tally.hear(more.len())?;
        }
        if self.ended.is_some() {
            self.state = State::Ended;
        }
        Ok(chunk)
    }
}

impl Reader for Source {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        match &self.state {
            State::Open => {
                self.advance(max).inspect_err(|error| self.state = State::Failed(error.clone()))
            }
            State::Ended => Ok(Vec::new()),
            State::Failed(error) => Err(error.clone()),
        }
    }
}
