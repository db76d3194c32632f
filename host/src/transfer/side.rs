//! One side of a transfer.

use super::Filter;
use super::report::{Aborted, Counts, Failure, Fault};
use crate::objects::{Objects, md5};
use crate::store::{Entry, Error, ObjectInfo, Skipped};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use storage_core::skipped::printable;

/// What a transfer reads or writes: all keys of a store that begin with a
/// prefix, or one key and what lies below it.
#[derive(Clone)]
pub struct Side {
    /// The store.
    pub objects: Objects,
    /// What the keys begin with; empty for the whole store.
    pub prefix: String,
    /// Whether the prefix ends where a segment of the key does: with `a`, the
    /// object `a` and all below `a/`, and not `ab`.
    pub tree: bool,
}

/// What a listing tells of an object, as far as a transfer needs it.
#[derive(Default)]
pub(super) struct Known {
    pub size: Option<u64>,
    /// Only where it says something of the bytes.
    pub md5: Option<String>,
}

impl Known {
    pub(super) fn of(info: &ObjectInfo) -> Self {
        Self { size: info.size, md5: md5(info).map(str::to_owned) }
    }
}

/// Objects by the rest of their keys.
pub(super) type Listing = BoxStream<'static, Result<(String, Known), Fault>>;

impl Side {
    /// Everything of `objects` whose key begins with `prefix`.
    pub fn new(objects: Objects, prefix: &str) -> Self {
        Self { objects, prefix: prefix.to_owned(), tree: false }
    }

    /// The object of `objects` whose key is `key`, and everything below `key/`.
    pub fn tree(objects: Objects, key: &str) -> Self {
        // Below nothing is everything.
        Self { objects, prefix: key.to_owned(), tree: !key.is_empty() }
    }

    /// Every object of this side, with what a listing tells of it.
    pub fn entries(&self) -> impl Stream<Item = Result<Entry, Error>> + Send + use<> {
        let own = self.tree.then_some((self.objects.clone(), self.prefix.clone()));
        let own = futures::stream::iter(own).then(|(objects, key)| async move {
            match objects.stat(&key).await {
                Ok(info) => Ok(Some(Entry { key, info })),
                // A store that takes no such key has no such object.
                Err(Error::NotFound | Error::InvalidKey(_)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let own = own.try_filter_map(|found| std::future::ready(Ok(found)));
        own.chain(self.objects.entries(&self.extent()))
    }

    /// What the store holds in this side that is no object, without what the
    /// filter leaves out, in parts as they come: of each what of its name
    /// follows the prefix, too.
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

    /// What all keys begin with, but for that of a tree's own object.
    fn extent(&self) -> String {
        if self.tree { format!("{}/", self.prefix) } else { self.prefix.clone() }
    }

    /// Whether the filter leaves a key of this side in.
    pub fn keeps(&self, filter: &Filter, key: &str) -> bool {
        filter.keeps(self.relative(key.strip_prefix(&self.prefix).unwrap_or(key)))
    }

    /// What filters see of a key: without the `/` behind the key of a tree,
    /// and nothing of that key itself, whatever its name is on either side.
    fn relative<'a>(&self, rest: &'a str) -> &'a str {
        if self.tree { rest.strip_prefix('/').unwrap_or(rest) } else { rest }
    }

    pub(super) fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// What there is, without what the filter leaves out.
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

    pub(super) fn fault(&self, what: &'static str, cause: Error) -> Fault {
        let (store, prefix) = (self.objects.name().to_owned(), self.prefix.clone());
        Box::new(Aborted { counts: Counts::default(), what, store, prefix, cause })
    }

    /// Refuses a target that is the source, or lies in it, or holds it: what
    /// is written would be listed and copied again, without end, or would
    /// replace what is still to be read.
    pub(super) fn apart(&self, to: &Side, what: &'static str) -> Result<(), Fault> {
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
