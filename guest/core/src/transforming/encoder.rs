//! Encodes chunks into frames.

use super::checked::Checked;
use super::format::{End, FRAME, Frame, Head, MAX_TABLE, Table};
use super::transform::{Part, Transform};
use crate::codec;
use std::rc::Rc;
use storage_contract::types::Result;

/// Encodes an object. Holds each chunk until it is known whether it is the last
/// one.
pub struct Encoder<T> {
    transform: Rc<Checked<T>>,
    key: String,
    head: Head,
    held: Vec<u8>,
    index: u64,
    /// Bytes written so far.
    offset: u64,
    /// Plain bytes in the frames so far.
    size: u64,
    /// The table, if the overhead varies.
    table: Option<Table>,
}

impl<T: Transform> Encoder<T> {
    pub fn new(transform: Rc<Checked<T>>, key: &str, head: Head) -> Self {
        let table = head.overhead.is_none().then(|| Table::new(MAX_TABLE));
        Self {
            transform,
            key: key.to_owned(),
            head,
            held: Vec::new(),
            index: 0,
            offset: 0,
            size: 0,
            table,
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.offset == 0 {
            let head = self.head.bytes();
            self.offset = head.len() as u64;
            out.extend_from_slice(&head);
        }
    }

    /// Writes the held chunk as a frame.
    fn frame(&mut self, last: bool, out: &mut Vec<u8>) -> Result<()> {
        let Head { chunk_size, overhead, object } = self.head;
        let part = Part { key: &self.key, object: &object, index: self.index, last };
        let encoded = self.transform.encode_chunk(&part, &self.held, chunk_size, overhead)?;
        let frame = Frame::new(&self.head, self.index, last, &encoded);
        if let Some(table) = &mut self.table {
            table.note(self.index, self.offset);
        }
        out.extend_from_slice(&frame.bytes());
        out.extend_from_slice(&encoded);
        self.offset += (FRAME + encoded.len()) as u64;
        self.size += self.held.len() as u64;
        self.index += 1;
        self.held.clear();
        Ok(())
    }
}

impl<T: Transform> codec::Encoder for Encoder<T> {
    fn push(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.begin(out);
        let whole = usize::try_from(self.head.chunk_size).unwrap_or(usize::MAX);
        while !chunk.is_empty() {
            if self.held.len() == whole {
                self.frame(false, out)?;
            }
            let missing = (whole - self.held.len()).min(chunk.len());
            let (first, rest) = chunk.split_at(missing);
            self.held.extend_from_slice(first);
            chunk = rest;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.begin(out);
        self.frame(true, out)?;
        let bytes = self.table.as_ref().map(Table::bytes);
        let end = End::new(self.head, self.size, self.table.as_ref().zip(bytes.as_deref()));
        out.extend_from_slice(bytes.as_deref().unwrap_or_default());
        out.extend_from_slice(&end.bytes());
        Ok(())
    }
}
