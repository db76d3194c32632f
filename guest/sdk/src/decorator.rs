//! Decorators with default methods: write only what differs from the base.

use std::rc::Rc;
use storage_contract::source::Source;
use storage_contract::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, MAX_INLINE_BYTES,
    ObjectInfo, Page, PutOptions, ReadOptions, Reader, Result, SharedStore, Store, Trailer, Writer,
};

/// A store over another one. Every method except [`base`](Self::base) has a
/// default.
///
/// `capabilities`, `stat`, `delete`, `list`, `read` and `write` call the same
/// method of [`base`](Self::base). The operations on whole objects use others of
/// *this* store: `get` uses `read`, `put` uses `write`, and `exists` uses `stat`.
/// So a rule written once holds for both forms, and none is bypassed by accident.
///
/// A decorator that does nothing in `read`, `write` or `stat` can save calls with
/// [`forward!`](crate::forward!).
///
/// `wit/object-store.wit` has the contract of each operation.
pub trait Decorator: 'static {
    /// The underlying store.
    fn base(&self) -> &dyn Store;

    /// The capabilities of this store; constant. A decorator that changes sizes,
    /// refuses operations or reorders keys must clear flags of the base.
    fn capabilities(&self) -> Capabilities {
        self.base().capabilities()
    }

    /// Reads the whole object, or the range, at once; `LimitExceeded` above 8 MiB.
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        Source::new(self.read(key, options)?, options.range).collect(MAX_INLINE_BYTES)
    }

    /// Writes a whole object atomically.
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        let mut writer = self.write(key, options)?;
        if !data.is_empty() {
            writer.push(data)?;
        }
        writer.finish(Trailer::default())
    }

    /// Whether the key has an object.
    fn exists(&self, key: &str) -> Result<bool> {
        match self.stat(key) {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the object; `NotFound` if there is none.
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.base().delete(key, options)
    }

    /// The object's info; `NotFound` if there is none.
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.base().stat(key)
    }

    /// A page of the listing.
    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.base().list(options)
    }

    /// Opens the object for streaming.
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.base().read(key, options)
    }

    /// Starts a streamed write.
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.base().write(key, options)
    }

    /// Where operations of this access may be done instead, with exactly the same
    /// result. The default is `None`: here.
    ///
    /// A decorator that only maps or checks keys for some access saves the way of the
    /// bytes through it: let this check and map the key like the operations do, and
    /// call `locate` of [`base`](Self::base).
    fn locate(&self, _key: &str, _access: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

/// Turns a decorator into a store, as [`Kind::build`](crate::Kind::build) returns
/// it.
pub fn decorated(decorator: impl Decorator) -> Result<SharedStore> {
    Ok(Rc::new(Decorated(decorator)))
}

struct Decorated<D>(D);

#[deny(clippy::missing_trait_methods)]
impl<D: Decorator> Store for Decorated<D> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.0.get(key, options)
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.0.put(key, data, options)
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.0.exists(key)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.0.delete(key, options)
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.0.stat(key)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.0.list(options)
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.0.read(key, options)
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.0.write(key, options)
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        self.0.locate(key, access)
    }
}

/// Inside `impl Decorator`, forwards `get`, `put` or `exists` to the base, for a
/// decorator that does nothing in `read`, `write` or `stat`, respectively.
///
/// ```
/// use storage_plugin::{Decorator, SharedStore, Store, forward};
///
/// struct Nothing {
///     base: SharedStore,
/// }
///
/// impl Decorator for Nothing {
///     forward!(get, put, exists);
///
///     fn base(&self) -> &dyn Store {
///         &*self.base
///     }
/// }
/// ```
#[macro_export]
macro_rules! forward {
    ($($method:ident),+ $(,)?) => { $( $crate::forward!(@ $method); )+ };
    (@ get) => {
        fn get(
            &self,
            key: &str,
            options: &$crate::ReadOptions,
        ) -> $crate::Result<($crate::ObjectInfo, Vec<u8>)> {
            $crate::Decorator::base(self).get(key, options)
        }
    };
    (@ put) => {
        fn put(
            &self,
            key: &str,
            data: &[u8],
            options: &$crate::PutOptions,
        ) -> $crate::Result<$crate::ObjectInfo> {
            $crate::Decorator::base(self).put(key, data, options)
        }
    };
    (@ exists) => {
        fn exists(&self, key: &str) -> $crate::Result<bool> {
            $crate::Decorator::base(self).exists(key)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::Base;

    /// Appends a mark to writes, and upper-cases reads.
    struct Marking {
        base: SharedStore,
    }

    struct Marked<T>(T);

    impl Decorator for Marking {
        fn base(&self) -> &dyn Store {
            &*self.base
        }

        fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
            Ok(Box::new(Marked(self.base.read(key, options)?)))
        }

        fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
            Ok(Box::new(Marked(self.base.write(key, options)?)))
        }

        fn stat(&self, key: &str) -> Result<ObjectInfo> {
            if key == "secret" { Err(Error::NotFound) } else { self.base.stat(key) }
        }
    }

    impl Reader for Marked<Box<dyn Reader>> {
        fn info(&self) -> &ObjectInfo {
            self.0.info()
        }

        fn next(&mut self, max: usize) -> Result<Vec<u8>> {
            Ok(self.0.next(max)?.to_ascii_uppercase())
        }
    }

    impl Writer for Marked<Box<dyn Writer>> {
        fn push(&mut self, chunk: &[u8]) -> Result<()> {
            self.0.push(chunk)
        }

        fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
            self.0.push(b"<written")?;
            self.0.finish(trailer)
        }
    }

    fn marking() -> (Base, SharedStore) {
        let base = Base::default();
        let store = decorated(Marking { base: Rc::new(base.clone()) }).unwrap();
        (base, store)
    }

    #[test]
    fn a_rule_for_streams_holds_for_whole_objects() {
        let (base, store) = marking();
        store.put("key", b"data", &PutOptions::default()).unwrap();
        assert_eq!(base.data("key").unwrap(), b"data<written");
        let (info, data) = store.get("key", &ReadOptions::default()).unwrap();
        assert_eq!(data, b"DATA<WRITTEN");
        assert_eq!(info.size, Some(12));
    }

    #[test]
    fn what_has_no_stat_does_not_exist() {
        let (base, store) = marking();
        base.hold("secret", "x").unwrap();
        base.hold("key", "x").unwrap();
        assert_eq!(store.exists("secret"), Ok(false));
        assert_eq!(store.exists("key"), Ok(true));
        base.fail("stat", Error::Unavailable("away".to_owned()));
        assert_eq!(store.exists("key"), Err(Error::Unavailable("away".to_owned())));
    }

    #[test]
    fn an_object_above_eight_mebibytes_is_not_gotten_at_once() {
        let (base, store) = marking();
        let mut writer = base.write("key", &PutOptions::default()).unwrap();
        writer.push(&vec![0; 8 * 1024 * 1024 + 1]).unwrap();
        writer.finish(Trailer::default()).unwrap();
        let refused = store.get("key", &ReadOptions::default());
        assert!(matches!(refused, Err(Error::LimitExceeded(_))));
    }

    #[test]
    fn what_is_not_written_down_is_the_bases() {
        let (base, store) = marking();
        base.hold("key", "x").unwrap();
        assert_eq!(store.list(&ListOptions::default()), base.list(&ListOptions::default()));
        assert_eq!(store.capabilities(), Capabilities::ALL);
        store.delete("key", &DeleteOptions::default()).unwrap();
        assert_eq!(base.keys(), Vec::<String>::new());
        assert_eq!(base.calls(), ["list", "list", "delete key"]);
    }
}
