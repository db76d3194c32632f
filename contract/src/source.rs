//! Object bytes in transit, and proof that they are complete.
//!
//! Receiving as many bytes as announced is not the end: a check of the object (a
//! decoder, a checksum, another host) may report only afterwards that they were
//! wrong. So whatever publishes bytes of another object needs an [`Ended`], which
//! exists only after an end without error. A [`Source`] holds back the last bytes
//! until then, so that nobody takes corrupt bytes for the whole.

use crate::store::Reader;
use crate::types::{ByteRange, Error, ObjectInfo, Result};

/// The size of a read, in bytes.
const CHUNK: usize = 256 * 1024;

/// Proof that all bytes arrived and that their source confirmed the end. There is
/// none for a stream that failed, was not read to its end, or differs in length
/// from what was announced.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "nothing is published without it"]
pub struct Ended {
    length: u64,
}

impl Ended {
    /// For bytes that the caller has in full, because it made them or one call
    /// returned them all. The caller vouches for their end.
    pub fn own(length: u64) -> Self {
        Self { length }
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Proof for these bytes followed by those of `next`.
    pub fn and(self, next: Ended) -> Self {
        Self { length: self.length.saturating_add(next.length) }
    }
}

/// Compares the bytes that a reader returns with what it announced.
#[derive(Debug)]
pub struct Tally {
    owed: Option<u64>,
    /// Upper bound, even if the exact number is unknown.
    most: u64,
    came: u64,
}

impl Tally {
    /// For a reader of an object, or of a range of it.
    pub fn new(info: &ObjectInfo, range: Option<ByteRange>) -> Self {
        let range = range.unwrap_or_default();
        let span = info.size.and_then(|size| range.resolve(size).ok());
        let owed = span.map(|(start, end)| end - start);
        let most = owed.or(range.length).unwrap_or(u64::MAX);
        Self { owed, most, came: 0 }
    }

    /// For exactly `length` bytes.
    pub fn of(length: u64) -> Self {
        Self { owed: Some(length), most: length, came: 0 }
    }

    /// The total number of bytes expected, if known.
    pub fn owed(&self) -> Option<u64> {
        self.owed
    }

    /// Records `count` more bytes; 0 is the reader's end, which returns the proof.
    /// `InvalidData` if there are fewer or more bytes than announced.
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

    /// Whether only the end may follow.
    pub fn is_full(&self) -> bool {
        self.came >= self.most
    }
}

/// Checks that one call returned the whole object or range.
pub fn whole(info: &ObjectInfo, range: Option<ByteRange>, data: &[u8]) -> Result<Ended> {
    let mut tally = Tally::new(info, range);
    match tally.hear(data.len())? {
        Some(proof) => Ok(proof),
        None => Ok(tally.hear(0)?.unwrap_or(Ended { length: data.len() as u64 })),
    }
}

enum State {
    Open,
    /// With the proof, until it is taken.
    Ended(Option<Ended>),
    /// A reader that failed must not seem to be at its end.
    Failed(Error),
}

/// A counting reader. It returns the last bytes announced only after its reader has
/// confirmed the end.
pub struct Source {
    reader: Box<dyn Reader>,
    tally: Tally,
    state: State,
}

impl Source {
    /// For a new reader that was opened for `range`.
    pub fn new(reader: Box<dyn Reader>, range: Option<ByteRange>) -> Self {
        let tally = Tally::new(reader.info(), range);
        Self { reader, tally, state: State::Open }
    }

    /// For a reader with `owed` bytes left, if known.
    pub fn owing(reader: Box<dyn Reader>, owed: Option<u64>) -> Self {
        let unknown = Tally { owed: None, most: u64::MAX, came: 0 };
        let tally = owed.map_or(unknown, Tally::of);
        Self { reader, tally, state: State::Open }
    }

    /// The proof of the end, once it was reached. Returned only once.
    pub fn take_proof(&mut self) -> Option<Ended> {
        match &mut self.state {
            State::Ended(proof) => proof.take(),
            State::Open | State::Failed(_) => None,
        }
    }

    /// Reads everything into memory; `LimitExceeded` above `most` bytes.
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
        let mut proof = self.tally.hear(chunk.len())?;
        if proof.is_none() && self.tally.is_full() {
            let more = self.reader.next(1)?;
            proof = self.tally.hear(more.len())?;
        }
        if proof.is_some() {
            self.state = State::Ended(proof);
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
            State::Ended(_) => Ok(Vec::new()),
            State::Failed(error) => Err(error.clone()),
        }
    }
}
