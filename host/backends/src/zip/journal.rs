//! The journal: puts that were acknowledged and are not yet in the archive.
//!
//! It starts with `storage zip journal 1\n`. Then each object has a frame: `SZJ1`,
//! the length of the header and its CRC-32, the length of the bytes (4, 4, 4 and 8
//! bytes, little-endian), the header as JSON, and the bytes. What a crash left
//! after the last complete frame was never acknowledged, and is cut off.

use super::archive_path::ArchivePath;
use super::directory::{Entries, Entry};
use super::extra_field::ExtraField;
use crate::spool::Body;
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use storage_store::files;
use storage_store::{Error, Result};

const MAGIC: &[u8] = b"storage zip journal 1\n";
const FRAME: &[u8; 4] = b"SZJ1";
const FRAME_BYTES: u64 = 20;

/// The largest valid header; we write none that is larger.
const MAX_HEADER: u64 = 256 * 1024;

/// Bytes to copy at a time.
const PIECE: usize = 256 * 1024;

#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    crc: u32,
    kept: ExtraField,
}

/// An open journal.
pub(super) struct Journal {
    pub(super) file: Arc<File>,
    /// Where the next frame goes.
    pub(super) end: u64,
}

impl Journal {
    /// Creates a journal where there is none.
    pub(super) fn create(place: &ArchivePath) -> Result<Self> {
        let path = place.journal();
        let open = OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let file = open.map_err(|e| place.io(&e))?;
        // A partial file would prevent the next attempt.
        let undo = |_: &io::Error| drop(std::fs::remove_file(place.journal()));
        let begin = || {
            file.write_all_at(MAGIC, 0)?;
            if place.durable() {
                file.sync_all()?;
                File::open(&place.side)?.sync_all()?;
            }
            place.sync_folder()
        };
        begin().inspect_err(undo).map_err(|e| place.io(&e))?;
        Ok(Self { end: MAGIC.len() as u64, file: Arc::new(file) })
    }

    /// Appends an object; it is durable after [`sync`](Self::sync).
    pub(super) fn append(
        &mut self,
        place: &ArchivePath,
        key: &str,
        body: &Body,
        kept: ExtraField,
    ) -> Result<Entry> {
        let result = self.frame(key, body, kept).map_err(|e| place.io(&e));
        match &result {
            Ok(entry) => self.end = entry.offset + entry.size,
            // Later, a reader would take the rest for a frame.
            Err(_) => drop(self.file.set_len(self.end)),
        }
        result
    }

    fn frame(&self, key: &str, body: &Body, kept: ExtraField) -> io::Result<Entry> {
        let mut crc = Crc::new();
        pieces(body, |piece, _| {
            crc.update(piece);
            Ok(())
        })?;
        let modified = kept.modified();
        let header = Header { key: key.to_owned(), crc: crc.sum(), kept };
        let json = serde_json::to_vec(&header)?;
        let mut check = Crc::new();
        check.update(&json);
        let mut frame = FRAME.to_vec();
        frame.extend(u32::try_from(json.len()).unwrap_or(u32::MAX).to_le_bytes());
        frame.extend(check.sum().to_le_bytes());
        frame.extend(body.len().to_le_bytes());
        frame.extend(&json);
        let offset = self.end + frame.len() as u64;
        if let Body::Bytes(bytes) = body
            && bytes.len() <= PIECE
        {
            frame.extend_from_slice(bytes);
            self.file.write_all_at(&frame, self.end)?;
        } else {
            self.file.write_all_at(&frame, self.end)?;
            pieces(body, |piece, at| self.file.write_all_at(piece, offset + at))?;
        }
        Ok(entry(offset, body.len(), header.crc, modified, header.kept))
    }

    /// With `durable`, makes what was appended durable.
    pub(super) fn sync(&self, place: &ArchivePath) -> Result<()> {
        if place.durable() { self.file.sync_data().map_err(|e| place.io(&e)) } else { Ok(()) }
    }

    /// Drops what was appended after `end`, or everything.
    pub(super) fn cut(&mut self, end: Option<u64>) {
        self.end = end.unwrap_or(MAGIC.len() as u64);
        let _ = self.file.set_len(self.end);
    }

    /// Opens a journal that another process writes or has left; `None` if there is
    /// none.
    pub(super) fn open(place: &ArchivePath) -> Result<Option<Self>> {
        let file = match files::open_own(&place.journal()) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => {
                return Err(Error::InvalidData(format!(
                    "{}: {} can't be the journal, {e}; move it away",
                    place.shown,
                    place.journal().display()
                )));
            }
            Err(e) => return Err(place.io(&e)),
        };
        let length = file.metadata().map_err(|e| place.io(&e))?.len();
        let mut magic = [0; MAGIC.len()];
        let begun = length >= MAGIC.len() as u64;
        let there = begun && has(file.read_exact_at(&mut magic, 0)).map_err(|e| place.io(&e))?;
        if begun && !(there && magic == *MAGIC) {
            return Err(Error::InvalidData(format!(
                "{}: {} is not a journal of this version; move it away, and keep it",
                place.shown,
                place.journal().display()
            )));
        }
        Ok(Some(Self { file: Arc::new(file), end: MAGIC.len() as u64 }))
    }

    /// Returns the objects appended since the last scan.
    pub(super) fn scan(&mut self, place: &ArchivePath) -> Result<Entries> {
        let length = self.file.metadata().map_err(|e| place.io(&e))?.len();
        let mut entries = Entries::new();
        while let Some((key, entry)) =
            next(&self.file, self.end, length).map_err(|e| place.io(&e))?
        {
            self.end = entry.offset + entry.size;
            entries.insert(key, entry);
        }
        Ok(entries)
    }
}

