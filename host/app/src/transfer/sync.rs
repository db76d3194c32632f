//! Makes the target hold what the source holds.

use super::carry::{Carrier, remove};
use super::control::Control;
use super::endpoint::{Endpoint, Known};
use super::equal::equal;
use super::executor::{Finished, execute};
use super::keys::{KeyList, named};
use super::left_out;
use super::merge_join::{Pair, merge_join};
use super::report::{Aborted, CopyError, Counts, Done, Event};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use std::future::ready;
use storage_contract::skipped::plain;
use storage_store::Error;

/// What to sync.
#[derive(Clone)]
pub struct Sync {
    /// The source.
    pub from: Endpoint,
    /// The target.
    pub to: Endpoint,
    /// Skip keys that exist in the target, without comparing them.
    pub names_only: bool,
    /// Delete keys that the source does not have.
    pub delete: bool,
    /// Change nothing if more keys than this would be deleted.
    pub max_delete: Option<u64>,
}

impl Sync {
    /// Copies missing and different objects, and deletes nothing.
    pub fn new(from: Endpoint, to: Endpoint) -> Self {
        Self { from, to, names_only: false, delete: false, max_delete: None }
    }
}

/// Syncs. Failed keys are counted. Returns an error if a listing fails, the sides
/// overlap, or the deletion is refused.
///
/// Deletes only after both listings were read to their ends and everything was copied,
/// and never if the source is empty.
pub async fn sync(what: &Sync, control: &Control) -> Result<Counts, Box<Aborted>> {
    what.from.check_disjoint(&what.to, "sync")?;
    let mut counts = Counts::default();
    if what.delete && what.max_delete.is_some() {
        counts.stopped = !survey(what, control).await?;
        if counts.stopped {
            return Ok(counts);
        }
    }
    // A tree's own object says nothing about the keys below it.
    let (mut surplus, mut seen) = (Vec::new(), false);
    let carrier = Carrier::new(&what.from, &what.to, control);
    let found = merge_join(&what.from, &what.to, &control.filter).try_filter_map(|pair| {
        let Pair { rest, source, target } = pair;
        let found = match source {
            Some(source) => {
                seen |= !rest.is_empty();
                (control.watch)(Event::Found(source.size));
                Some((rest, source, target))
            }
            None => {
                // Store keys only, and only if needed.
                if what.delete {
                    surplus.push(rest);
                }
                None
            }
        };
        ready(Ok(found))
    });
    let names_only = what.names_only;
    execute(control, &mut counts, found, |(rest, source, target)| {
        update(carrier.clone(), rest, source, target, names_only)
    })
    .await?;
    if counts.stopped {
        return Ok(counts);
    }
    // Spare keys with the name of a source entry that is not an object.
    let mut surplus: BTreeSet<String> = surplus.into_iter().collect();
    left_out::tell(&what.from, control, &mut counts, |name| spare(&mut surplus, name)).await?;
    if surplus.is_empty() || counts.stopped {
        return Ok(counts);
    }
    if counts.left_out > 0 && !control.allow_left_out {
        let text = format!(
            "nothing was deleted, since the source holds entries that are not objects there; {} \
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
    execute(control, &mut counts, doomed, |rest: String| {
        remove(what.to.clone(), what.to.key(&rest), None, control.dry_run)
    })
    .await?;
    Ok(counts)
}

/// Removes from `surplus` the key with this name, and all keys below it.
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

/// Like [`sync`], for the given keys, which are relative to the prefix. A key that the
/// source does not have counts as failed. Deletes nothing, since other keys may exist
/// in the source.
pub async fn sync_keys(
    what: &Sync,
    keys: impl KeyList,
    control: &Control,
) -> Result<Counts, Box<Aborted>> {
    what.from.check_disjoint(&what.to, "sync")?;
    if what.delete {
        let problem = "a list of keys does not tell what the source lacks, so nothing can be \
            deleted by it; leave out `delete`";
        return Err(what.from.fault("sync from", Error::Unsupported(problem.to_owned())));
    }
    let mut counts = Counts::default();
    let carrier = Carrier::new(&what.from, &what.to, control);
    let names_only = what.names_only;
    execute(control, &mut counts, named(&what.from, keys, control), |key| {
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

/// Counts the keys to delete before anything changes. Returns `false` if stopped.
async fn survey(what: &Sync, control: &Control) -> Result<bool, CopyError> {
    let mut pairs = merge_join(&what.from, &what.to, &control.filter);
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

/// Refuses deletions that are probably a mistake.
fn sane(what: &Sync, seen: bool, surplus: u64) -> Result<(), CopyError> {
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
