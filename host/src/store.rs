//! The async traits behind which every store of the host stands: native
//! backends, chains in the sandbox, plug-ins. They mirror the interface
//! `storage:object-store/object-store`, which documents their contract.
//!
//! Implement these for a backend. To *use* a store, take [`crate::Objects`],
//! which adds what every store would otherwise have to repeat.

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
pub use storage_core::paging::Paging;
pub use storage_core::types::{
    ByteRange, Capabilities, DeleteOptions, Entry, Error, ListOptions, MAX_INLINE_BYTES, Metadata,
    ObjectInfo, PAGE_LIMIT, Page, PutOptions, ReadOptions, Result, Skipped, Trailer, check_key,
    check_write, key_too_long,
};

/// A store as the host holds it.
pub type SharedStore = Arc<dyn ObjectStore>;

/// Makes a change under preconditions where the store acts on them. A store
/// may learn only by the first such change that it can't (see
/// [`ObjectStore::capabilities`]); then the change is made without.
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
/// No method has a default: a wrapper that forgot one would be bypassed.
/// Dropping a returned future cancels the operation: it either happened
/// whole or not at all.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// What this store can do. Constant, but that `conditional` may go once
    /// where a server has to be asked for it: with the first change that needed
    /// it, which is `Unsupported`.
    fn capabilities(&self) -> Capabilities;
    /// The whole object (or the range) at once; above [`MAX_INLINE_BYTES`] it
    /// may be `LimitExceeded`.
    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)>;
    /// Writes a whole object, atomically.
    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo>;
    /// Whether there is an object under the key.
    async fn exists(&self, key: &str) -> Result<bool>;
    /// Removes the object; `NotFound` when there is none.
    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()>;
    /// What is known of the object.
    async fn stat(&self, key: &str) -> Result<ObjectInfo>;
    /// A part of the listing.
    async fn list(&self, options: ListOptions) -> Result<Page>;
    /// Opens the object for streaming.
    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>>;
    /// Starts a streamed write.
    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>>;
    /// Writes to `to` the bytes of the object `from` that has this etag,
    /// atomically, as [`put`](Self::put) would, without their coming here. What is kept with
    /// the new object is what `options` say, nothing of the old one's.
    ///
    /// `None`: nothing was done. The store can't do that with this object, or
    /// the object is another one by now; whoever wants it reads and writes.
    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>>;
    /// The store where this one has its objects exactly as they are, but for
    /// their keys, and the key there. `None`: here.
    fn beneath(&self, key: &str) -> Result<Option<(SharedStore, String)>>;
    /// Makes everything durable and lets go of files and connections. Called
    /// once, at the end; later calls of other methods may fail.
    async fn close(&self) -> Result<()>;
}

/// The bytes of one object or range, in order.
#[async_trait]
pub trait Reader: Send {
    /// What is known of the whole object.
    fn info(&self) -> &ObjectInfo;
    /// The next bytes, at least one and at most `max` (which is at least 1).
    /// Empty is the end.
    async fn next(&mut self, max: usize) -> Result<Bytes>;
}

/// An object being written; dropping it publishes nothing and leaves nothing.
#[async_trait]
pub trait Writer: Send {
    /// Appends bytes.
    async fn push(&mut self, chunk: Bytes) -> Result<()>;
    /// Publishes the object, atomically.
    async fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo>;
}
