//! A chain of decorators in the sandbox, as an object store of the host.

use super::bindings::exports::storage::object_store::object_store::{
    GuestReader, GuestStore, GuestWriter,
};
use super::convert;
use super::pool::{Instance, Lease, Pool};
use super::seat::Seat;
use crate::store::{
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, ObjectStore, Page, PutOptions,
    ReadOptions, Reader, Result, Trailer, Writer,
};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use wasmtime::component::ResourceAny;

/// The most bytes that go over the wall at once when streaming.
const MAX_CHUNK: usize = 1024 * 1024;

/// A run of decorators, built in instances of one component.
pub struct Chain {
    pool: Arc<Pool>,
    capabilities: Capabilities,
}

/// One call into a leased instance. On a trap the instance is gone and the
/// error says so; otherwise it is back in the lease.
macro_rules! call {
    ($lease:expr, |$instance:ident| $call:expr) => {{
        let lease: &mut Lease = $lease;
        let mut taken = lease.take()?;
        let $instance = &mut taken;
        match $call {
            Ok(answer) => {
                lease.put_back(taken);
                answer
            }
            Err(trap) => return Err(lease.pool().failure("failed", &trap)),
        }
    }};
}

/// One call of a stream, in the instance where it sits.
macro_rules! on {
    ($seat:expr, |$instance:ident| $call:expr) => {
        $seat.call(move |$instance: &mut Instance| Box::pin(async move { $call })).await?
    };
}

/// The call that opens a stream.
macro_rules! opened {
    ($seat:expr, |$instance:ident| $call:expr) => {
        $seat.open(move |$instance: &mut Instance| Box::pin(async move { $call })).await?
    };
}

/// One call on the root store, in an instance lent for it alone.
macro_rules! once {
    ($self:ident, |$instance:ident, $store:ident| $call:expr) => {{
        let mut lease = $self.pool.lend().await?;
        let answer = call!(&mut lease, |$instance| {
            let $store: GuestStore<'_> =
                $instance.exports.storage_object_store_object_store().store();
            $call
        });
        lease.give_back();
        answer.map_err(convert::error_in)
    }};
}

impl Chain {
    /// Builds the chain once, to learn whether it can be built and what it
    /// can do.
    pub(super) async fn open(pool: Arc<Pool>) -> Result<Self> {
        let mut lease = pool.lend().await?;
        let capabilities = call!(&mut lease, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            store.call_capabilities(&mut i.store, i.root).await
        });
        lease.give_back();
        Ok(Self { pool, capabilities: convert::capabilities_in(capabilities) })
    }
}

#[async_trait]
impl ObjectStore for Chain {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        let options = convert::read_options_out(&options);
        let (info, data) =
            once!(self, |i, s| s.call_get(&mut i.store, i.root, key, &options).await)?;
        Ok((convert::info_in(info), data.into()))
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let options = convert::put_options_out(&options);
        once!(self, |i, s| s.call_put(&mut i.store, i.root, key, &data, &options).await)
            .map(convert::info_in)
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        once!(self, |i, s| s.call_exists(&mut i.store, i.root, key).await)
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        let options = convert::delete_options_out(&options);
        once!(self, |i, s| s.call_delete(&mut i.store, i.root, key, &options).await)
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        once!(self, |i, s| s.call_stat(&mut i.store, i.root, key).await).map(convert::info_in)
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        let options = convert::list_options_out(&options);
        once!(self, |i, s| s.call_list(&mut i.store, i.root, &options).await).map(convert::page_in)
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let (key, options) = (key.to_owned(), convert::read_options_out(&options));
        let mut seat = Seat::take(&self.pool).await?;
        let opened = opened!(seat, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            match store.call_read(&mut i.store, i.root, &key, &options).await? {
                Err(error) => Ok(Err(error)),
                Ok(reader) => {
                    let info = guest_reader(&i.exports).call_info(&mut i.store, reader).await?;
                    Ok(Ok((reader, info)))
                }
            }
        });
        let (reader, info) = opened.map_err(convert::error_in)?;
        Ok(Box::new(ChainReader { seat: Some(seat), reader, info: convert::info_in(info) }))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let (key, options) = (key.to_owned(), convert::put_options_out(&options));
        let mut seat = Seat::take(&self.pool).await?;
        let opened = opened!(seat, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            let opened = store.call_write(&mut i.store, i.root, &key, &options).await?;
            Ok(opened.map(|writer| (writer, ())))
        });
        let (writer, ()) = opened.map_err(convert::error_in)?;
        Ok(Box::new(ChainWriter { seat, writer }))
    }

    async fn close(&self) -> Result<()> {
        self.pool.close().await;
        Ok(())
    }
}

fn guest_reader(exports: &super::bindings::DecoratorPack) -> GuestReader<'_> {
    exports.storage_object_store_object_store().reader()
}

fn guest_writer(exports: &super::bindings::DecoratorPack) -> GuestWriter<'_> {
    exports.storage_object_store_object_store().writer()
}

/// Sits in an instance until the end of the object.
struct ChainReader {
    seat: Option<Seat>,
    reader: ResourceAny,
    info: ObjectInfo,
}

#[async_trait]
impl Reader for ChainReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        let Some(seat) = &self.seat else { return Ok(Bytes::new()) };
        let max = max.clamp(1, MAX_CHUNK);
        let asked = u32::try_from(max).unwrap_or(u32::MAX);
        let reader = self.reader;
        let chunk =
            on!(seat, |i| guest_reader(&i.exports).call_next(&mut i.store, reader, asked).await);
        let chunk = chunk.map_err(convert::error_in)?;
        if chunk.len() > max {
            let gave = chunk.len();
            let error = wasmtime::format_err!("a reader was asked for {max} bytes and gave {gave}");
            let error = seat.broken(&error);
            self.seat = None;
            return Err(error);
        }
        if chunk.is_empty()
            && let Some(seat) = self.seat.take()
        {
            seat.close().await?;
        }
        Ok(chunk.into())
    }
}

/// Sits in an instance until `finish`. Dropped before, the unfinished writers
/// of the backing stores are dropped, too.
struct ChainWriter {
    seat: Seat,
    writer: ResourceAny,
}

#[async_trait]
impl Writer for ChainWriter {
    async fn push(&mut self, mut chunk: Bytes) -> Result<()> {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(MAX_CHUNK));
            let writer = self.writer;
            let done = on!(self.seat, |i| {
                guest_writer(&i.exports).call_push(&mut i.store, writer, &piece).await
            });
            done.map_err(convert::error_in)?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let trailer = convert::trailer_out(trailer);
        let writer = self.writer;
        let done = on!(self.seat, |i| {
            guest_writer(&i.exports).call_finish(&mut i.store, writer, &trailer).await
        });
        self.seat.close().await?;
        done.map(convert::info_in).map_err(convert::error_in)
    }
}
