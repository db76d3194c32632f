//! `CachingStore`: keeps copies of a main store's objects in a faster store.
//!
//! The cache holds the plain bytes of an object under the object's own key, with
//! the main store's info as metadata. If the cache stores no metadata, the main
//! store is asked for the info on every read, and copies of an earlier process are
//! not used.
//!
//! Writes and deletes invalidate the copy and change the main store. They make no copy:
//! what the main store returns need not be what it was sent, so copies are made only of
//! what was read from it. A failing cache is logged and never fails an operation, and a
//! copy that could not be removed is not used. If the coordinator fails, nobody knows
//! which copies are good: reads go to the main store, and a write or delete whose copy
//! can't be invalidated is `Unavailable` before it changes anything. Copies from before a
//! restart are compared with the main store once, by etag.
//!
//! A range of an object without a copy is read from the main store, and makes none.
//! Listings are those of the main store.
//!
//! Changes that others make to the main store directly are noticed when a copy is
//! compared: at the latest after `ttl`, which is a minute by default.

mod cache;
mod claim;
mod config;
#[cfg(test)]
mod coordinator_tests;
mod copy_metadata;
mod doubt;
#[cfg(test)]
mod doubt_tests;
mod eviction;
#[cfg(test)]
mod failure_tests;
mod fill;
mod index;
#[cfg(test)]
mod room_tests;
mod stream;
#[cfg(test)]
mod tests;

use cache::Cache;
use config::Config;
pub use copy_metadata::is_copy;
pub use doubt::{doubt, is_doubt, is_index};
use index::Index;
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options::Options;
use storage_contract::source::whole;
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result,
};
use stream::Change;

/// The store type.
pub static KIND: Kind = Kind {
    name: "CachingStore",
    aliases: &["AsyncCachingStore"],
    base: BaseShape::MainAndCache,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Keeps copies of a main store's objects in a cache store",
    build: |args| Ok(Rc::new(CachingStore::new(args)?)),
};

/// A main store with copies of its objects in a second store.
pub struct CachingStore {
    cache: Rc<Cache>,
}

impl CachingStore {
    /// Creates a cache over the two bases in `args`: main, then cache.
    pub fn new(args: Args) -> Result<Self> {
        let config = args.config()?;
        let index = Index::new(&args.name, &args.env);
        let Args { name, bases, env, .. } = args;
        let Ok([main, cache]) = <[SharedStore; 2]>::try_from(bases) else {
            let text = format!("store {name:?}: it takes a main_store and a cache_store");
            return Err(Error::InvalidConfig(text));
        };
        let can = cache.capabilities();
        if !(can.read && can.write && can.delete) {
            let text =
                format!("store {name:?}: its cache_store must be readable, writable and deletable");
            return Err(Error::InvalidConfig(text));
        }
        let keeps_info = can.metadata;
        Ok(Self { cache: Rc::new(Cache { name, env, config, main, cache, keeps_info, index }) })
    }

    /// Rejects what the main store can't do, even if a copy could: behaviour must
    /// not depend on what happens to be cached.
    fn refuse_range(&self, options: &ReadOptions) -> Result<()> {
        if options.range.is_some() && !self.capabilities().range {
            return Err(Error::Unsupported("the main store reads no ranges".to_owned()));
        }
        Ok(())
    }

    /// Removes the copy of one key, or all copies; returns how many. Objects in the
    /// cache store that are not known to be copies stay.
    pub fn clear(&self, key: Option<&str>) -> Result<u64> {
        self.cache.clear(key)
    }
}

impl Cache {
    /// Returns a good copy; `None` if there is none after all.
    fn get_copy(&self, key: &str, options: &ReadOptions) -> Result<Option<(ObjectInfo, Vec<u8>)>> {
        if options.range.is_some() && !self.cache.capabilities().range {
            return Ok(None);
        }
        let Some(known) = self.lookup(key)? else { return Ok(None) };
        if !self.check(&known, options)? {
            return Ok(None);
        }
        let size = known.record.size;
        let (start, end) = options.range.unwrap_or_default().resolve(size)?;
        let asked = ReadOptions { range: options.range, ..ReadOptions::default() };
        let Some((copy, data)) = self.given(&known.record, self.cache.get(key, &asked)) else {
            return Ok(None);
        };
        let info = self.verify(&known, &copy).filter(|_| data.len() as u64 == end - start);
        let Some(info) = info else { return Ok(None) };
        self.touch(&known.record);
        Ok(Some((info, data)))
    }

    fn get_main(
        self: &Rc<Self>,
        key: &str,
        options: &ReadOptions,
    ) -> Result<(ObjectInfo, Vec<u8>)> {
        let Some(lock) = self.lock_to_fill(key) else { return self.main.get(key, options) };
        if let Some(found) = self.get_copy(key, options)? {
            return Ok(found);
        }
        let Some(claim) = self.claim(key) else { return self.main.get(key, options) };
        if self.adopt(lock.as_ref(), &claim)?
            && let Some(found) = self.get_copy(key, options)?
        {
            return Ok(found);
        }
        let now = self.now();
        let (info, data) = self.main.get(key, options)?;
        let ended = whole(&info, None, &data)?;
        self.fill(lock.as_ref(), &claim.record, &info, &data, ended, now);
        Ok((info, data))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for CachingStore {
    fn capabilities(&self) -> Capabilities {
        self.cache.main.capabilities()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let cache = &self.cache;
        if !self.capabilities().read {
            return cache.main.get(key, options);
        }
        self.refuse_range(options)?;
        match cache.get_copy(key, options)? {
            Some(found) => Ok(found),
            None if options.range.is_some() => cache.main.get(key, options),
            None => cache.get_main(key, options),
        }
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let cache = &self.cache;
        if !self.capabilities().write {
            return cache.main.put(key, data, options);
        }
        cache.change_main(key, || cache.main.put(key, data, options))
    }

    fn exists(&self, key: &str) -> Result<bool> {
        if !self.capabilities().read {
            return self.cache.main.exists(key);
        }
        match self.cache.lookup(key) {
            Ok(Some(_)) => Ok(true),
            Ok(None) => self.cache.main.exists(key),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let cache = &self.cache;
        if !self.capabilities().delete {
            return cache.main.delete(key, options);
        }
        cache.change_main(key, || cache.main.delete(key, options))
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        if !self.capabilities().read {
            return self.cache.main.stat(key);
        }
        let known = self.cache.lookup(key)?;
        match known.and_then(|known| self.cache.stat_copy(&known)) {
            Some(info) => Ok(info),
            None => self.cache.main.stat(key),
        }
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.cache.main.list(options)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let cache = &self.cache;
        if !self.capabilities().read {
            return cache.main.read(key, options);
        }
        self.refuse_range(options)?;
        match cache.stream_copy(key, options)? {
            Some(reader) => Ok(reader),
            None if options.range.is_some() => cache.main.read(key, options),
            None => cache.stream_main(key, options),
        }
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let main = self.cache.main.write(key, options)?;
        if !self.capabilities().write {
            return Ok(main);
        }
        Ok(Box::new(Change { cache: self.cache.clone(), key: key.to_owned(), main }))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}
