//! Makes one store hold what another holds.

use super::Control;
use super::carry::{Carrier, remove};
use super::each::{Finished, each};
use super::equal::equal;
use super::pairs::{Pair, pairs};
use super::report::{Aborted, Counts, Done, Event, Fault};
use super::side::{Known, Side};
use crate::store::Error;
use futures::{StreamExt, TryStreamExt};
use std::future::ready;

/// What to make equal.
#[derive(Clone)]
pub struct Sync {
    /// What to follow
    pub from: Side,
    /// and what to change.
    pub to: Side,
    /// A name that is there is enough: don't compare what is under it.
    pub names_only: bool,
    /// Delete what the source does not have.
    pub delete: bool,
    /// Change nothing when more than this many would be deleted.
    pub max_delete: Option<u64>,
}

impl Sync {
    /// Copies what is missing or different, deletes nothing.
    pub fn new(from: Side, to: Side) -> Self {
        Self { from, to, names_only: false, delete: false, max_delete: None }
    }
}

/// Syncs. Keys that failed are counted; the error is that of a listing, says
/// that the sides overlap, or that deleting is refused.
///
/// Nothing is deleted before both listings were read to their ends and
/// everything else went well; nothing at all when the source is empty.
pub async fn sync(what: &Sync, control: &Control) -> Result<Counts, Box<Aborted>> {
    what.from.apart(&what.to, "sync")?;
    let mut counts = Counts::default();
    if what.delete && what.max_delete.is_some() {
        counts.stopped = !survey(what, control).await?;
        if counts.stopped {
            return Ok(counts);
        }
    }
    let (mut surplus, mut seen) = (Vec::new(), false);
    let carrier = Carrier::new(&what.from, &what.to, control);
    let found = pairs(&what.from, &what.to, &control.filter).try_filter_map(|pair| {
        let Pair { rest, source, target } = pair;
        let found = match source {
            Some(source) => {
                seen = true;
                (control.watch)(Event::Found(source.size));
                Some((rest, source, target))
            }
            None => {
                // Names only, and only when they are needed.
                if what.delete {
                    surplus.push(rest);
                }
                None
            }
        };
        ready(Ok(found))
    });
    let names_only = what.names_only;
    each(control, &mut counts, found, |(rest, source, target)| {
        update(carrier.clone(), rest, source, target, names_only)
    })
    .await?;
    if surplus.is_empty() || counts.stopped {
        return Ok(counts);
    }
    if !counts.complete() {
        let text = format!(
            "nothing was deleted, since not everything was copied; {} would have been",
            surplus.len()
        );
        (control.watch)(Event::Warning(&text));
        return Ok(counts);
    }
    if let Err(mut fault) = sane(what, seen, surplus.len() as u64) {
        fault.counts = counts;
        return Err(fault);
    }
    let doomed = futures::stream::iter(surplus.into_iter().map(Ok))
        .inspect_ok(|_| (control.watch)(Event::Found(None)));
    each(control, &mut counts, doomed, |rest: String| {
        remove(what.to.clone(), what.to.key(&rest), None, control.dry_run)
    })
    .await?;
    Ok(counts)
}

/// Counts what would be deleted before anything is changed; `false` when
/// asked to stop.
async fn survey(what: &Sync, control: &Control) -> Result<bool, Fault> {
    let mut pairs = pairs(&what.from, &what.to, &control.filter);
    let (mut surplus, mut seen) = (0, false);
    loop {
        let pair = tokio::select! {
            biased;
            () = control.stop.asked() => return Ok(false),
            pair = pairs.next() => pair.transpose()?,
        };
        match pair {
            None => return sane(what, seen, surplus).map(|()| true),
            Some(Pair { source: Some(_), .. }) => seen = true,
            Some(_) => surplus += 1,
        }
    }
}

/// Refuses to delete what a mistake would delete.
fn sane(what: &Sync, seen: bool, surplus: u64) -> Result<(), Fault> {
    let problem = match what.max_delete {
        _ if surplus == 0 => return Ok(()),
        _ if !seen => format!(
            "the source is empty, so all {surplus} objects of the target would be deleted; `clear` does that"
        ),
        Some(most) if surplus > most => format!(
            "{surplus} objects would be deleted, more than the {most} that are allowed; nothing was deleted"
        ),
        _ => return Ok(()),
    };
    Err(what.from.fault("sync from", Error::LimitExceeded(problem)))
}

async fn update(
    carrier: Carrier,
    rest: String,
    source: Known,
    target: Option<Known>,
    names_only: bool,
) -> Finished {
    if let Some(target) = target {
        let same = match names_only {
            true => Ok(true),
            false => equal(&carrier.from, &source, &carrier.to, &target, &rest).await,
        };
        let result = match same {
            Ok(false) => None,
            Ok(true) => Some(Ok(Done::Skipped)),
            Err(failure) => Some(Err(failure)),
        };
        if let Some(result) = result {
            return Finished { key: carrier.from.key(&rest), size: source.size, result };
        }
    }
    carrier.one(rest, source, true, false).await
}
