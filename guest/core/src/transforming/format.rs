//! The frame format of chunked objects, as described in `docs/transformers.md`.

use super::transform::{MAX_CHUNK, ROOM};
use flate2::Crc;
use storage_contract::types::{Error, Result};

/// Size of the head, in bytes.
pub const HEAD: usize = 32;
/// Size of the fields before each encoded chunk, in bytes.
pub const FRAME: usize = 8;
/// Size of the end, in bytes.
pub const END: usize = 60;
/// The most entries in a table.
pub const MAX_TABLE: usize = 65_536;

const HEAD_MAGIC: [u8; 8] = *b"\x89CHUNKS\x01";
const END_MAGIC: [u8; 8] = *b"\x89CHUNKE\x01";
/// The bit of a frame's length that marks the last frame.
const LAST: u32 = 1 << 31;
const VARIES: u32 = u32::MAX;

/// The most bytes of an encoded chunk.
pub fn most_encoded(chunk_size: u32) -> u64 {
    u64::from(chunk_size) * 2 + ROOM
}

/// The parameters that all frames of an object share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub chunk_size: u32,
    pub overhead: Option<u32>,
    pub object: [u8; 16],
}

impl Head {
    pub fn bytes(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        let overhead = self.overhead.unwrap_or(VARIES);
        fill(
            &mut out,
            &[&HEAD_MAGIC, &self.chunk_size.to_le_bytes(), &overhead.to_le_bytes(), &self.object],
        );
        out
    }

    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields(bytes);
        let magic: [u8; 8] = fields.take();
        if bytes.len() != HEAD || magic != HEAD_MAGIC {
            return Err(corrupt("they do not begin as a chunked object does"));
        }
        Self::fields(&mut fields).ok_or_else(|| corrupt("their head can't be"))
    }

    fn fields(fields: &mut Fields<'_>) -> Option<Self> {
        let chunk_size = u32::from_le_bytes(fields.take());
        let overhead = u32::from_le_bytes(fields.take());
        let overhead = (overhead != VARIES).then_some(overhead);
        let head = Self { chunk_size, overhead, object: fields.take() };
        let encoded = u64::from(overhead.unwrap_or(0)) + u64::from(chunk_size);
        let sound = (1..=MAX_CHUNK).contains(&chunk_size) && encoded <= most_encoded(chunk_size);
        sound.then_some(head)
    }

    /// The number of chunks in an object of `size` bytes.
    pub fn chunks(&self, size: u64) -> u64 {
        size.div_ceil(u64::from(self.chunk_size)).max(1)
    }

    /// The offset of a chunk's frame; `None` if the overhead varies.
    pub fn offset(&self, index: u64) -> Option<u64> {
        let each = FRAME as u64 + u64::from(self.chunk_size) + u64::from(self.overhead?);
        index.checked_mul(each)?.checked_add(HEAD as u64)
    }
}

/// The fields before an encoded chunk: length, whether it is the last, and CRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub length: u32,
    pub last: bool,
    crc: u32,
}

impl Frame {
    /// The frame of encoded bytes, of which there must be fewer than 2 GiB.
    pub fn new(head: &Head, index: u64, last: bool, encoded: &[u8]) -> Self {
        let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX) & !LAST;
        let mut frame = Self { length, last, crc: 0 };
        frame.crc = frame.sum(head, index, encoded);
        frame
    }

    pub fn bytes(&self) -> [u8; FRAME] {
        let mut out = [0; FRAME];
        fill(&mut out, &[&self.word(), &self.crc.to_le_bytes()]);
        out
    }

    pub fn parse(bytes: &[u8]) -> Self {
        let mut fields = Fields(bytes);
        let word = u32::from_le_bytes(fields.take());
        let crc = u32::from_le_bytes(fields.take());
        Self { length: word & !LAST, last: word & LAST != 0, crc }
    }

    /// Whether this is the frame of these bytes at this index.
    pub fn fits(&self, head: &Head, index: u64, encoded: &[u8]) -> bool {
        self.crc == self.sum(head, index, encoded)
    }

    fn word(&self) -> [u8; 4] {
        (self.length | if self.last { LAST } else { 0 }).to_le_bytes()
    }

    fn sum(&self, head: &Head, index: u64, encoded: &[u8]) -> u32 {
        let mut crc = Crc::new();
        crc.update(&head.object);
        crc.update(&index.to_le_bytes());
        crc.update(&self.word());
        crc.update(encoded);
        crc.sum()
    }
}

/// The offsets of some frames: those of every `stride`th chunk.
pub struct Table {
    offsets: Vec<u64>,
    stride: u32,
    most: usize,
}

impl Table {
    /// A table of at most `most` entries, which is at least 2.
    pub fn new(most: usize) -> Self {
        Self { offsets: Vec::new(), stride: 1, most }
    }

    /// Records that the frame of chunk `index` begins at `offset`. Chunks must come
    /// in order.
    pub fn note(&mut self, index: u64, offset: u64) {
        if !index.is_multiple_of(u64::from(self.stride)) {
            return;
        }
        if self.offsets.len() == self.most {
            let mut place = 0;
            self.offsets.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride = self.stride.saturating_mul(2);
            if !index.is_multiple_of(u64::from(self.stride)) {
                return;
            }
        }
        self.offsets.push(offset);
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect()
    }
}

/// The record at the end of a chunked object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub head: Head,
    pub size: u64,
    /// Chunks per entry of the table; 0 if there is no table.
    pub stride: u32,
    table_crc: u32,
}

