//! The traits behind which every store stands; they mirror the interface
//! `storage:object-store/object-store`, which documents their contract.

use crate::types::{
    Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions,
    Result, Trailer,
};
use std::rc::Rc;

/// A store as decorators hold it.
pub type SharedStore = Rc<dyn Store>;

/// An object store.
///
/// No method has a default: a decorator that forgot one would be bypassed.
pub trait Store {
    /// What this store can do. Constant, but that `conditional` may go once;
    /// see [`conditionally`].
    fn capabilities(&self) -> Capabilities;
    /// The whole object (or the range) at once.
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)>;
    /// Writes a whole object, atomically.
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo>;
    /// Whether there is an object under the key.
    fn exists(&self, key: &str) -> Result<bool>;
    /// Removes the object; `NotFound` when there is none.
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()>;
    /// What is known of the object.
    fn stat(&self, key: &str) -> Result<ObjectInfo>;
    /// A part of the listing.
    fn list(&self, options: &ListOptions) -> Result<Page>;
    /// Opens the object for streaming.
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>>;
    /// Starts a streamed write.
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>>;
}

/// Makes a change under preconditions where the store acts on them. A store
/// that has to ask a server may learn only by the first such change, which is
/// `Unsupported`, that it can't; then the change is made without.
pub fn conditionally<T>(store: &dyn Store, change: impl Fn(bool) -> Result<T>) -> Result<T> {
    let claimed = store.capabilities().conditional;
    match change(claimed) {
        Err(Error::Unsupported(_)) if claimed && !store.capabilities().conditional => change(false),
        changed => changed,
    }
}

/// The bytes of one object or range, in order.
pub trait Reader {
    /// What is known of the whole object.
    fn info(&self) -> &ObjectInfo;
    /// The next bytes, at least one and at most `max` (which is at least 1).
    /// Empty is the end.
    fn next(&mut self, max: usize) -> Result<Vec<u8>>;
}

/// An object being written; dropping it publishes nothing.
pub trait Writer {
    /// Appends bytes.
    fn push(&mut self, chunk: &[u8]) -> Result<()>;
    /// Publishes the object, atomically.
    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo>;
}
