//! Readers that prove where an object ends. The counterpart in the guest,
//! [`storage_contract::source`], explains why the end matters.
//!
//! Everything that moves bytes in the host reads a [`Source`], with the loops in
//! [`carry`](crate::carry).

use crate::chunk_size::CHUNK;
use crate::object_store::{ByteRange, Error, ObjectInfo, Reader, Result};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
pub use storage_contract::source::Ended;
use storage_contract::source::Tally;

enum State {
    Open,
    Ended(Ended),
    /// A failed reader must not appear to be at its end.
    Failed(Error),
}

/// The bytes of an object or range, in order. The last announced bytes are held
/// back until the store has confirmed the end.
pub struct Source {
    reader: Box<dyn Reader>,
    tally: Tally,
    state: State,
    /// Bytes read ahead.
    held: VecDeque<Bytes>,
}

impl Source {
    /// Wraps an unread reader that was opened for `range`.
    pub fn new(reader: Box<dyn Reader>, range: Option<ByteRange>) -> Self {
        let tally = Tally::new(reader.info(), range);
        Self { reader, tally, state: State::Open, held: VecDeque::new() }
    }

    /// The same unread source, with a length known from elsewhere.
    #[must_use]
    pub fn of(self, length: u64) -> Self {
        Self { tally: Tally::of(length), ..self }
    }

    /// The metadata of the whole object.
    pub fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    /// The next bytes, at least one and at most `max`; empty at the end. After
    /// an error, every call returns the error again.
    pub async fn next(&mut self, max: usize) -> Result<Bytes> {
        let Some(held) = self.held.front_mut() else { return self.advance(max).await };
        let chunk = held.split_to(held.len().min(max.max(1)));
        if held.is_empty() {
            self.held.pop_front();
        }
        Ok(chunk)
    }

    /// The proof of the end, required to publish these bytes elsewhere. Fails
    /// unless all bytes were read.
    pub async fn end(mut self) -> Result<Ended> {
        let more = self.next(1).await?;
        match self.state {
            State::Ended(proof) if more.is_empty() => Ok(proof),
            _ => Err(Error::Other("the object was not read to its end".to_owned())),
        }
    }

    /// Reads ahead: a whole object of at most `max` bytes, with its end, or the
    /// first bytes of a larger one. `next` returns them afterwards.
    pub async fn look(&mut self, max: usize) -> Result<()> {
        let is_small = self.tally.owed().is_some_and(|owed| owed <= max as u64);
        while matches!(self.state, State::Open) && (is_small || self.held.is_empty()) {
            let chunk = self.advance(max).await?;
            self.hold(chunk);
        }
        Ok(())
    }

    fn hold(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.held.push_back(chunk);
        }
    }

    async fn advance(&mut self, max: usize) -> Result<Bytes> {
        match &self.state {
            State::Open => {}
            State::Ended(_) => return Ok(Bytes::new()),
            State::Failed(error) => return Err(error.clone()),
        }
        let chunk = self.ask(max).await;
        chunk.inspect_err(|error| self.state = State::Failed(error.clone()))
    }

    async fn ask(&mut self, max: usize) -> Result<Bytes> {
        let chunk = self.reader.next(max).await?;
        let mut proof = self.tally.hear(chunk.len())?;
        if proof.is_none() && self.tally.is_full() {
            let more = self.reader.next(1).await?;
            proof = self.tally.hear(more.len())?;
        }
        if let Some(proof) = proof {
            self.state = State::Ended(proof);
        }
        Ok(chunk)
    }

    /// The whole object if it is small. Otherwise `None`, and `next` still
    /// starts at the beginning.
    pub(crate) async fn at_once(&mut self) -> Result<Option<(Bytes, Ended)>> {
        self.look(CHUNK).await?;
        if self.tally.owed().is_none() && !self.held.is_empty() {
            let more = self.advance(CHUNK).await?;
            self.hold(more);
        }
        match std::mem::replace(&mut self.state, State::Open) {
            State::Ended(proof) => Ok(Some((self.together(), proof))),
            state => {
                self.state = state;
                Ok(None)
            }
        }
    }

    /// The bytes read ahead, in one piece.
    fn together(&mut self) -> Bytes {
        let first = self.held.pop_front().unwrap_or_default();
        if self.held.is_empty() {
            return first;
        }
        let mut all = BytesMut::from(first);
        self.held.drain(..).for_each(|piece| all.extend_from_slice(&piece));
        all.freeze()
    }
}
