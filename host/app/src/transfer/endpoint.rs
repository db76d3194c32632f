//! One end of a transfer: a store and a prefix.

use super::filter::Filter;
use super::report::{Aborted, CopyError, Counts, Failure};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use storage_contract::skipped::printable;
use storage_store::checksum::crc64;
use storage_store::objects::{Objects, md5};
use storage_store::{Entry, Error, ObjectInfo, Skipped};

/// The source or target of a transfer: all keys of a store with a prefix, or one key
/// and everything below it.
#[derive(Clone)]
pub struct Endpoint {
    /// The store.
    pub objects: Objects,
    /// The prefix of the keys; empty for the whole store.
    pub prefix: String,
    /// Whether the prefix is a complete key or folder: `a` then means the object `a`
    /// and all below `a/`, but not `ab`.
    pub tree: bool,
}

/// The properties from a listing that a transfer needs.
#[derive(Default)]
pub(super) struct Known {
    pub size: Option<u64>,
    /// Set only if the etag is the MD5 of the bytes.
    pub md5: Option<String>,
    /// The CRC-64/NVME of the bytes, if the object's metadata has it.
    pub crc64: Option<String>,
}

impl Known {
    pub(super) fn of(info: &ObjectInfo) -> Self {
        let (md5, crc64) = (md5(info).map(str::to_owned), crc64(info).map(str::to_owned));
        Self { size: info.size, md5, crc64 }
    }
}

/// Objects by their keys relative to the prefix.
pub(super) type Listing = BoxStream<'static, Result<(String, Known), CopyError>>;

impl Endpoint {
    /// All objects whose keys begin with `prefix`.
    pub fn new(objects: Objects, prefix: &str) -> Self {
        Self { objects, prefix: prefix.to_owned(), tree: false }
    }

    /// The object at `key` and everything below `key/`. An empty key means the whole
    /// store.
    pub fn tree(objects: Objects, key: &str) -> Self {
        Self { objects, prefix: key.to_owned(), tree: !key.is_empty() }
    }

    /// Lists every object on this side.
    pub fn entries(&self) -> impl Stream<Item = Result<Entry, Error>> + Send + use<> {
        let own = self.tree.then_some((self.objects.clone(), self.prefix.clone()));
        let own = futures::stream::iter(own).then(|(objects, key)| async move {
            match objects.stat(&key).await {
                Ok(info) => Ok(Some(Entry { key, info })),
                // A store that rejects the key has no such object.
                Err(Error::NotFound | Error::InvalidKey(_)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let own = own.try_filter_map(|found| std::future::ready(Ok(found)));
        own.chain(self.objects.entries(&self.extent()))
    }

    /// The entries on this side that are not objects and that the filter includes, page
    /// by page, each with its name relative to the prefix.
    pub fn skipped(
        &self,
        filter: &Filter,
    ) -> impl Stream<Item = Result<Vec<(String, Skipped)>, Error>> + Send + use<> {
        let (side, filter) = (self.clone(), filter.clone());
        let prefix = printable(self.prefix.as_bytes());
        self.objects.skipped_pages(&self.extent()).map_ok(move |page| {
            let named = page.into_iter().map(|skipped| {
                let rest = skipped.entry.strip_prefix(&prefix).unwrap_or(&skipped.entry);
                (rest.to_owned(), skipped)
            });
            named.filter(|(rest, _)| filter.keeps(side.relative(rest))).collect()
        })
    }

    /// The prefix of all keys, except that of a tree's own object.
    fn extent(&self) -> String {
        if self.tree { format!("{}/", self.prefix) } else { self.prefix.clone() }
    }

    /// Whether the filter includes a key on this side.
    pub fn keeps(&self, filter: &Filter, key: &str) -> bool {
        filter.keeps(self.relative(key.strip_prefix(&self.prefix).unwrap_or(key)))
    }

    /// The key as filters see it: without the `/` after a tree's key, and empty for
    /// that key itself, whatever its name on either side.
    fn relative<'a>(&self, rest: &'a str) -> &'a str {
        if self.tree { rest.strip_prefix('/').unwrap_or(rest) } else { rest }
    }

    pub(super) fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Lists the objects that the filter includes, by relative key.
    pub(super) fn listing(&self, filter: &Filter) -> Listing {
        let (side, filter) = (self.clone(), filter.clone());
        let at = self.clone();
        self.entries()
            .map_err(move |cause| at.fault("list", cause))
            .try_filter_map(move |entry| {
                let rest = entry.key.strip_prefix(&side.prefix).map(str::to_owned);
                let found = rest.filter(|_| side.keeps(&filter, &entry.key));
                std::future::ready(Ok(found.map(|rest| (rest, Known::of(&entry.info)))))
            })
            .boxed()
    }

    pub(super) fn failure(&self, what: &'static str, key: &str, cause: Error) -> Failure {
        Failure { what, store: self.objects.name().to_owned(), key: key.to_owned(), cause }
    }

    pub(super) fn fault(&self, what: &'static str, cause: Error) -> CopyError {
        let (store, prefix) = (self.objects.name().to_owned(), self.prefix.clone());
        Box::new(Aborted { counts: Counts::default(), what, store, prefix, cause })
    }

    /// Refuses a target that is, contains or lies within the source: it would list and
    /// copy what it has written, without end, or replace objects before they are read.
    pub(super) fn check_disjoint(
        &self,
        to: &Endpoint,
        what: &'static str,
    ) -> Result<(), CopyError> {
        if !self.objects.overlaps(&self.extent(), &to.objects, &to.extent()) {
            return Ok(());
        }
        let (a, b) = (self.shown(), to.shown());
        Err(self.fault(what, Error::Unsupported(format!(
            "{a} and {b} are kept in one place, one inside the other; take prefixes of which none begins with the other"
        ))))
    }

    fn shown(&self) -> String {
        format!("{}:{}", self.objects.name(), self.prefix)
    }
}
