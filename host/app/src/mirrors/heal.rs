//! Makes the children of a mirror equal again: for the keys on record or, with `full`,
//! for every key that any child lists.

use super::liveness::Liveness;
use super::merge_listing::merge_listing;
use super::mirror::{CONCURRENCY, Mirror};
use super::repair::{Repaired, Repairing, all_equal};
use super::report::{ChildCounts, Event, Report, Watcher};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, HashSet};
use storage_core::decorators::mirroring::Missed;
use storage_core::decorators::mirroring::record::bucket_of;
use storage_store::Result;

/// Options for healing.
#[derive(Clone)]
pub struct Heal {
    /// Compare complete listings, too.
    pub full: bool,
    /// Change nothing; only report what would be done.
    pub dry_run: bool,
    /// Receives an event for everything that happens.
    pub watch: Watcher,
}

/// Heals one mirror. A key that can't be healed is counted and stays on record. Returns
/// an error only if the journal or a listing fails.
///
/// May be interrupted at any time and run again: a key stays on record until its
/// children are equal.
pub async fn heal(mirror: &Mirror, what: &Heal) -> Result<Report> {
    let liveness = Liveness::new(mirror.children.len());
    let (dry_run, full) = (what.dry_run, what.full);
    let how = Repairing { dry_run, full, watch: what.watch.clone() };
    let name = |child: &storage_store::Objects| ChildCounts {
        name: child.name().to_owned(),
        ..ChildCounts::default()
    };
    let mut report =
        Report { children: mirror.children.iter().map(name).collect(), ..Report::default() };
    let mut together: BTreeMap<u32, Missed> = BTreeMap::new();
    // Keys that stay on record; don't look at them twice.
    let mut unhealed = HashSet::new();
    for (number, bucket) in mirror.journal.all().await? {
        if !bucket.every.is_clean() {
            together.insert(number, bucket.every);
        }
        let keys = futures::stream::iter(bucket.keys.into_keys().map(Ok));
        each(mirror, keys.boxed(), &liveness, &how, &mut report, |key, repaired| {
            if dry_run || !repaired.left.is_empty() {
                unhealed.insert(key.to_owned());
            }
        })
        .await?;
        if !what.dry_run {
            mirror.journal.tidy(number).await?;
        }
    }
    if !what.full && together.is_empty() {
        welcome(mirror, &liveness, &report);
        return Ok(report);
    }
    // Keys recorded only by their bucket and, with `full`, all other keys come from the
    // listings.
    let keeps =
        |child: usize| mirror.children.get(child).is_some_and(|c| c.capabilities().metadata);
    let buckets: Vec<u32> = together.keys().copied().collect();
    let mut equal = 0_u64;
    let keys = merge_listing(mirror)?.try_filter_map(|(key, row)| {
        let recorded = buckets.contains(&bucket_of(&key));
        let failed = unhealed.contains(&key);
        let skip = failed || (!recorded && (!full || all_equal(&row, keeps)));
        equal += u64::from(skip && full && !failed);
        std::future::ready(Ok((!skip).then_some(key)))
    });
    let mut unhealed_buckets: HashSet<u32> = unhealed.iter().map(|key| bucket_of(key)).collect();
    each(mirror, keys.boxed(), &liveness, &how, &mut report, |key, repaired| {
        if !repaired.left.is_empty() {
            unhealed_buckets.insert(bucket_of(key));
        }
    })
    .await?;
    report.keys += equal;
    if !what.dry_run {
        for (number, every) in together {
            if !unhealed_buckets.contains(&number)
                && !mirror.journal.settle_every(number, &every).await?
            {
                report.left += 1;
                let why = "the record of it was changed by others meanwhile: heal again";
                let key = format!("the keys recorded together in {number:02x}");
                (what.watch)(Event::Left { child: None, key: &key, why });
            }
        }
    }
    welcome(mirror, &liveness, &report);
    Ok(report)
}

/// Includes children again that answered and took all that they missed.
fn welcome(mirror: &Mirror, liveness: &Liveness, report: &Report) {
    for (index, child) in report.children.iter().enumerate() {
        if liveness.has_answered(index) && child.left == 0 {
            mirror.answers(&child.name);
        }
    }
}

/// Heals keys, many at a time.
async fn each(
    mirror: &Mirror,
    keys: BoxStream<'_, Result<String>>,
    liveness: &Liveness,
    how: &Repairing,
    report: &mut Report,
    mut done: impl FnMut(&str, &Repaired),
) -> Result<()> {
    let mut repaired = keys
        .map_ok(|key| async move {
            let repaired = mirror.repair(&key, liveness, how).await?;
            Ok((key, repaired))
        })
        .try_buffer_unordered(CONCURRENCY);
    while let Some((key, repaired)) = repaired.try_next().await? {
        done(&key, &repaired);
        report.add(&repaired);
        (how.watch)(Event::Done);
    }
    Ok(())
}

impl Report {
    fn add(&mut self, repaired: &Repaired) {
        self.keys += 1;
        self.left += u64::from(!repaired.left.is_empty());
        for (child, bytes) in &repaired.copied {
            if let Some(counts) = self.children.get_mut(*child) {
                counts.copied += 1;
                counts.bytes = counts.bytes.saturating_add(*bytes);
            }
        }
        for child in &repaired.removed {
            if let Some(counts) = self.children.get_mut(*child) {
                counts.removed += 1;
            }
        }
        for left in &repaired.left {
            for (child, counts) in self.children.iter_mut().enumerate() {
                counts.left += u64::from(left.child.is_none_or(|only| only == child));
            }
        }
    }
}
