//! One side of a transfer.

use super::Filter;
use super::report::{Aborted, Counts, Failure, Fault};
use crate::objects::{Objects, md5};
use crate::store::{Error, ObjectInfo};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

/// Everything below a prefix of a store.
#[derive(Clone)]
pub struct Side {
    /// The store.
    pub objects: Objects,
    /// What the keys begin with; empty for the whole store.
    pub prefix: String,
}

/// What a listing tells of an object, as far as a transfer needs it.
pub(super) struct Known {
    pub size: Option<u64>,
    /// Only where it says something of the bytes.
    pub md5: Option<String>,
}

impl Known {
    fn of(info: &ObjectInfo) -> Self {
        Self { size: info.size, md5: md5(info).map(str::to_owned) }
    }
}

/// Objects by the rest of their keys.
pub(super) type Listing = BoxStream<'static, Result<(String, Known), Fault>>;

impl Side {
    /// Everything of `objects` whose key begins with `prefix`.
    pub fn new(objects: Objects, prefix: &str) -> Self {
        Self { objects, prefix: prefix.to_owned() }
    }

    pub(super) fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// What there is, without what the filter leaves out.
    pub(super) fn listing(&self, filter: &Filter) -> Listing {
        let (side, filter) = (self.clone(), filter.clone());
        let at = self.clone();
        self.objects
            .entries(&self.prefix)
            .map_err(move |cause| at.fault("list", cause))
            .try_filter_map(move |entry| {
                let rest = entry.key.strip_prefix(&side.prefix).map(str::to_owned);
                let found = rest.filter(|rest| filter.keeps(rest));
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
        if !self.objects.overlaps(&self.prefix, &to.objects, &to.prefix) {
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
