//! The bytes of an object on their way through the host: the twin of
//! [`storage_core::source`], which says why the end counts.
//!
//! Everything that moves bytes here reads a [`Source`] and writes an
//! [`Upload`], and has only these loops.

use crate::objects::{CHUNK, Objects, Upload};
use crate::store::{ByteRange, Error, ObjectInfo, PutOptions, Reader, Result};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
pub use storage_core::source::Ended;
use storage_core::source::Tally;

enum State {
    Open,
    Ended(Ended),
    /// A reader that failed must not seem to be at its end.
    Failed(Error),
}

/// The bytes of an object, or of a range of it, in order. The last ones that
/// were announced come only when the store has said that they are the last.
pub struct Source {
    reader: Box<dyn Reader>,
    tally: Tally,
    state: State,
    /// Read, and not given yet.
    held: VecDeque<Bytes>,
}

impl Source {
    /// Of a reader that was opened for `range`, and gave nothing yet.
    pub fn new(reader: Box<dyn Reader>, range: Option<ByteRange>) -> Self {
        let tally = Tally::new(reader.info(), range);
        Self { reader, tally, state: State::Open, held: VecDeque::new() }
    }

    /// The same, of which nothing was read yet, where it is known from
    /// elsewhere that it has `length` bytes.
    #[must_use]
    pub(crate) fn of(self, length: u64) -> Self {
        Self { tally: Tally::of(length), ..self }
    }

    /// What is known of the whole object.
    pub fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    /// The next bytes, at least one and at most `max`; empty is the end. After
    /// an error there is never an end, only the error again.
    pub async fn next(&mut self, max: usize) -> Result<Bytes> {
        let Some(held) = self.held.front_mut() else { return self.advance(max).await };
        let chunk = held.split_to(held.len().min(max.max(1)));
        if held.is_empty() {
            self.held.pop_front();
        }
        Ok(chunk)
    }

    /// What publishing these bytes elsewhere asks for, when all were read.
    pub async fn end(mut self) -> Result<Ended> {
        let more = self.next(1).await?;
        match self.state {
            State::Ended(ended) if more.is_empty() => Ok(ended),
            _ => Err(Error::Other("the object was not read to its end".to_owned())),
        }
    }

    /// Reads ahead: all of an object of at most `max` bytes, with its end, or
    /// the first bytes of a larger one. `next` gives them afterwards.
    pub(crate) async fn look(&mut self, max: usize) -> Result<()> {
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
        let mut ended = self.tally.hear(chunk.len())?;
        if ended.is_none() && self.tally.is_full() {
            let more = self.reader.next(1).await?;
            ended = self.tally.hear(more.len())?;
        }
        if let Some(ended) = ended {
            self.state = State::Ended(ended);
        }
        Ok(chunk)
    }

    /// All of it, where it is small. `None`: it is not, and `next` still gives
    /// it from the start.
    async fn at_once(&mut self) -> Result<Option<(Bytes, Ended)>> {
        self.look(CHUNK).await?;
        if self.tally.owed().is_none() && !self.held.is_empty() {
            let more = self.advance(CHUNK).await?;
            self.hold(more);
        }
        match std::mem::replace(&mut self.state, State::Open) {
            State::Ended(ended) => Ok(Some((self.together(), ended))),
            state => {
                self.state = state;
                Ok(None)
            }
        }
    }

    /// What is held, in one piece.
    fn together(&mut self) -> Bytes {
        let first = self.held.pop_front().unwrap_or_default();
        if self.held.is_empty() {
            return first;
        }
        let mut all = BytesMut::from(first);
        self.held.drain(..).for_each(|piece| all.extend_from_slice(&piece));
        all.freeze()
    }

    /// Hands all bytes to an upload; `hear` hears each piece before.
    pub(crate) async fn pour(
        mut self,
        upload: &mut Upload,
        mut hear: impl FnMut(&Bytes),
    ) -> Result<Ended, Fault> {
        loop {
            let chunk = self.next(CHUNK).await.map_err(Fault::Source)?;
            if chunk.is_empty() {
                return self.end().await.map_err(Fault::Source);
            }
            hear(&chunk);
            upload.push(chunk).await.map_err(Fault::Target)?;
        }
    }

    /// Writes all bytes to `key` of a store, at once where they are few; gives
    /// how many there were.
    pub(crate) async fn carry(
        mut self,
        to: &Objects,
        key: &str,
        options: PutOptions,
        mut hear: impl FnMut(&Bytes),
    ) -> Result<u64, Fault> {
        if let Some((data, ended)) = self.at_once().await.map_err(Fault::Source)? {
            hear(&data);
            to.put(key, data, options).await.map_err(Fault::Target)?;
            return Ok(ended.length());
        }
        let mut upload = to.write(key, options).await.map_err(Fault::Target)?;
        let ended = self.pour(&mut upload, hear).await?;
        let length = ended.length();
        upload.finish(ended).await.map_err(Fault::Target)?;
        Ok(length)
    }
}

/// What failed while bytes were moved, and on which side.
#[derive(Debug)]
pub(crate) enum Fault {
    Source(Error),
    Target(Error),
}