fn entry(offset: u64, size: u64, crc: u32, modified: Option<u64>, kept: ExtraField) -> Entry {
    Entry {
        offset,
        size,
        packed: size,
        crc,
        method: 0,
        encrypted: false,
        modified,
        kept: Some(Box::new(kept)),
    }
}

/// Passes a body to `take` in pieces, each with its offset.
fn pieces(body: &Body, mut take: impl FnMut(&[u8], u64) -> io::Result<()>) -> io::Result<()> {
    match body {
        Body::Bytes(bytes) => take(bytes, 0),
        Body::Spool(file, length) => span(file, 0, *length, take),
    }
}

/// Passes a range of a file to `take` in pieces, each with its offset in the range.
pub(super) fn span(
    file: &File,
    start: u64,
    length: u64,
    mut take: impl FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < length {
        let most = usize::try_from(length - at).unwrap_or(PIECE).min(PIECE);
        let piece = buffer.get_mut(..most).unwrap_or_default();
        file.read_exact_at(piece, start + at)?;
        take(piece, at)?;
        at += most as u64;
    }
    Ok(())
}

/// Whether there was enough to read. Any other failure is an error, because data
/// that can't be read now was acknowledged all the same.
fn has(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

/// The frame at `at`, if it is complete and sound.
fn next(file: &File, at: u64, length: u64) -> io::Result<Option<(String, Entry)>> {
    let mut frame = [0; FRAME_BYTES as usize];
    if !has(file.read_exact_at(&mut frame, at))? {
        return Ok(None);
    }
    let Some(Frame { header, check, size }) = Frame::read(&frame) else { return Ok(None) };
    let offset = at + FRAME_BYTES + header;
    if header > MAX_HEADER || offset.checked_add(size).is_none_or(|end| end > length) {
        return Ok(None);
    }
    let mut json = vec![0; usize::try_from(header).unwrap_or_default()];
    if !has(file.read_exact_at(&mut json, at + FRAME_BYTES))? || sum(&json) != check {
        return Ok(None);
    }
    let Ok(Header { key, crc: told, kept }) = serde_json::from_slice(&json) else {
        return Ok(None);
    };
    let mut crc = Crc::new();
    let whole = has(span(file, offset, size, |piece, _| {
        crc.update(piece);
        Ok(())
    }))?;
    let entry = || (key, entry(offset, size, told, kept.modified(), kept));
    Ok((whole && crc.sum() == told).then(entry))
}

fn sum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The fixed fields of a frame.
struct Frame {
    header: u64,
    check: u32,
    size: u64,
}

impl Frame {
    fn read(frame: &[u8]) -> Option<Self> {
        let (magic, rest) = frame.split_first_chunk::<4>()?;
        let (header, rest) = rest.split_first_chunk::<4>()?;
        let (check, size) = rest.split_first_chunk::<4>()?;
        (magic == FRAME).then_some(Self {
            header: u64::from(u32::from_le_bytes(*header)),
            check: u32::from_le_bytes(*check),
            size: u64::from_le_bytes(*size.first_chunk::<8>()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_can_not_be_read_is_no_journal_that_ends_there() {
        let directory = tempfile::tempdir().unwrap();
        let place = ArchivePath {
            path: directory.path().join("a.zip"),
            shown: "a.zip".to_owned(),
            side: directory.path().to_owned(),
            durable: false.into(),
        };
        let mut journal = Journal::create(&place).unwrap();
        let body = Body::Bytes("value".into());
        journal.append(&place, "key", &body, ExtraField::default()).unwrap();
        let mut whole = Journal::open(&place).unwrap().unwrap();
        assert_eq!(whole.scan(&place).unwrap().len(), 1);
        // A write-only file can't be read, as if its disk failed.
        let blind = OpenOptions::new().write(true).open(place.journal()).unwrap();
        let mut journal = Journal { file: Arc::new(blind), end: MAGIC.len() as u64 };
        assert!(matches!(journal.scan(&place), Err(Error::Unavailable(_))));
        assert!(matches!(Journal::create(&place), Err(Error::Unavailable(_))));
    }

    #[test]
    fn a_pipe_or_a_link_in_the_place_of_a_journal_is_an_error_and_not_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let directory = tempfile::tempdir().unwrap();
        let place = ArchivePath {
            path: directory.path().join("a.zip"),
            shown: "a.zip".to_owned(),
            side: directory.path().to_owned(),
            durable: false.into(),
        };
        mknodat(CWD, place.journal(), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let error = Journal::open(&place).err().unwrap();
        assert!(matches!(&error, Error::InvalidData(m) if m.contains("journal")), "{error}");
        std::fs::remove_file(place.journal()).unwrap();
        std::fs::write(directory.path().join("elsewhere"), MAGIC).unwrap();
        std::os::unix::fs::symlink("elsewhere", place.journal()).unwrap();
        assert!(Journal::open(&place).is_err());
    }
}
