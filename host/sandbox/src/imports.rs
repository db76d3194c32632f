//! The functions that a guest may call: its base stores, the observer, the coordinator,
//! the request's context.
//! Every number and string comes from the guest and is not trusted.

use super::bindings::storage::object_store::{
    coordinator, object_store, observer, request_context, types,
};
use super::convert;
use super::state::{Base, BaseReader, BaseWriter, InstanceState};
use crate::coordinator::Guard;
use storage_contract::env::{Action, Event, Level};
use storage_contract::types::MAX_KEY_BYTES;
use storage_store::Error;
use wasmtime::Result;
use wasmtime::component::Resource;

/// The most bytes of the name of a lock or shared value, since names are kept: room for
/// a key, the store's name and the purpose of the lock.
const MAX_NAME: usize = MAX_KEY_BYTES + 1024;

type Answer<T> = Result<Result<T, types::Error>>;

/// The most bytes of one log line; the rest is cut.
const MAX_LOG_LINE: usize = 8 * 1024;

impl types::Host for InstanceState {}

impl object_store::Host for InstanceState {
    async fn open(&mut self, name: String) -> Answer<Resource<Base>> {
        let Some(store) = self.bases.get(&name) else { return Ok(Err(types::Error::NotFound)) };
        let store = store.clone();
        Ok(Ok(self.table.push(Base { name, store })?))
    }
}

impl object_store::HostStore for InstanceState {
    async fn capabilities(&mut self, this: Resource<Base>) -> Result<types::Capabilities> {
        Ok(convert::capabilities_out(self.base(&this).await?.capabilities()))
    }

    async fn get(
        &mut self,
        this: Resource<Base>,
        key: String,
        options: types::ReadOptions,
    ) -> Answer<(types::ObjectInfo, Vec<u8>)> {
        let (answer,) = self.give_whole(this, &key, options).await?;
        Ok(answer.map(|(info, data)| (info, data.into())))
    }

    async fn put(
        &mut self,
        this: Resource<Base>,
        key: String,
        data: Vec<u8>,
        options: types::PutOptions,
    ) -> Answer<types::ObjectInfo> {
        let store = self.base(&this).await?;
        let done = store.put(&key, data.into(), convert::put_options_in(options)).await;
        Ok(done.map(convert::info_out).map_err(convert::error_out))
    }

    async fn exists(&mut self, this: Resource<Base>, key: String) -> Answer<bool> {
        Ok(self.base(&this).await?.exists(&key).await.map_err(convert::error_out))
    }

    async fn delete(
        &mut self,
        this: Resource<Base>,
        key: String,
        options: types::DeleteOptions,
    ) -> Answer<()> {
        let store = self.base(&this).await?;
        Ok(store
            .delete(&key, convert::delete_options_in(options))
            .await
            .map_err(convert::error_out))
    }

    async fn stat(&mut self, this: Resource<Base>, key: String) -> Answer<types::ObjectInfo> {
        let done = self.base(&this).await?.stat(&key).await;
        Ok(done.map(convert::info_out).map_err(convert::error_out))
    }

    async fn list(
        &mut self,
        this: Resource<Base>,
        options: types::ListOptions,
    ) -> Answer<types::Page> {
        let done = self.base(&this).await?.list(convert::list_options_in(options)).await;
        Ok(done.map(convert::page_out).map_err(convert::error_out))
    }

    async fn read(
        &mut self,
        this: Resource<Base>,
        key: String,
        options: types::ReadOptions,
    ) -> Answer<Resource<BaseReader>> {
        let store = self.base(&this).await?;
        match store.read(&key, convert::read_options_in(options)).await {
            Ok(reader) => Ok(Ok(self.table.push(BaseReader(reader))?)),
            Err(error) => Ok(Err(convert::error_out(error))),
        }
    }

    async fn write(
        &mut self,
        this: Resource<Base>,
        key: String,
        options: types::PutOptions,
    ) -> Answer<Resource<BaseWriter>> {
        let store = self.base(&this).await?;
        match store.write(&key, convert::put_options_in(options)).await {
            Ok(writer) => Ok(Ok(self.table.push(BaseWriter(Some(writer)))?)),
            Err(error) => Ok(Err(convert::error_out(error))),
        }
    }

    /// A chain's base is a place for operations in any case; if it is a chain itself,
    /// it leads on from there.
    async fn locate(
        &mut self,
        this: Resource<Base>,
        key: String,
        _: types::Access,
    ) -> Answer<Option<types::Location>> {
        let base = self.table.get(&this)?.name.clone();
        Ok(Ok(Some(types::Location { base, key })))
    }

