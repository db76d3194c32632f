//! Compression: an object becomes members, and if there are several, an index.

use super::index::Lengths;
use super::layout::Layout;
use crate::codec::Encoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::io::{self, Write};
use storage_contract::types::{Error, Result};

/// The bytes to compress at a time. At the fastest levels, block boundaries depend
/// on how the bytes arrive; with a fixed size, equal objects give equal bytes. Members
/// begin at multiples of it.
pub const BLOCK: usize = 64 * 1024;

/// Compresses one object.
pub struct Compressor {
    level: u32,
    /// The member that is being written.
    member: Option<Member>,
    /// Less than one block.
    held: Vec<u8>,
    /// The plain bytes that were compressed.
    size: u64,
    lengths: Lengths,
}

impl Compressor {
    pub fn new(level: u32) -> Self {
        let (held, lengths) = (Vec::new(), Lengths::default());
        Self { level, member: None, held, size: 0, lengths }
    }

    /// Compresses a whole block, or what remains at the end.
    fn compress(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.member.get_or_insert_with(|| Member::new(self.level)).write(block, out)?;
        self.size += block.len() as u64;
        // Whatever may follow, so far it is cut like an object of this size.
        let layout = Layout::of(self.size);
        match layout.start(layout.member_at(self.size)) == self.size && self.size > 0 {
            true => self.end_member(out),
            false => Ok(()),
        }
    }

    fn end_member(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(member) = self.member.take() else { return Ok(()) };
        let length = member.finish(out)?;
        let too_long = || Error::Other("gzip: a member became too long".to_owned());
        self.lengths.add(length).ok_or_else(too_long)
    }
}

impl Encoder for Compressor {
    fn push(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if !self.held.is_empty() {
            let (first, rest) = chunk.split_at(chunk.len().min(BLOCK - self.held.len()));
            self.held.extend_from_slice(first);
            if self.held.len() < BLOCK {
                return Ok(());
            }
            let block = std::mem::take(&mut self.held);
            self.compress(&block, out)?;
            chunk = rest;
        }
        let blocks = chunk.chunks_exact(BLOCK);
        self.held.extend_from_slice(blocks.remainder());
        for block in blocks {
            self.compress(block, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let last = std::mem::take(&mut self.held);
        if !last.is_empty() || self.size == 0 {
            self.compress(&last, out)?;
        }
        self.end_member(out)?;
        if Layout::of(self.size).members() > 1 {
            self.lengths.append_index(self.size, out);
        }
        Ok(())
    }
}

/// The level at which the encoder takes even the farthest repetitions of three bytes. Where
/// these need more bits than the bytes, as in much source text, the level before it makes
/// smaller members; elsewhere, this one does.
const LAST: u32 = 9;

/// A member that is being written.
struct Member {
    gzip: GzEncoder<Vec<u8>>,
    /// The same at another level, if the smaller one is to be kept.
    rival: Option<GzEncoder<Vec<u8>>>,
    /// The bytes that went out already: none, while there are two.
    given: u64,
}

impl Member {
    fn new(level: u32) -> Self {
        let at = |level| GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(level));
        Self { gzip: at(level), rival: (level == LAST).then(|| at(LAST - 1)), given: 0 }
    }

    fn write(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.gzip.write_all(block).map_err(|e| failed(&e))?;
        match &mut self.rival {
            Some(rival) => rival.write_all(block).map_err(|e| failed(&e))?,
            None => {
                self.given += self.gzip.get_ref().len() as u64;
                out.append(self.gzip.get_mut());
            }
        }
        Ok(())
    }

    /// Appends the rest, and returns the length of all of the member.
    fn finish(self, out: &mut Vec<u8>) -> Result<u64> {
        let mut rest = self.gzip.finish().map_err(|e| failed(&e))?;
        if let Some(rival) = self.rival {
            let other = rival.finish().map_err(|e| failed(&e))?;
            if other.len() < rest.len() {
                rest = other;
            }
        }
        let length = self.given + rest.len() as u64;
        out.append(&mut rest);
        Ok(length)
    }
}

fn failed(error: &io::Error) -> Error {
    Error::Other(format!("gzip: {error}"))
}
