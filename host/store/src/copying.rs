//! Copies that a backend makes, without the bytes coming here.

use crate::object_store::{
    Access, Error, ObjectInfo, PutOptions, Result, SharedStore, Trailer, Writer, check_key,
};
use std::sync::Arc;

/// A copy of one object, or of several one after another, that one backend can make, since
/// it holds the sources and takes the target.
pub struct LocatedCopy {
    backend: SharedStore,
    sources: Vec<String>,
    target: String,
    /// The target's key in the store that the caller named.
    key: String,
    /// Whether every store on the way to the target offers preconditions.
    conditional: bool,
}

impl LocatedCopy {
    /// Finds the backend that holds `keys` of `from` and takes `target` of `to`. `None` if
    /// they are not in one, or if that can't be told: reading and writing then says why.
    pub(crate) async fn find(
        from: &SharedStore,
        keys: &[&str],
        to: &SharedStore,
        target: &str,
    ) -> Option<Self> {
        check_key(target).ok()?;
        let located = locate_fully(to, target, Access::Write).await.ok()?;
        let (backend, there, conditional) = located;
        let mut sources = Vec::with_capacity(keys.len());
        for key in keys {
            check_key(key).ok()?;
            let (here, source, _) = locate_fully(from, key, Access::Read).await.ok()?;
            if !Arc::ptr_eq(&here, &backend) {
                return None;
            }
            sources.push(source);
        }
        let key = target.to_owned();
        Some(Self { backend, sources, target: there, key, conditional })
    }

    /// Copies the object that `info` describes; `options` has the metadata and etag of
    /// the copy.
    ///
    /// Returns `None`, with nothing done, if the backend can't copy the object or the
    /// object has changed. The caller then reads and writes.
    pub async fn copy(&self, info: &ObjectInfo, options: PutOptions) -> Result<Option<ObjectInfo>> {
        let (Some(etag), [source]) = (&info.etag, self.sources.as_slice()) else { return Ok(None) };
        if !self.may_copy(&options)? {
            return Ok(None);
        }
        self.told(self.backend.copy(source, etag, &self.target, options).await)
    }

    /// Starts a write of one object that has the bytes of all sources, which have these
    /// etags; otherwise like [`copy`](Self::copy).
    pub async fn join(&self, etags: &[&str], options: PutOptions) -> Result<Option<Joined>> {
        if etags.len() != self.sources.len() || !self.may_copy(&options)? {
            return Ok(None);
        }
        let etags = etags.iter().map(|etag| (*etag).to_owned());
        let parts: Vec<(String, String)> = self.sources.iter().cloned().zip(etags).collect();
        let writer = self.told(self.backend.join(&parts, &self.target, options).await)?;
        let (key, target) = (self.key.clone(), self.target.clone());
        Ok(writer.map(|writer| Joined { writer, key, target }))
    }

    /// Whether every store on the way offers what the options ask for.
    fn may_copy(&self, options: &PutOptions) -> Result<bool> {
        check_put(&self.target, options)?;
        Ok(self.conditional || !(options.if_absent || options.if_match.is_some()))
    }

    fn told<T>(&self, copied: Result<T>) -> Result<T> {
        copied.map_err(|error| error.with_key(&self.key, &self.target))
    }
}

/// An object that has its bytes and is not published yet. Dropping it leaves nothing.
pub struct Joined {
    writer: Box<dyn Writer>,
    key: String,
    target: String,
}

impl Joined {
    /// Publishes the object. `Unsupported`, with nothing done, if the backend finds only
    /// now that it can't join the sources.
    pub async fn finish(self) -> Result<ObjectInfo> {
        let finished = self.writer.finish(Trailer::default()).await;
        finished.map_err(|error| error.with_key(&self.key, &self.target))
    }
}

/// Follows locations to the last store that has one, and the key there. Also tells whether
/// all stores on the way offer preconditions.
async fn locate_fully(
    store: &SharedStore,
    key: &str,
    access: Access,
) -> Result<(SharedStore, String, bool)> {
    let (mut store, mut key, mut conditional) = (store.clone(), key.to_owned(), true);
    while let Some((next, there)) = store.locate(&key, access).await? {
        conditional &= store.capabilities().conditional;
        (store, key) = (next, there);
    }
    Ok((store, key, conditional))
}

/// Refuses what no caller may give an object: an invalid key, and metadata of the stores'
/// own.
pub(crate) fn check_put(key: &str, options: &PutOptions) -> Result<()> {
    check_key(key)?;
    let reserved = storage_contract::RESERVED_METADATA;
    match options.metadata.iter().find(|(name, _)| name.starts_with(reserved)) {
        Some((name, _)) => Err(Error::InvalidData(format!(
            "the metadata name {name:?} is reserved: names that begin with {reserved:?} are the stores' own"
        ))),
        None => Ok(()),
    }
}
