//! Merges the listings of source and target by key.

use super::endpoint::{Endpoint, Known, Listing};
use super::filter::Filter;
use super::report::CopyError;
use futures::stream::{BoxStream, try_unfold};
use futures::{StreamExt, TryStreamExt};
use std::cmp::Ordering;
use std::collections::HashMap;
use storage_store::Error;

/// A key relative to the prefixes, with what each side has; at least one has it.
pub(super) struct Pair {
    pub rest: String,
    pub source: Option<Known>,
    pub target: Option<Known>,
}

/// Every key of either side, once. If both sides list in order, neither listing is held
/// in memory; otherwise the target's is.
pub(super) fn merge_join(
    from: &Endpoint,
    to: &Endpoint,
    filter: &Filter,
) -> BoxStream<'static, Result<Pair, CopyError>> {
    let ordered = |side: &Endpoint| side.objects.capabilities().ordered;
    match ordered(from) && ordered(to) {
        true => merged(Head::new(from, filter), Head::new(to, filter)).boxed(),
        false => looked_up(from.listing(filter), to.listing(filter)).boxed(),
    }
}

/// An ordered listing and its next entry.
struct Head {
    side: Endpoint,
    listing: Listing,
    next: Option<(String, Known)>,
    done: bool,
}

impl Head {
    fn new(side: &Endpoint, filter: &Filter) -> Self {
        let listing = side.listing(filter);
        Self { side: side.clone(), listing, next: None, done: false }
    }

    /// Fetches the next entry, if there is one. `last` is the key that was returned
    /// last.
    async fn fill(&mut self, last: Option<&str>) -> Result<(), CopyError> {
        if self.done || self.next.is_some() {
            return Ok(());
        }
        self.next = self.listing.try_next().await?;
        self.done = self.next.is_none();
        // In a listing out of order, existing objects would look missing, and sync
        // could delete them.
        match (&self.next, last) {
            (Some((rest, _)), Some(last)) if rest.as_str() <= last => {
                let problem = format!(
                    "the store says that it lists in order, but gave {:?} after {:?}",
                    self.side.key(rest),
                    self.side.key(last),
                );
                Err(self.side.fault("list", Error::Other(problem)))
            }
            _ => Ok(()),
        }
    }
}

fn merged(
    source: Head,
    target: Head,
) -> impl futures::Stream<Item = Result<Pair, CopyError>> + Send {
    try_unfold((source, target, None::<String>), |(mut a, mut b, last)| async move {
        futures::future::try_join(a.fill(last.as_deref()), b.fill(last.as_deref())).await?;
        let order = match (&a.next, &b.next) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
        };
        let source = if order.is_le() { a.next.take() } else { None };
        let target = if order.is_ge() { b.next.take() } else { None };
        let rest = source.as_ref().or(target.as_ref()).map(|(rest, _)| rest.clone());
        let rest = rest.unwrap_or_default();
        let known = |side: Option<(String, Known)>| side.map(|(_, known)| known);
        let pair = Pair { rest: rest.clone(), source: known(source), target: known(target) };
        Ok(Some((pair, (a, b, Some(rest)))))
    })
}

fn looked_up(
    source: Listing,
    target: Listing,
) -> impl futures::Stream<Item = Result<Pair, CopyError>> + Send {
    futures::stream::once(async move {
        let there: HashMap<String, Known> = target.try_collect().await?;
        Ok::<_, CopyError>(try_unfold((source, there), |(mut source, mut there)| async move {
            if let Some((rest, known)) = source.try_next().await? {
                let target = there.remove(&rest);
                return Ok(Some((Pair { rest, source: Some(known), target }, (source, there))));
            }
            // The source has ended: the remaining keys exist in the target only.
            let Some(rest) = there.keys().next().cloned() else { return Ok(None) };
            let target = there.remove(&rest);
            Ok(Some((Pair { rest, source: None, target }, (source, there))))
        }))
    })
    .try_flatten()
}
