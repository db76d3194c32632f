//! Encoding and decoding while streaming.

use super::coder::{Decoder, Encoder};
use super::marks;
use std::ops::Range;
use storage_contract::store::{Reader, Writer};
use storage_contract::types::{ByteRange, Error, ObjectInfo, Result, Trailer};

/// Encoded bytes go to the base in pieces of about this size.
const PIECE: usize = 128 * 1024;

/// Skipped plain bytes are decoded in pieces of this size.
const SKIP: usize = 256 * 1024;

/// What to read after the requested bytes, so that they are checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// Nothing: the object goes on, and whatever checks it is far away.
    Nothing,
    /// The end, which must be there.
    End,
    /// The end, if it is there.
    Perhaps,
    /// All that the base has, since it ends soon.
    All,
}

/// A reader of plain bytes.
pub struct Decoding {
    decoder: Option<Box<dyn Decoder>>,
    info: ObjectInfo,
    skip: u64,
    left: u64,
    held: Vec<u8>,
    after: After,
    /// The number of bytes still expected before the end, if known.
    owed: Option<u64>,
    /// A reader that failed must not seem to be at its end.
    failed: Option<Error>,
}

impl Decoding {
    fn new(decoder: Option<Box<dyn Decoder>>, info: ObjectInfo, skip: u64, left: u64) -> Self {
        let held = Vec::new();
        Self { decoder, info, skip, left, held, after: After::Perhaps, owed: None, failed: None }
    }

    pub fn whole(decoder: Box<dyn Decoder>, info: ObjectInfo) -> Self {
        let owed = info.size;
        Self { owed, ..Self::new(Some(decoder), info, 0, u64::MAX) }
    }

    pub fn part(decoder: Box<dyn Decoder>, info: ObjectInfo, skip: u64, length: u64) -> Self {
        let part = Self::new(Some(decoder), info, skip, length);
        Self { owed: Some(length), after: After::All, ..part }
    }

    /// A range of an object of `size` plain bytes that is decoded from its start.
    pub fn found(
        decoder: Box<dyn Decoder>,
        info: ObjectInfo,
        range: Range<u64>,
        size: u64,
    ) -> Self {
        let length = range.end.saturating_sub(range.start);
        let after = if range.end < size { After::Nothing } else { After::End };
        let part = Self::new(Some(decoder), info, range.start, length);
        Self { owed: Some(length), after, ..part }
    }

    /// Opens a range of an object of unknown size, which has an offset, by decoding from
    /// the start.
    pub fn search(
        decoder: Box<dyn Decoder>,
        info: ObjectInfo,
        range: ByteRange,
    ) -> Result<Box<dyn Reader>> {
        let start = range.offset.unwrap_or(0);
        if range.length == Some(0) {
            return Err(Error::InvalidRange);
        }
        let length = range.length.unwrap_or(u64::MAX);
        let mut part = Self::new(Some(decoder), info, start, length);
        part.held = part.advance(1)?;
        if part.held.is_empty() {
            return Err(Error::InvalidRange);
        }
        Ok(Box::new(part))
    }

    /// The next plain bytes after those to skip.
    fn advance(&mut self, max: usize) -> Result<Vec<u8>> {
        let Some(decoder) = &mut self.decoder else { return Ok(Vec::new()) };
        loop {
            let most = if self.skip > 0 { SKIP } else { max };
            let mut chunk = decoder.next(most)?;
            if chunk.is_empty() || self.skip == 0 {
                return Ok(chunk);
            }
            let cut = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
            self.skip -= cut as u64;
            if cut < chunk.len() {
                return Ok(chunk.split_off(cut));
            }
        }
    }
}

impl Reader for Decoding {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.advance_by(max).inspect_err(|error| self.failed = Some(error.clone()))
    }
}

impl Decoding {
    fn close(&mut self) -> Result<()> {
        let Some(mut decoder) = self.decoder.take() else { return Ok(()) };
        match self.after {
            After::Nothing => {}
            After::Perhaps => drop(decoder.next(SKIP)?),
            After::End if self.held.is_empty() && decoder.next(SKIP)?.is_empty() => {}
            After::End => return Err(wrong_size()),
            After::All => while !decoder.next(SKIP)?.is_empty() {},
        }
        Ok(())
    }

    fn advance_by(&mut self, max: usize) -> Result<Vec<u8>> {
        let max = usize::try_from(self.left).unwrap_or(usize::MAX).min(max);
        if max == 0 {
            return self.close().map(|()| Vec::new());
        }
        let mut chunk = match self.held.is_empty() {
            true => self.advance(max)?,
            false => std::mem::take(&mut self.held),
        };
        if chunk.len() > max {
            self.held = chunk.split_off(max);
        }
        self.left -= chunk.len() as u64;
        if let Some(owed) = &mut self.owed {
            let short = chunk.is_empty() && *owed > 0;
            *owed = match owed.checked_sub(chunk.len() as u64) {
                Some(owed) if !short => owed,
                _ => return Err(wrong_size()),
            };
        }
        Ok(chunk)
    }
}

/// The error for an object that does not decode to the size stored with it.
pub fn wrong_size() -> Error {
    Error::InvalidData(
        "the stored bytes do not decode to the size that they had when written".to_owned(),
    )
}

/// A writer that encodes.
pub struct Encoding {
    writer: Box<dyn Writer>,
    encoder: Box<dyn Encoder>,
    out: Vec<u8>,
    size: u64,
    /// The sizes given at the start by decorators above.
    outer_sizes: Option<String>,
}

impl Encoding {
    pub fn new(writer: Box<dyn Writer>, encoder: Box<dyn Encoder>, outer: Option<String>) -> Self {
        Self { writer, encoder, out: Vec::new(), size: 0, outer_sizes: outer }
    }
}

impl Writer for Encoding {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.size += chunk.len() as u64;
        self.encoder.push(chunk, &mut self.out)?;
        if self.out.len() >= PIECE {
            self.writer.push(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, mut trailer: Trailer) -> Result<ObjectInfo> {
        self.encoder.finish(&mut self.out)?;
        for piece in self.out.chunks(PIECE) {
            self.writer.push(piece)?;
        }
        marks::push_size(&mut trailer.metadata, self.outer_sizes.as_deref(), self.size);
        self.writer.finish(trailer).map(marks::show)
    }
}
