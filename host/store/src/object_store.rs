//! The async traits that every store implements.
//!
//! Stores are native backends, sandboxed chains and plug-ins. The traits mirror
//! the interface `storage:object-store/object-store`, which documents their
//! contract.
//!
//! Implement them for a backend. To *use* a store, take [`Objects`](crate::Objects),
//! which adds what every store would otherwise repeat.

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
pub use storage_contract::paging::Paging;
pub use storage_contract::types::{
    Access, ByteRange, Capabilities, DeleteOptions, Entry, Error, ListOptions, MAX_INLINE_BYTES,
    Metadata, ObjectInfo, PAGE_LIMIT, Page, PutOptions, ReadOptions, Result, Skipped, Trailer,
    check_key, check_write, key_too_long,
};

/// A shared store.
pub type SharedStore = Arc<dyn ObjectStore>;

/// Makes a change with its preconditions if the store supports them. A store
/// may discover only at the first such change that it doesn't (see
/// [`ObjectStore::capabilities`]); then this retries without them.
pub async fn conditionally<T, F: Future<Output = Result<T>>>(
    capabilities: impl Fn() -> Capabilities,
    change: impl Fn(bool) -> F,
) -> Result<T> {
    let claimed = capabilities().conditional;
    match change(claimed).await {
        Err(Error::Unsupported(_)) if claimed && !capabilities().conditional => change(false).await,
        changed => changed,
    }
}

/// An object store.
///
/// No method but [`join`](Self::join) has a default: a wrapper that forgot one would be
/// bypassed.
/// Dropping a returned future cancels the operation, which then has happened
/// completely or not at all.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// What this store can do. Constant, except for `conditional` if only the
    /// server knows: it may be withdrawn after a change that needed it, which
    /// fails with `Unsupported`, and come back when the server was asked again.
    fn capabilities(&self) -> Capabilities;
    /// Reads a whole object or range in one call; may fail with `LimitExceeded`
    /// above [`MAX_INLINE_BYTES`].
    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)>;
    /// Writes a whole object atomically.
    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo>;
    /// Whether the object exists.
    async fn exists(&self, key: &str) -> Result<bool>;
    /// Deletes the object; `NotFound` if there is none.
    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()>;
    /// The object's metadata.
    async fn stat(&self, key: &str) -> Result<ObjectInfo>;
    /// A page of the listing.
    async fn list(&self, options: ListOptions) -> Result<Page>;
    /// Opens the object for streaming.
    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>>;
    /// Starts a streamed write.
    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>>;
    /// Copies the object `from`, if it still has this etag, to `to`, atomically
    /// like [`put`](Self::put), without transferring its bytes here. The copy's
    /// metadata is that of `options`, not that of the source.
    ///
    /// Returns `None`, with nothing done, if the store can't copy this object
    /// or the object has changed. The caller then reads and writes.
    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>>;
    /// Starts a write of `to` that has the bytes of objects of this store, one after
    /// another, without transferring them here. `parts` are keys with their etags. The
    /// write is finished with an empty trailer: `options` has the etag and all metadata.
    ///
    /// Returns `None`, with nothing done, if the store can't join these objects or one has
    /// changed. The caller then reads and writes, as it does if finishing is
    /// `Unsupported`.
    async fn join(
        &self,
        _parts: &[(String, String)],
        _to: &str,
        _options: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        Ok(None)
    }
    /// The store and key where an operation of this access may be done instead,
    /// with exactly the same result; `None` if that is this store. An error is
    /// the one that the operation would give.
    ///
    /// Operations with options that this store doesn't offer (a range; for
    /// changes, preconditions) are done here, whatever this answers.
    async fn locate(&self, key: &str, access: Access) -> Result<Option<(SharedStore, String)>>;
    /// Makes everything durable and releases files and connections. Called
    /// once, at the end; later calls of other methods may fail.
    async fn close(&self) -> Result<()>;
}

/// The bytes of one object or range, in order.
#[async_trait]
pub trait Reader: Send {
    /// The metadata of the whole object.
    fn info(&self) -> &ObjectInfo;
    /// The next bytes, at least one and at most `max` (which is at least 1).
    /// Empty at the end.
    async fn next(&mut self, max: usize) -> Result<Bytes>;
}

/// An object being written. Dropping it publishes nothing and leaves nothing.
#[async_trait]
pub trait Writer: Send {
    /// Appends bytes.
    async fn push(&mut self, chunk: Bytes) -> Result<()>;
    /// Publishes the object atomically.
    async fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo>;
}
