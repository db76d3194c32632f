//! Decodes chunks from frames.

use super::checked::Checked;
use super::format::{END, End, FRAME, Frame, HEAD, Head, MAX_TABLE, corrupt, most_encoded};
use super::transform::{Part, Transform};
use crate::codec::{self, Feed};
use std::rc::Rc;
use storage_contract::types::Result;

/// The chunks of an object, and which of them are requested.
struct Window {
    head: Head,
    /// The first requested chunk; those before it are skipped.
    first: u64,
    /// The last requested chunk.
    last: u64,
    /// The number of chunks in the object, if known.
    chunks: Option<u64>,
}

/// Decodes an object, or a run of its chunks.
pub struct Decoder<T> {
    transform: Rc<Checked<T>>,
    key: String,
    feed: Feed,
    window: Option<Window>,
    /// The index of the chunk whose frame comes next.
    index: u64,
    /// Plain bytes so far, of a whole object.
    size: u64,
    plain: Vec<u8>,
    given: usize,
    done: bool,
}

impl<T: Transform> Decoder<T> {
    /// For a whole object in `feed`.
    pub fn whole(transform: Rc<Checked<T>>, key: &str, feed: Feed) -> Self {
        Self {
            transform,
            key: key.to_owned(),
            feed,
            window: None,
            index: 0,
            size: 0,
            plain: Vec::new(),
            given: 0,
            done: false,
        }
    }

    /// For the chunks `first` to `last`. `feed` starts at the frame of chunk
    /// `index`.
    pub fn part(
        transform: Rc<Checked<T>>,
        key: &str,
        feed: Feed,
        end: &End,
        index: u64,
        (first, last): (u64, u64),
    ) -> Self {
        let window = Window { head: end.head, first, last, chunks: Some(end.chunks()) };
        Self { window: Some(window), index, ..Self::whole(transform, key, feed) }
    }

    /// Reads exactly `count` bytes.
    fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < count {
            let held = self.feed.fill()?;
            let part = held.get(..held.len().min(count - out.len())).unwrap_or_default();
            if part.is_empty() {
                return Err(corrupt("they end in the middle"));
            }
            out.extend_from_slice(part);
            let taken = part.len();
            self.feed.take(taken);
        }
        Ok(out)
    }

    /// Decodes the next frame; a requested chunk becomes `plain`.
    fn advance(&mut self) -> Result<()> {
        if self.window.is_none() {
            let head = Head::parse(&self.exactly(HEAD)?)?;
            self.window = Some(Window { head, first: 0, last: u64::MAX, chunks: None });
        }
        let Some(Window { head, first, last, chunks }) = self.window else { return Ok(()) };
        let frame = Frame::parse(&self.exactly(FRAME)?);
        let index = self.index;
        if u64::from(frame.length) > most_encoded(head.chunk_size) {
            return Err(corrupt(&format!("the length of chunk {index} can't be")));
        }
        let wanted = wanted(&head, &frame, index)?;
        let encoded = self.exactly(usize::try_from(frame.length).unwrap_or(usize::MAX))?;
        if !frame.fits(&head, index, &encoded) {
            return Err(corrupt(&format!("chunk {index} is damaged, or not of this object")));
        }
        if chunks.is_some_and(|chunks| frame.last != (index + 1 == chunks)) {
            return Err(corrupt(&format!("chunk {index} is not where the last one must be")));
        }
        self.index += 1;
        self.done = frame.last || index >= last;
        if index < first {
            return Ok(());
        }
        let part = Part { key: &self.key, object: &head.object, index, last: frame.last };
        let plain = self.transform.decode_chunk(&part, &encoded, wanted, head.chunk_size)?;
        self.size += plain.len() as u64;
        if frame.last && chunks.is_none() {
            self.check_end(&head)?;
        }
        self.plain = plain;
        self.given = 0;
        Ok(())
    }

    /// Reads on to the end of the base's bytes if that is near.
    fn close(&mut self) -> Result<()> {
        let near = self.window.as_ref().is_some_and(|window| window.head.overhead.is_some());
        if !near {
            return Ok(());
        }
        loop {
            let held = self.feed.fill()?.len();
            if held == 0 {
                return Ok(());
            }
            self.feed.take(held);
        }
    }

    /// Checks what follows the last frame of a whole object.
    fn check_end(&mut self, head: &Head) -> Result<()> {
        let mut rest = Vec::new();
        loop {
            let held = self.feed.fill()?;
            if held.is_empty() {
                break;
            }
            if rest.len() + held.len() > MAX_TABLE * 8 + END {
                return Err(corrupt("more follows than can be"));
            }
            rest.extend_from_slice(held);
            let taken = held.len();
            self.feed.take(taken);
        }
        let end = End::parse(&rest)?;
        let table = rest.get(..rest.len() - END).unwrap_or_default();
        let right = end.head == *head && end.size == self.size && end.chunks() == self.index;
        match right && end.fits(table) {
            true => Ok(()),
            false => Err(corrupt("their end does not fit what is before it")),
        }
    }
}

/// The number of bytes that a frame's chunk must decode to, if known.
fn wanted(head: &Head, frame: &Frame, index: u64) -> Result<Option<u32>> {
    let whole = (!frame.last).then_some(head.chunk_size);
    let Some(overhead) = head.overhead else { return Ok(whole) };
    let plain = frame.length.checked_sub(overhead);
    let right = match (plain, whole) {
        (None, _) => false,
        (Some(plain), Some(whole)) => plain == whole,
        (Some(plain), None) => plain <= head.chunk_size && (plain > 0 || index == 0),
    };
    match right {
        true => Ok(plain),
        false => Err(corrupt(&format!("the length of chunk {index} can't be"))),
    }
}

impl<T: Transform> codec::Decoder for Decoder<T> {
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        while self.given == self.plain.len() {
            if self.done {
                self.close()?;
                return Ok(Vec::new());
            }
            self.advance()?;
        }
        if self.given == 0 && self.plain.len() <= max {
            return Ok(std::mem::take(&mut self.plain));
        }
        let end = self.plain.len().min(self.given.saturating_add(max));
        let part = self.plain.get(self.given..end).unwrap_or_default().to_vec();
        self.given = end;
        Ok(part)
    }
}
