//! A chain of decorators in the sandbox, as an object store of the host.

use super::bindings::exports::storage::object_store::object_store::{
    GuestReader, GuestStore, GuestWriter,
};
use super::convert;
use super::pool::{Lease, Pool};
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
        let options = convert::read_options_out(&options);
        let mut lease = self.pool.lend().await?;
        let opened = call!(&mut lease, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            store.call_read(&mut i.store, i.root, key, &options).await
        });
        let reader = match opened {
            Ok(reader) => reader,
            Err(error) => {
                lease.give_back();
                return Err(convert::error_in(error));
            }
        };
        let info =
            call!(&mut lease, |i| guest_reader(&i.exports).call_info(&mut i.store, reader).await);
        let info = convert::info_in(info);
        Ok(Box::new(ChainReader { lease: Some(lease), reader, info }))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let options = convert::put_options_out(&options);
        let mut lease = self.pool.lend().await?;
        let opened = call!(&mut lease, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            store.call_write(&mut i.store, i.root, key, &options).await
        });
        match opened {
            Ok(writer) => Ok(Box::new(ChainWriter { lease, writer })),
            Err(error) => {
                lease.give_back();
                Err(convert::error_in(error))
            }
        }
    }

    async fn close(&self) -> Result<()> {
        self.pool.close();
        Ok(())
    }
}

fn guest_reader(exports: &super::bindings::DecoratorPack) -> GuestReader<'_> {
    exports.storage_object_store_object_store().reader()
}

fn guest_writer(exports: &super::bindings::DecoratorPack) -> GuestWriter<'_> {
    exports.storage_object_store_object_store().writer()
}

/// Holds an instance until the end of the object. Dropped before, it throws
/// the instance away: making one is cheaper than a detour to close the handle.
struct ChainReader {
    lease: Option<Lease>,
    reader: ResourceAny,
    info: ObjectInfo,
}

#[async_trait]
impl Reader for ChainReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        let Some(lease) = &mut self.lease else { return Ok(Bytes::new()) };
        let max = max.clamp(1, MAX_CHUNK);
        let asked = u32::try_from(max).unwrap_or(u32::MAX);
        let reader = self.reader;
        let chunk =
            call!(lease, |i| guest_reader(&i.exports).call_next(&mut i.store, reader, asked).await);
        let chunk = chunk.map_err(convert::error_in)?;
        if chunk.len() > max {
            let gave = chunk.len();
            let error = wasmtime::format_err!("a reader was asked for {max} bytes and gave {gave}");
            let error = lease.pool().failure("broke the contract", &error);
            self.lease = None;
            return Err(error);
        }
        if chunk.is_empty()
            && let Some(mut lease) = self.lease.take()
        {
            call!(&mut lease, |i| reader.resource_drop_async(&mut i.store).await);
            lease.give_back();
        }
        Ok(chunk.into())
    }
}

/// Holds an instance until `finish`. Dropped before, it throws the instance
/// away, and with it the unfinished writers of the backing stores.
struct ChainWriter {
    lease: Lease,
    writer: ResourceAny,
}

#[async_trait]
impl Writer for ChainWriter {
    async fn push(&mut self, mut chunk: Bytes) -> Result<()> {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(MAX_CHUNK));
            let writer = self.writer;
            let done = call!(&mut self.lease, |i| {
                guest_writer(&i.exports).call_push(&mut i.store, writer, &piece).await
            });
            done.map_err(convert::error_in)?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let trailer = convert::trailer_out(trailer);
        let writer = self.writer;
        let done = call!(&mut self.lease, |i| {
            guest_writer(&i.exports).call_finish(&mut i.store, writer, &trailer).await
        });
        call!(&mut self.lease, |i| writer.resource_drop_async(&mut i.store).await);
        self.lease.give_back();
        done.map(convert::info_in).map_err(convert::error_in)
    }
}
