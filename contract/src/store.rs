//! The traits that every store implements. They mirror the interface
//! `storage:object-store/object-store`, which documents their contract.

use crate::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result, Trailer,
};
use std::rc::Rc;

/// A store shared between decorators.
pub type SharedStore = Rc<dyn Store>;

/// An object store.
///
/// No method has a default: a decorator that forgets one would be bypassed.
pub trait Store {
    /// The capabilities of this store. Constant, except that `conditional` may be
    /// withdrawn once; see [`conditionally`].
    fn capabilities(&self) -> Capabilities;
    /// Reads the whole object, or the range, at once. May be `LimitExceeded` above
    /// [`MAX_INLINE_BYTES`](crate::types::MAX_INLINE_BYTES).
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)>;
    /// Writes a whole object atomically.
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo>;
    /// Whether the key has an object.
    fn exists(&self, key: &str) -> Result<bool>;
    /// Removes the object; `NotFound` if there is none.
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()>;
    /// The object's info; `NotFound` if there is none.
    fn stat(&self, key: &str) -> Result<ObjectInfo>;
    /// A page of the listing.
    fn list(&self, options: &ListOptions) -> Result<Page>;
    /// Opens the object for streaming.
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>>;
    /// Starts a streamed write.
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>>;
    /// Where an operation of this access may be done instead, with exactly the same
    /// result; `None`: here. An error is the one that the operation would give.
    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>>;
}

/// Makes a change with preconditions if the store supports them. A store that has
/// to ask a server may withdraw that capability on the first such change, which is
/// `Unsupported`; the change is then made without preconditions.
pub fn conditionally<T>(store: &dyn Store, change: impl Fn(bool) -> Result<T>) -> Result<T> {
    let claimed = store.capabilities().conditional;
    match change(claimed) {
        Err(Error::Unsupported(_)) if claimed && !store.capabilities().conditional => change(false),
        changed => changed,
    }
}

/// The bytes of one object or range, in order.
pub trait Reader {
    /// The info of the whole object.
    fn info(&self) -> &ObjectInfo;
    /// The next bytes: at least one and at most `max`, which is at least 1. Empty
    /// at the end.
    fn next(&mut self, max: usize) -> Result<Vec<u8>>;
}

/// A streamed write; dropping it publishes nothing.
pub trait Writer {
    /// Appends bytes.
    fn push(&mut self, chunk: &[u8]) -> Result<()>;
    /// Publishes the object atomically.
    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo>;
}
