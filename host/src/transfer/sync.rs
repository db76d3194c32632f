//! Makes one store hold what another holds.

use super::Control;
use super::carry::{Carrier, remove};
use super::each::{Finished, each};
use super::equal::equal;
use super::keys::{KeyList, named};
use super::left_out;
use super::pairs::{Pair, pairs};
use super::report::{Aborted, Counts, Done, Event, Fault};
use super::side::{Known, Side};
use crate::store::Error;
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::future::ready;
use storage_core::skipped::plain;

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
    // An object of the very name says nothing of what should lie below it.
    let (mut surplus, mut seen) = (Vec::new(), false);
    let carrier = Carrier::new(&what.from, &what.to, control);
    let found = pairs(&what.from, &what.to, &control.filter).try_filter_map(|pair| {
        let Pair { rest, source, target } = pair;
        let found = match source {
            Some(source) => {
                seen |= !rest.is_empty();
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
    if counts.stopped {
        return Ok(counts);
    }
    // What has the name of something that the source holds is no surplus.
    let mut surplus: BTreeSet<String> = surplus.into_iter().collect();
    left_out::tell(&what.from, control, &mut counts, |name| spare(&mut surplus, name)).await?;
    if surplus.is_empty() || counts.stopped {
        return Ok(counts);
    }
    if counts.left_out > 0 && !control.allow_left_out {
        let text = format!(
            "nothing was deleted, since the source holds entries that are no objects there; {} \
             would have been",
            surplus.len()
        );
        (control.watch)(Event::Warning(&text));
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

/// Takes out of what is to be deleted whatever has this name, or lies below it.
fn spare(surplus: &mut BTreeSet<String>, entry: &str) {
    let Some(name) = plain(entry) else { return };
    surplus.remove(&name);
    let folder = format!("{name}/");
    let below = |key: &&String| key.starts_with(&folder);
    let below: Vec<_> = surplus.range(folder.clone()..).take_while(below).cloned().collect();
    for key in below {
        surplus.remove(&key);
    }
}

/// As [`sync`], of the objects that are named: each key is what follows the
/// prefix. One that the source does not have counts as failed; nothing can be
/// deleted, since what is not named may well be there.
pub async fn sync_keys(
    what: &Sync,
    keys: impl KeyList,
    control: &Control,
) -> Result<Counts, Box<Aborted>> {
    what.from.apart(&what.to, "sync")?;
    if what.delete {
        let problem = "a list of keys does not tell what the source lacks, so nothing can be \
            deleted by it; leave out `delete`";
        return Err(what.from.fault("sync from", Error::Unsupported(problem.to_owned())));
    }
    let mut counts = Counts::default();
    let carrier = Carrier::new(&what.from, &what.to, control);
    let names_only = what.names_only;
    each(control, &mut counts, named(&what.from, keys, control), |key| {
        let carrier = carrier.clone();
        async move {
            match key {
                Ok(rest) => update_named(carrier, rest, names_only).await,
                Err(failure) => Finished::failed(failure),
            }
        }
    })
    .await?;
    Ok(counts)
}

async fn update_named(carrier: Carrier, rest: String, names_only: bool) -> Finished {
    let (key, target) = (carrier.from.key(&rest), carrier.to.key(&rest));
    let source = match carrier.from.objects.stat(&key).await {
        Ok(info) => Known::of(&info),
        Err(cause) => return Finished::failed(carrier.from.failure("read", &key, cause)),
    };
    let target = match carrier.to.objects.stat(&target).await {
        Ok(info) => Some(Known::of(&info)),
        Err(Error::NotFound) => None,
        Err(cause) => return Finished::failed(carrier.to.failure("compare", &target, cause)),
    };
    update(carrier, rest, source, target, names_only).await
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
            Some(Pair { source: Some(_), rest, .. }) => seen |= !rest.is_empty(),
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
