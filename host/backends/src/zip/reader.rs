//! Reads of objects, a piece at a time, from the file as it was when the object was
//! opened. The archive's claims are checked on the way: a wrong size or checksum is
//! an error, not the end.

use super::view::Found;
use crate::ahead::{Ahead, Pieces};
use async_trait::async_trait;
use bytes::Bytes;
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use storage_store::chunk_size::CHUNK;
use storage_store::{Error, ObjectInfo, ReadOptions, Reader, Result};

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Unpacks the bytes of an entry in order.
struct Unpacked {
    /// Archive and key, for messages.
    at: String,
    file: Arc<File>,
    /// The rest of the packed bytes: offsets in the file.
    from: u64,
    to: u64,
    inflate: Option<Decompress>,
    input: Vec<u8>,
    used: usize,
    /// How many bytes came out so far, and the total.
    out: u64,
    size: u64,
    /// Where the requested bytes end.
    wanted: u64,
    crc: Crc,
    told: u32,
    /// Whether reading began at the first byte, so that `crc` can be checked.
    whole: bool,
}

impl Unpacked {
    fn bad(&self, problem: &str) -> Error {
        Error::InvalidData(format!("{}: {problem}", self.at))
    }

    fn read(&self, buffer: &mut [u8], from: u64) -> Result<()> {
        self.file.read_exact_at(buffer, from).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => self.bad("the archive ends in the middle of it"),
            _ => Error::Unavailable(format!("{}: {e}", self.at)),
        })
    }

    /// The next bytes, at most `max`; empty at the end.
    fn unpack(&mut self, max: usize) -> Result<Bytes> {
        let left = self.size - self.out;
        let most = usize::try_from(left).unwrap_or(CHUNK).min(max).min(CHUNK);
        let bytes = if self.inflate.is_some() { self.inflated(most)? } else { self.stored(most)? };
        self.out += bytes.len() as u64;
        if self.whole {
            self.crc.update(&bytes);
            if self.out == self.size && self.crc.sum() != self.told {
                return Err(self.bad("its bytes don't have the checksum that the archive tells"));
            }
        }
        Ok(bytes)
    }

    fn stored(&mut self, most: usize) -> Result<Bytes> {
        let mut bytes = vec![0; most];
        self.read(&mut bytes, self.from)?;
        self.from += most as u64;
        Ok(bytes.into())
    }

    fn inflated(&mut self, most: usize) -> Result<Bytes> {
        // One byte more than expected reveals a stream that is too long.
        let mut bytes = vec![0; most.max(1)];
        let mut filled = 0;
        while filled < bytes.len() {
            if self.used == self.input.len() && self.from < self.to {
                let most = usize::try_from(self.to - self.from).unwrap_or(CHUNK).min(CHUNK);
                let mut input = vec![0; most];
                self.read(&mut input, self.from)?;
                self.from += most as u64;
                (self.input, self.used) = (input, 0);
            }
            let Some(inflate) = &mut self.inflate else { break };
            let input = self.input.get(self.used..).unwrap_or_default();
            let output = bytes.get_mut(filled..).unwrap_or_default();
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let done = inflate.decompress(input, output, FlushDecompress::None);
            let used = usize::try_from(inflate.total_in() - before_in).unwrap_or(0);
            let made = usize::try_from(inflate.total_out() - before_out).unwrap_or(0);
            let status =
                done.map_err(|e| self.bad(&format!("its compressed bytes are damaged ({e})")))?;
            self.used += used;
            filled += made;
            if status == Status::StreamEnd || (used == 0 && made == 0) {
                break;
            }
        }
        if filled > most {
            return Err(self.bad("it is longer than the archive says"));
        }
        if filled < most && self.out + (filled as u64) < self.size {
            return Err(self.bad("it is shorter than the archive says"));
        }
        bytes.truncate(filled);
        Ok(bytes.into())
    }
}

impl Pieces for Unpacked {
    fn left(&self) -> u64 {
        self.wanted - self.out
    }

    fn next(&mut self, max: usize) -> Result<Bytes> {
        self.unpack(max)
    }
}

/// The requested bytes of an object.
pub(super) struct Packed {
    info: ObjectInfo,
    bytes: Unpacked,
}

impl Packed {
    pub(super) fn open(
        shown: &str,
        key: &str,
        found: Found,
        options: &ReadOptions,
    ) -> Result<Self> {
        let Found { entry, file, waits } = found;
        let info = entry.info();
        options.check(&info)?;
        let (start, end) = options.range.unwrap_or_default().resolve(entry.size)?;
        let at = format!("{shown}, key {key:?}");
        let bad = |problem: &str| Error::InvalidData(format!("{at}: {problem}"));
        if entry.encrypted {
            return Err(Error::Unsupported(format!("{at}: it is encrypted")));
        }
        let inflate = match entry.method {
            STORED if entry.size == entry.packed => None,
            STORED => return Err(bad("it is stored as it is, but has two sizes")),
            DEFLATED => Some(Decompress::new(false)),
            other => {
                let name = rawzip::CompressionMethod::new(other).name().unwrap_or("unknown");
                return Err(Error::Unsupported(format!(
                    "{at}: compression method {other} ({name}); only stored and deflated objects \
                     can be read"
                )));
            }
        };
        let from = if waits {
            entry.offset
        } else {
            let mut header = [0; 30];
            file.read_exact_at(&mut header, entry.offset)
                .map_err(|_| bad("the archive ends before it"))?;
            let [b'P', b'K', 3, 4, .., n0, n1, e0, e1] = header else {
                return Err(bad("there is no entry where the directory says"));
            };
            let lengths = (u16::from_le_bytes([n0, n1]), u16::from_le_bytes([e0, e1]));
            entry.offset + 30 + u64::from(lengths.0) + u64::from(lengths.1)
        };
        let to = from.checked_add(entry.packed).ok_or_else(|| bad("it is endless"))?;
        let mut bytes = Unpacked {
            at,
            file,
            from,
            to,
            inflate,
            input: Vec::new(),
            used: 0,
            out: 0,
            size: entry.size,
            wanted: end,
            crc: Crc::new(),
            told: entry.crc,
            whole: true,
        };
        if bytes.inflate.is_some() {
            // Deflated data can't be entered in the middle.
            while bytes.out < start {
                bytes.unpack(usize::try_from(start - bytes.out).unwrap_or(CHUNK))?;
            }
        } else {
            bytes.whole = start == 0;
            bytes.from += start;
            bytes.out = start;
        }
        Ok(Self { info, bytes })
    }

    /// The number of bytes left to read.
    pub(super) fn left(&self) -> u64 {
        self.bytes.left()
    }

    /// Reads everything at once.
    pub(super) fn all(mut self) -> Result<(ObjectInfo, Bytes)> {
        let mut all = Vec::with_capacity(usize::try_from(self.left()).unwrap_or(0).min(CHUNK));
        while self.left() > 0 {
            let most = usize::try_from(self.left()).unwrap_or(CHUNK);
            all.extend_from_slice(&self.bytes.unpack(most)?);
        }
        Ok((self.info, all.into()))
    }

    /// Converts to a streamed read.
    pub(super) fn stream(self) -> EntryReader {
        EntryReader { info: self.info, bytes: Ahead::new(self.bytes) }
    }
}

/// A streamed read.
pub(super) struct EntryReader {
    info: ObjectInfo,
    bytes: Ahead<Unpacked>,
}

#[async_trait]
impl Reader for EntryReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        self.bytes.next(max).await
    }
}