impl End {
    pub fn new(head: Head, size: u64, table: Option<(&Table, &[u8])>) -> Self {
        let stride = table.map_or(0, |(table, _)| table.stride);
        let table_crc = table.map_or(0, |(_, bytes)| sum(bytes));
        Self { head, size, stride, table_crc }
    }

    pub fn chunks(&self) -> u64 {
        self.head.chunks(self.size)
    }

    pub fn bytes(&self) -> [u8; END] {
        let mut out = [0; END];
        let overhead = self.head.overhead.unwrap_or(VARIES);
        let mut place = fill(
            &mut out,
            &[
                &self.size.to_le_bytes(),
                &self.chunks().to_le_bytes(),
                &self.head.chunk_size.to_le_bytes(),
                &overhead.to_le_bytes(),
                &self.head.object,
                &self.stride.to_le_bytes(),
                &self.table_crc.to_le_bytes(),
            ],
        );
        let crc = sum(out.get(..place).unwrap_or_default());
        place += fill(out.get_mut(place..).unwrap_or_default(), &[&crc.to_le_bytes(), &END_MAGIC]);
        debug_assert_eq!(place, END);
        out
    }

    /// Parses the last [`END`] of these bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let end = bytes.len().checked_sub(END).and_then(|start| bytes.get(start..));
        let end = end.ok_or_else(|| corrupt("they are too few for a chunked object"))?;
        let mut fields = Fields(end);
        let size = u64::from_le_bytes(fields.take());
        let chunks = u64::from_le_bytes(fields.take());
        let head = Head::fields(&mut fields);
        let mut fields = Fields(end.get(40..).unwrap_or_default());
        let stride = u32::from_le_bytes(fields.take());
        let table_crc = u32::from_le_bytes(fields.take());
        let crc = u32::from_le_bytes(fields.take());
        if fields.take() != END_MAGIC {
            return Err(corrupt("they do not end as a chunked object does: some may be missing"));
        }
        let crc_holds = sum(end.get(..48).unwrap_or_default()) == crc;
        head.map(|head| Self { head, size, stride, table_crc })
            .filter(|end| crc_holds && end.chunks() == chunks)
            .filter(|end| match end.head.overhead {
                Some(_) => end.stride == 0,
                None => end.stride.is_power_of_two() && end.entries() <= MAX_TABLE as u64,
            })
            .ok_or_else(|| corrupt("their end is damaged"))
    }

    /// The number of entries in the table.
    pub fn entries(&self) -> u64 {
        match self.stride {
            0 => 0,
            stride => self.chunks().div_ceil(u64::from(stride)),
        }
    }

    /// Whether these are the bytes of the table.
    pub fn fits(&self, table: &[u8]) -> bool {
        table.len() as u64 == self.entries().saturating_mul(8)
            && (self.stride == 0 || sum(table) == self.table_crc)
    }
}

/// The error for bytes that are not a complete chunked object.
pub fn corrupt(why: &str) -> Error {
    Error::InvalidData(format!("the stored bytes are not a whole chunked object: {why}"))
}

fn sum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Concatenates the parts into `out`; returns their total length.
fn fill(out: &mut [u8], parts: &[&[u8]]) -> usize {
    let mut place = 0;
    for part in parts {
        if let Some(room) = out.get_mut(place..place + part.len()) {
            room.copy_from_slice(part);
        }
        place += part.len();
    }
    place
}

/// Reads consecutive fields of fixed sizes; missing bytes read as zero.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_keeps_to_its_size_and_is_as_dense_as_that_allows() {
        for (chunks, stride, entries) in
            [(1, 1, 1), (8, 1, 8), (9, 2, 5), (16, 2, 8), (17, 4, 5), (1_000, 128, 8)]
        {
            let mut table = Table::new(8);
            for index in 0..chunks {
                table.note(index, index * 10);
            }
            assert_eq!((table.stride, table.offsets.len()), (stride, entries), "{chunks} chunks");
            for (entry, offset) in table.offsets.iter().enumerate() {
                assert_eq!(*offset, entry as u64 * u64::from(stride) * 10);
            }
        }
    }

    #[test]
    fn head_end_and_frame_are_read_as_they_were_written() {
        for overhead in [None, Some(28)] {
            let head = Head { chunk_size: 65_536, overhead, object: *b"0123456789abcdef" };
            assert_eq!(Head::parse(&head.bytes()).unwrap(), head);
            let mut table = Table::new(MAX_TABLE);
            table.note(0, 32);
            let bytes = table.bytes();
            let table = overhead.is_none().then_some((&table, bytes.as_slice()));
            let end = End::new(head, 65_536, table);
            let read = End::parse(&[b"before".as_slice(), &end.bytes()].concat()).unwrap();
            assert_eq!(read, end);
            assert!(read.fits(if overhead.is_none() { &bytes } else { &[] }));
            let frame = Frame::new(&head, 3, true, b"bytes");
            assert_eq!(Frame::parse(&frame.bytes()), frame);
            assert!(frame.fits(&head, 3, b"bytes"));
            assert!(!frame.fits(&head, 2, b"bytes") && !frame.fits(&head, 3, b"bytez"));
        }
    }

    #[test]
    fn no_byte_of_head_or_end_can_change_unnoticed() {
        let head = Head { chunk_size: 1_000, overhead: Some(5), object: [7; 16] };
        let end = End::new(head, 12_345, None);
        for place in 0..END {
            let mut bytes = end.bytes();
            bytes[place] ^= 0x40;
            assert!(matches!(End::parse(&bytes), Err(Error::InvalidData(_))), "{place}");
        }
    }
}
