//! A sorted run of entries.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use storage_store::{Entry, ObjectInfo};

/// Every so many entries, the index has the key and the offset of one.
const STEP: usize = 64;

/// How many bytes are read at a time.
const READ: usize = 16 * 1024;

/// Entries in the order of their keys.
pub struct Run {
    bytes: Bytes,
    length: u64,
    index: Vec<(String, u64)>,
}

enum Bytes {
    Memory(Vec<u8>),
    File(File),
}

impl Run {
    /// A run in memory.
    pub fn in_memory(entries: &[Entry]) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let index = write(entries, &mut bytes)?;
        Ok(Self { length: bytes.len() as u64, bytes: Bytes::Memory(bytes), index })
    }

    /// A run in a temporary file without a name.
    pub fn in_file(entries: &[Entry]) -> io::Result<Self> {
        let mut out = BufWriter::new(tempfile::tempfile()?);
        let index = write(entries, &mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { length: file.metadata()?.len(), bytes: Bytes::File(file), index })
    }

    /// The bytes that it takes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads from the first key on that is not less than `from`.
    pub fn read<'a>(&'a self, from: &str) -> io::Result<Cursor<'a>> {
        let at = self.index.partition_point(|(key, _)| key.as_str() < from);
        let offset = at.checked_sub(1).and_then(|at| self.index.get(at)).map_or(0, |(_, at)| *at);
        let mut cursor = Cursor { run: self, offset, held: Vec::new(), at: 0, entry: None };
        cursor.advance()?;
        while cursor.entry.as_ref().is_some_and(|entry| entry.key.as_str() < from) {
            cursor.advance()?;
        }
        Ok(cursor)
    }

    fn read_at(&self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        match &self.bytes {
            Bytes::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(most).min(bytes.len());
                Ok(bytes.get(start..end).unwrap_or_default().to_vec())
            }
            Bytes::File(file) => {
                let most = most.min(usize::try_from(self.length - offset).unwrap_or(usize::MAX));
                let mut bytes = vec![0; most];
                file.read_exact_at(&mut bytes, offset)?;
                Ok(bytes)
            }
        }
    }
}

/// A position in a run.
pub struct Cursor<'a> {
    run: &'a Run,
    /// Where the bytes after those that are held begin.
    offset: u64,
    held: Vec<u8>,
    at: usize,
    entry: Option<Entry>,
}

impl Cursor<'_> {
    /// The entry here; `None` at the end.
    pub fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    /// Takes the entry, and goes on to the next.
    pub fn take(&mut self) -> io::Result<Option<Entry>> {
        let entry = self.entry.take();
        self.advance()?;
        Ok(entry)
    }

    /// Goes on to the first key that is not less than `from`: step by step if it is near.
    pub fn seek(&mut self, from: &str) -> io::Result<()> {
        for _ in 0..STEP {
            match &self.entry {
                Some(entry) if entry.key.as_str() < from => self.advance()?,
                _ => return Ok(()),
            }
        }
        *self = self.run.read(from)?;
        Ok(())
    }

    fn advance(&mut self) -> io::Result<()> {
        let Some(length) = self.bytes(4)?.map(|bytes| number(bytes) as usize) else {
            self.entry = None;
            return Ok(());
        };
        let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let bytes = self.bytes(length)?.ok_or_else(cut_off)?;
        self.entry = Some(parse(bytes).ok_or_else(cut_off)?);
        Ok(())
    }

    fn bytes(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        if self.held.len() - self.at < count {
            self.held.drain(..self.at);
            self.at = 0;
            let more = self.run.read_at(self.offset, count.max(READ))?;
            self.offset += more.len() as u64;
            self.held.extend(more);
        }
        let start = self.at;
        match self.held.get(start..start + count) {
            Some(bytes) => {
                self.at += count;
                Ok(Some(bytes))
            }
            None => Ok(None),
        }
    }
}

/// Writes entries: of each its length, size, time, and the lengths and texts of key and
/// etag. Returns the index.
fn write(entries: &[Entry], out: &mut impl Write) -> io::Result<Vec<(String, u64)>> {
    let (mut index, mut offset, mut bytes) = (Vec::new(), 0, Vec::new());
    for (count, Entry { key, info }) in entries.iter().enumerate() {
        if count % STEP == 0 {
            index.push((key.clone(), offset));
        }
        bytes.clear();
        bytes.extend_from_slice(&[0; 4]);
        for number in [info.size, info.modified] {
            bytes.push(u8::from(number.is_some()));
            bytes.extend_from_slice(&number.unwrap_or(0).to_le_bytes());
        }
        bytes.push(u8::from(info.etag.is_some()));
        for text in [key.as_str(), info.etag.as_deref().unwrap_or_default()] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let length = (bytes.len() - 4) as u32;
        bytes.splice(..4, length.to_le_bytes());
        out.write_all(&bytes)?;
        offset += bytes.len() as u64;
    }
    out.flush()?;
    Ok(index)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn parse(mut bytes: &[u8]) -> Option<Entry> {
    let mut next = |count: usize| {
        let (taken, rest) = bytes.split_at_checked(count)?;
        bytes = rest;
        Some(taken)
    };
    let mut numbers = [None; 2];
    for number_of in &mut numbers {
        let is_there = next(1)? == [1];
        *number_of = Some(number(next(8)?)).filter(|_| is_there);
    }
    let has_etag = next(1)? == [1];
    let mut texts = [String::new(), String::new()];
    for text in &mut texts {
        let length = usize::try_from(number(next(4)?)).ok()?;
        *text = String::from_utf8(next(length)?.to_vec()).ok()?;
    }
    let ([size, modified], [key, etag]) = (numbers, texts);
    let info = ObjectInfo { size, modified, etag: has_etag.then_some(etag), ..Default::default() };
    Some(Entry { key, info })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: String, n: u64) -> Entry {
        let info = ObjectInfo {
            size: (n & 1 > 0).then_some(n),
            modified: (n & 2 > 0).then_some(n * 7),
            etag: (n & 4 > 0).then(|| format!("{n}-é")),
            ..ObjectInfo::default()
        };
        Entry { key, info }
    }

    #[test]
    fn what_is_written_is_read_again_from_any_key_on() {
        let mut entries: Vec<_> =
            (0..1_000).map(|n| entry(format!("{n:04}/{}", "k".repeat(n as usize)), n)).collect();
        entries.push(entry("x".repeat(4_096), 5));
        for run in [Run::in_memory(&entries).unwrap(), Run::in_file(&entries).unwrap()] {
            for (from, start) in [
                ("", 0),
                ("0000/", 0),
                ("0500", 500),
                ("0500/l", 501),
                ("0999/z", 1_000),
                ("y", 1_001),
            ] {
                let mut cursor = run.read(from).unwrap();
                assert_eq!(cursor.entry().map(|e| &e.key), entries.get(start).map(|e| &e.key));
                let mut read = Vec::new();
                while let Some(entry) = cursor.take().unwrap() {
                    read.push(entry);
                }
                assert!(read == entries[start..], "{from}");
            }
        }
        assert!(Run::in_memory(&[]).unwrap().read("").unwrap().entry().is_none());
    }
}
