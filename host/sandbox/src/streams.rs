//! The open streams of a chain.

use super::bindings::DecoratorPack;
use super::bindings::exports::storage::object_store::object_store::{GuestReader, GuestWriter};
use super::convert;
use super::instance::Instance;
use super::pool::Pool;
use super::stream_slot::StreamSlot;
use async_trait::async_trait;
use bytes::Bytes;
use std::pin::pin;
use std::sync::Arc;
use storage_store::{Error, ObjectInfo, Reader, Result, Trailer, Writer};
use wasmtime::component::ResourceAny;

/// The most bytes that cross the sandbox boundary in one call of a stream.
const MAX_CHUNK: usize = 1024 * 1024;

/// Makes one call on a stream, in the instance that its slot is in.
macro_rules! on {
    ($slot:expr, |$instance:ident| $call:expr) => {
        $slot.call(move |$instance: &mut Instance| Box::pin(async move { $call })).await?
    };
}

/// The functions of the guest's readers.
pub(super) fn guest_reader(exports: &DecoratorPack) -> GuestReader<'_> {
    exports.storage_object_store_object_store().reader()
}

fn guest_writer(exports: &DecoratorPack) -> GuestWriter<'_> {
    exports.storage_object_store_object_store().writer()
}

/// Holds a stream slot until the end of the object.
pub(super) struct ChainReader {
    pool: Arc<Pool>,
    slot: Option<StreamSlot>,
    reader: ResourceAny,
    info: ObjectInfo,
    /// Bytes read so far, and the bytes that the reader must return in all. `expected`
    /// is set where a plug-in's answers are checked.
    gave: u64,
    expected: Option<u64>,
    /// The error that ended it. A later call must not seem to reach the end.
    failed: Option<Error>,
}

impl ChainReader {
    pub fn new(
        pool: Arc<Pool>,
        slot: StreamSlot,
        reader: ResourceAny,
        info: ObjectInfo,
        expected: Option<u64>,
    ) -> Self {
        Self { pool, slot: Some(slot), reader, info, gave: 0, expected, failed: None }
    }

    async fn ask(&mut self, max: usize) -> Result<Bytes> {
        let Some(slot) = &self.slot else { return Ok(Bytes::new()) };
        let max = max.clamp(1, MAX_CHUNK);
        let asked = u32::try_from(max).unwrap_or(u32::MAX);
        let reader = self.reader;
        let chunk = on!(slot, |i| {
            let (offload, guest) = (i.offload(), guest_reader(&i.exports));
            offload.run(pin!(guest.call_next(&mut i.store, reader, asked))).await
        });
        let chunk = chunk.map_err(|error| self.pool.convert_error(error))?;
        self.gave += chunk.len() as u64;
        if let Some(problem) = self.problem(&chunk, max) {
            // The bytes so far must not pass for the whole object.
            self.slot = None;
            return Err(self.pool.breach(&problem));
        }
        if chunk.is_empty()
            && let Some(slot) = self.slot.take()
        {
            slot.close().await?;
        }
        Ok(chunk.into())
    }

    /// What is wrong with a chunk, if anything, given the bytes before it.
    fn problem(&self, chunk: &[u8], max: usize) -> Option<String> {
        let (length, gave) = (chunk.len(), self.gave);
        if length > max {
            return Some(format!("a reader was asked for {max} bytes and gave {length}"));
        }
        let most = self.pool.pack().limits().object_size;
        match self.expected {
            Some(expected) if gave > expected => {
                Some(format!("a reader gave more than the {expected} bytes of the object or range"))
            }
            Some(expected) if chunk.is_empty() && gave < expected => {
                Some(format!("a reader ended after {gave} of {expected} bytes"))
            }
            _ if gave > most => {
                let most = storage_store::units::show_bytes(most);
                Some(format!("a reader gave more than {most}, its limit object_size"))
            }
            _ => None,
        }
    }
}

#[async_trait]
impl Reader for ChainReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let asked = self.ask(max).await;
        asked.inspect_err(|error| self.failed = Some(error.clone()))
    }
}

/// Holds a stream slot until `finish`. Dropping it before drops the unfinished writers
/// of the base stores, too.
pub(super) struct ChainWriter {
    pool: Arc<Pool>,
    slot: StreamSlot,
    writer: ResourceAny,
    /// Bytes pushed so far; some decorators buffer them until the end.
    pushed: usize,
}

impl ChainWriter {
    pub fn new(pool: Arc<Pool>, slot: StreamSlot, writer: ResourceAny) -> Self {
        Self { pool, slot, writer, pushed: 0 }
    }
}

#[async_trait]
impl Writer for ChainWriter {
    async fn push(&mut self, mut chunk: Bytes) -> Result<()> {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(MAX_CHUNK));
            let writer = self.writer;
            self.pushed = self.pushed.saturating_add(piece.len());
            let done = on!(self.slot, |i| {
                let (offload, guest) = (i.offload(), guest_writer(&i.exports));
                offload.add(piece.len()).await;
                offload.run(pin!(guest.call_push(&mut i.store, writer, &piece))).await
            });
            done.map_err(|error| self.pool.convert_error(error))?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let trailer = convert::trailer_out(trailer);
        let (writer, pushed) = (self.writer, self.pushed);
        let done = on!(self.slot, |i| {
            let (offload, guest) = (i.offload(), guest_writer(&i.exports));
            offload.add(pushed).await;
            offload.run(pin!(guest.call_finish(&mut i.store, writer, &trailer))).await
        });
        let info = match done {
            Ok(info) => self.pool.accept(info).map_err(|problem| self.pool.breach(&problem))?,
            Err(error) => {
                self.slot.close().await?;
                return Err(self.pool.convert_error(error));
            }
        };
        self.slot.close().await?;
        Ok(info)
    }
}
