//! Makes the children of a mirror equal again: for all keys on record, or with
//! `full` for all that any of them lists.

use super::mend::{Mended, Mending, all_equal};
use super::report::{ChildCounts, Event, Report, Watcher};
use super::union::union;
use super::{Alive, CONCURRENCY, Mirror};
use crate::store::Result;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, HashSet};
use storage_core::decorators::mirroring::Missed;
use storage_core::decorators::mirroring::record::bucket_of;

/// What to heal, and how.
#[derive(Clone)]
pub struct Heal {
    /// Compare complete listings, too.
    pub full: bool,
    /// Change nothing; only tell what would be done.
    pub dry_run: bool,
    /// Hears of everything.
    pub watch: Watcher,
}

/// Heals one mirror. A key that can't be healed is counted and stays on
/// record; the error is that of the journal, or of a listing.
///
/// It may be ended at any moment and run again: a key is taken off the record
/// when its children are equal.
pub async fn heal(mirror: &Mirror, what: &Heal) -> Result<Report> {
    let alive = Alive::new(mirror);
    let (dry_run, full) = (what.dry_run, what.full);
    let how = Mending { dry_run, full, watch: what.watch.clone() };
    let name = |child: &crate::Objects| ChildCounts {
        name: child.name().to_owned(),
        ..ChildCounts::default()
    };
    let mut report =
        Report { children: mirror.children.iter().map(name).collect(), ..Report::default() };
    let mut together: BTreeMap<u32, Missed> = BTreeMap::new();
    // They stay on record, and are not looked at twice.
    let mut unhealed = HashSet::new();
    for (number, bucket) in mirror.book.all().await? {
        if !bucket.every.is_clean() {
            together.insert(number, bucket.every);
        }
        let keys = futures::stream::iter(bucket.keys.into_keys().map(Ok));
        each(mirror, keys.boxed(), &alive, &how, &mut report, |key, mended| {
            if !mended.left.is_empty() {
                unhealed.insert(key.to_owned());
            }
        })
        .await?;
        if !what.dry_run {
            mirror.book.tidy(number).await?;
        }
    }
    if !what.full && together.is_empty() {
        welcome(mirror, &alive, &report);
        return Ok(report);
    }
    // Keys that are not told apart, and with `full` all the others, are found
    // in the listings.
    let keeps =
        |child: usize| mirror.children.get(child).is_some_and(|c| c.capabilities().metadata);
    let buckets: Vec<u32> = together.keys().copied().collect();
    let mut equal = 0_u64;
    let keys = union(mirror)?.try_filter_map(|(key, row)| {
        let recorded = buckets.contains(&bucket_of(&key));
        let failed = unhealed.contains(&key);
        let skip = failed || (!recorded && (!full || all_equal(&row, keeps)));
        equal += u64::from(skip && full && !failed);
        std::future::ready(Ok((!skip).then_some(key)))
    });
    let mut unhealed_buckets: HashSet<u32> = unhealed.iter().map(|key| bucket_of(key)).collect();
    each(mirror, keys.boxed(), &alive, &how, &mut report, |key, mended| {
        if !mended.left.is_empty() {
            unhealed_buckets.insert(bucket_of(key));
        }
    })
    .await?;
    report.keys += equal;
    if !what.dry_run {
        for (number, every) in together {
            if !unhealed_buckets.contains(&number)
                && !mirror.book.settle_every(number, &every).await?
            {
                report.left += 1;
                let why = "the record of it was changed by others meanwhile: heal again";
                let key = format!("the keys recorded together in {number:02x}");
                (what.watch)(Event::Left { child: None, key: &key, why });
            }
        }
    }
    welcome(mirror, &alive, &report);
    Ok(report)
}

/// Children that answered, and took what they missed, are left out no longer.
fn welcome(mirror: &Mirror, alive: &Alive, report: &Report) {
    for (index, child) in report.children.iter().enumerate() {
        if alive.has_answered(index) && child.left == 0 {
            mirror.answers(&child.name);
        }
    }
}

/// Mends keys, many at a time.
async fn each(
    mirror: &Mirror,
    keys: BoxStream<'_, Result<String>>,
    alive: &Alive,
    how: &Mending,
    report: &mut Report,
    mut done: impl FnMut(&str, &Mended),
) -> Result<()> {
    let mut mended = keys
        .map_ok(|key| async move {
            let mended = mirror.mend(&key, alive, how).await?;
            Ok((key, mended))
        })
        .try_buffer_unordered(CONCURRENCY);
    while let Some((key, mended)) = mended.try_next().await? {
        done(&key, &mended);
        report.add(&mended);
        (how.watch)(Event::Done);
    }
    Ok(())
}

impl Report {
    fn add(&mut self, mended: &Mended) {
        self.keys += 1;
        self.left += u64::from(!mended.left.is_empty());
        for (child, bytes) in &mended.copied {
            if let Some(counts) = self.children.get_mut(*child) {
                counts.copied += 1;
                counts.bytes = counts.bytes.saturating_add(*bytes);
            }
        }
        for child in &mended.removed {
            if let Some(counts) = self.children.get_mut(*child) {
                counts.removed += 1;
            }
        }
        for left in &mended.left {
            for (child, counts) in self.children.iter_mut().enumerate() {
                counts.left += u64::from(left.child.is_none_or(|only| only == child));
            }
        }
    }
}
