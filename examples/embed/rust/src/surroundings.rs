//! The component's imports: stores by name, a log, locks and small values.

use crate::bindings::storage::object_store::{
    coordinator, object_store, observer, request_context,
};
use crate::clock::now;
use crate::guard::Guard;
use crate::memory::{Memory, Reader, Writer};
use crate::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
};
use std::collections::{HashMap, HashSet};
use wasmtime::Result;
use wasmtime::component::{Resource, ResourceTable};

/// The state of a `wasmtime::Store`.
pub struct Surroundings {
    table: ResourceTable,
    given: HashMap<String, Memory>,
    values: HashMap<String, coordinator::Versioned>,
    changes: u64,
    held: HashSet<String>,
    /// The log lines and events of the decorators.
    pub log: Vec<String>,
}

impl Surroundings {
    /// Creates the state for an instance that may open these stores only.
    pub fn new(given: impl IntoIterator<Item = (String, Memory)>) -> Self {
        Self {
            table: ResourceTable::new(),
            given: given.into_iter().collect(),
            values: HashMap::new(),
            changes: 0,
            held: HashSet::new(),
            log: Vec::new(),
        }
    }
}

/// The component's answer, or a trap if it is at fault.
type Answer<T, E = Error> = Result<std::result::Result<T, E>>;

impl crate::types::Host for Surroundings {}

impl object_store::Host for Surroundings {
    fn open(&mut self, name: String) -> Answer<Resource<Memory>> {
        let Some(store) = self.given.get(&name).cloned() else { return Ok(Err(Error::NotFound)) };
        Ok(Ok(self.table.push(store)?))
    }
}

impl object_store::HostStore for Surroundings {
    fn capabilities(&mut self, this: Resource<Memory>) -> Result<Capabilities> {
        Ok(self.table.get(&this)?.capabilities())
    }

    fn get(
        &mut self,
        this: Resource<Memory>,
        key: String,
        options: ReadOptions,
    ) -> Answer<(ObjectInfo, Vec<u8>)> {
        Ok(self.table.get(&this)?.get(&key, &options))
    }

    fn put(
        &mut self,
        this: Resource<Memory>,
        key: String,
        data: Vec<u8>,
        options: PutOptions,
    ) -> Answer<ObjectInfo> {
        Ok(self.table.get(&this)?.put(&key, &data, &options))
    }

    fn exists(&mut self, this: Resource<Memory>, key: String) -> Answer<bool> {
        Ok(self.table.get(&this)?.exists(&key))
    }

    fn delete(
        &mut self,
        this: Resource<Memory>,
        key: String,
        options: DeleteOptions,
    ) -> Answer<()> {
        Ok(self.table.get(&this)?.delete(&key, &options))
    }

    fn stat(&mut self, this: Resource<Memory>, key: String) -> Answer<ObjectInfo> {
        Ok(self.table.get(&this)?.stat(&key))
    }

    fn list(&mut self, this: Resource<Memory>, options: ListOptions) -> Answer<Page> {
        Ok(Ok(self.table.get(&this)?.list(&options)))
    }

    fn read(
        &mut self,
        this: Resource<Memory>,
        key: String,
        options: ReadOptions,
    ) -> Answer<Resource<Reader>> {
        Ok(match self.table.get(&this)?.read(&key, &options) {
            Ok(reader) => Ok(self.table.push(reader)?),
            Err(error) => Err(error),
        })
    }

    fn write(
        &mut self,
        this: Resource<Memory>,
        key: String,
        options: PutOptions,
    ) -> Answer<Resource<Writer>> {
        Ok(match self.table.get(&this)?.write(&key, options) {
            Ok(writer) => Ok(self.table.push(writer)?),
            Err(error) => Err(error),
        })
    }

    fn locate(&mut self, _: Resource<Memory>, _: String, _: Access) -> Answer<Option<Location>> {
        // Every operation goes through the decorators.
        Ok(Ok(None))
    }

    fn drop(&mut self, this: Resource<Memory>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl object_store::HostReader for Surroundings {
    fn info(&mut self, this: Resource<Reader>) -> Result<ObjectInfo> {
        Ok(self.table.get(&this)?.info())
    }

    fn next(&mut self, this: Resource<Reader>, max: u32) -> Answer<Vec<u8>> {
        Ok(Ok(self.table.get_mut(&this)?.next(max.max(1) as usize)))
    }

    fn drop(&mut self, this: Resource<Reader>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl object_store::HostWriter for Surroundings {
    fn push(&mut self, this: Resource<Writer>, chunk: Vec<u8>) -> Answer<()> {
        Ok(self.table.get_mut(&this)?.push(&chunk))
    }

    fn finish(&mut self, this: Resource<Writer>, trailer: Trailer) -> Answer<ObjectInfo> {
        Ok(self.table.get_mut(&this)?.finish(trailer))
    }

    fn drop(&mut self, this: Resource<Writer>) -> Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl observer::Host for Surroundings {
    fn log(&mut self, level: observer::Level, store: String, message: String) -> Result<()> {
        self.log.push(format!("{level:?} {store}: {message}"));
        Ok(())
    }

    fn changed(&mut self, event: observer::Event) -> Result<()> {
        self.log.push(format!("{:?} {}: {}", event.action, event.store, event.key));
        Ok(())
    }
}

impl request_context::Host for Surroundings {
    fn current(&mut self) -> Result<request_context::Context> {
        // Nothing is known of who asks.
        Ok(request_context::Context {
            request_id: None,
            principal: None,
            remote_address: None,
            protocol: None,
            bucket: None,
            trace_parent: None,
        })
    }
}

impl coordinator::Host for Surroundings {
    fn lock(&mut self, name: String) -> Answer<Resource<Guard>> {
        // There is only one instance: the holder can't release the lock while this call
        // waits.
        if !self.held.insert(name.clone()) {
            return Ok(Err(Error::Unavailable(format!("the lock {name:?} is held"))));
        }
        Ok(Ok(self.table.push(Guard(name))?))
    }

    fn load(&mut self, name: String) -> Answer<Option<coordinator::Versioned>> {
        Ok(Ok(self.values.get(&name).cloned()))
    }

    fn compare_and_set(
        &mut self,
        name: String,
        expected: u64,
        value: Option<Vec<u8>>,
    ) -> Answer<u64> {
        if self.values.get(&name).map_or(0, |held| held.version) != expected {
            return Ok(Err(Error::PreconditionFailed));
        }
        self.changes += 1;
        let version = self.changes;
        match value {
            Some(value) => self.values.insert(name, coordinator::Versioned { value, version }),
            None => self.values.remove(&name),
        };
        Ok(Ok(version))
    }

    fn now(&mut self) -> Result<u64> {
        Ok(now())
    }
}

impl coordinator::HostGuard for Surroundings {
    fn check(&mut self, _: Resource<Guard>) -> Answer<()> {
        // A lock in this process is never lost.
        Ok(Ok(()))
    }

    fn drop(&mut self, this: Resource<Guard>) -> Result<()> {
        let Guard(name) = self.table.delete(this)?;
        self.held.remove(&name);
        Ok(())
    }
}