    async fn drop(&mut self, this: Resource<Base>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl object_store::HostReader for InstanceState {
    async fn info(&mut self, this: Resource<BaseReader>) -> Result<types::ObjectInfo> {
        Ok(convert::info_out(self.table.get(&this)?.0.info().clone()))
    }

    async fn next(&mut self, this: Resource<BaseReader>, max: u32) -> Answer<Vec<u8>> {
        let (answer,) = self.give_next(this, max).await?;
        Ok(answer.map(Vec::from))
    }

    async fn drop(&mut self, this: Resource<BaseReader>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl object_store::HostWriter for InstanceState {
    async fn push(&mut self, this: Resource<BaseWriter>, chunk: Vec<u8>) -> Answer<()> {
        let Some(writer) = &mut self.table.get_mut(&this)?.0 else { return Ok(Err(finished())) };
        Ok(writer.push(chunk.into()).await.map_err(convert::error_out))
    }

    async fn finish(
        &mut self,
        this: Resource<BaseWriter>,
        trailer: types::Trailer,
    ) -> Answer<types::ObjectInfo> {
        let Some(writer) = self.table.get_mut(&this)?.0.take() else { return Ok(Err(finished())) };
        let done = writer.finish(convert::trailer_in(trailer)).await;
        Ok(done.map(convert::info_out).map_err(convert::error_out))
    }

    async fn drop(&mut self, this: Resource<BaseWriter>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

fn finished() -> types::Error {
    convert::error_out(Error::Other("this writer was finished already".to_owned()))
}

fn long_name() -> types::Error {
    types::Error::LimitExceeded(format!("the name of what is shared has at most {MAX_NAME} bytes"))
}

impl observer::Host for InstanceState {
    async fn log(&mut self, level: observer::Level, store: String, message: String) -> Result<()> {
        let level = match level {
            observer::Level::Debug => Level::Debug,
            observer::Level::Info => Level::Info,
            observer::Level::Warn => Level::Warn,
            observer::Level::Error => Level::Error,
        };
        let end = message.floor_char_boundary(MAX_LOG_LINE);
        self.shared.observer.log(level, &store, message.get(..end).unwrap_or_default());
        Ok(())
    }

    async fn changed(&mut self, event: observer::Event) -> Result<()> {
        self.shared.observer.changed(Event {
            store: event.store,
            action: match event.action {
                observer::Action::Put => Action::Put,
                observer::Action::Delete => Action::Delete,
            },
            key: event.key,
            size: event.size,
            etag: event.etag,
            failure: event.failure.map(convert::error_in),
        });
        Ok(())
    }
}

impl request_context::Host for InstanceState {
    async fn current(&mut self) -> Result<request_context::Context> {
        let now = storage_store::request_context::current();
        Ok(request_context::Context {
            request_id: now.request_id,
            principal: now.principal,
            remote_address: now.remote_address,
            protocol: now.protocol,
            bucket: now.bucket,
            trace_parent: now.trace_parent,
        })
    }
}

impl coordinator::Host for InstanceState {
    async fn lock(&mut self, name: String) -> Answer<Resource<Guard>> {
        if name.len() > MAX_NAME {
            return Ok(Err(long_name()));
        }
        match self.shared.coordinator.lock(&name).await {
            Ok(guard) => Ok(Ok(self.table.push(guard)?)),
            Err(error) => Ok(Err(convert::error_out(error))),
        }
    }

    async fn load(&mut self, name: String) -> Answer<Option<coordinator::Versioned>> {
        let found = self.shared.coordinator.load(&name).map_err(convert::error_out);
        let versioned = |(value, version)| coordinator::Versioned { value, version };
        Ok(found.map(|found| found.map(versioned)))
    }

    async fn compare_and_set(
        &mut self,
        name: String,
        expected: u64,
        value: Option<Vec<u8>>,
    ) -> Answer<u64> {
        if name.len() > MAX_NAME {
            return Ok(Err(long_name()));
        }
        let done = self.shared.coordinator.compare_and_set(&name, expected, value);
        Ok(done.map_err(convert::error_out))
    }

    async fn now(&mut self) -> Result<u64> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Ok(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl coordinator::HostGuard for InstanceState {
    async fn check(&mut self, this: Resource<Guard>) -> Answer<()> {
        Ok(self.table.get(&this)?.check().map_err(convert::error_out))
    }

    async fn drop(&mut self, this: Resource<Guard>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
