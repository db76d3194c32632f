//! The total size of the copies, and eviction.

use super::cache::Cache;
use super::claim::is_free;
use super::copy_metadata::is_copy;
use super::index::{Record, SHARDS, State};
use storage_contract::env::Guard;
use storage_contract::paging::Paging;
use storage_contract::types::{DeleteOptions, ListOptions, Result};

impl Cache {
    /// With the lock held, before a copy is stored: counts its size, even if the
    /// writer vanishes before the copy is recorded as good. Returns what became of the
    /// record `mine`; `None` if it is there no longer, or may not be.
    pub(super) fn expect(&self, lock: &dyn Guard, mine: &Record, size: u64) -> Option<Record> {
        lock.check().ok()?;
        if self.config.max_bytes.is_none() {
            return self.index.find(&mine.key).ok()?.filter(|now| now == mine);
        }
        let used = self.now();
        self.replace(mine, |held| Record { state: State::Found, held, size, used, ..mine.clone() })
    }

    /// Changes the record of a key, and the count of bytes with it. Returns the record
    /// from before. The copies of records forgotten to make room are removed.
    pub(super) fn update(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&Record>, u64) -> Option<Record>,
    ) -> Result<Option<Record>> {
        let mut after = None;
        let (before, forgotten) = self.index.update(key, |now, unique| {
            after = change(now, unique);
            after.clone()
        })?;
        for record in &forgotten {
            // Any remains are invalid.
            let _ = self.cache.delete(&record.key, &DeleteOptions::default());
            self.count(None, Some(record));
        }
        self.count(after.as_ref(), before.as_ref());
        Ok(before)
    }

    fn count(&self, after: Option<&Record>, before: Option<&Record>) {
        let Some(max) = self.config.max_bytes else { return };
        let size = |record: Option<&Record>| record.map_or(0, |record| record.size);
        let (more, fewer) = (size(after), size(before));
        if more == fewer {
            return;
        }
        if more > 0 && self.index.first_time() {
            self.look_around();
        }
        // If it can't be counted now, the next eviction counts anew.
        if self.index.add_bytes(more, fewer).is_ok_and(|total| total > max) {
            // Without the coordinator, what is there stays.
            let _ = self.evict(max, after);
        }
    }

    /// Records what an earlier process left in the cache, so that the limit
    /// includes it. Considers only copies that carry the mark.
    fn look_around(&self) {
        let (mut options, mut paging) = (ListOptions::default(), Paging::default());
        while let Ok(page) = self.cache.list(&options) {
            let more = paging.advance(&page, &mut options);
            for entry in page.entries.into_iter().filter(|entry| is_copy(&entry.info)) {
                let size = entry.info.size.unwrap_or(0);
                let found = Record {
                    key: entry.key,
                    state: State::Found,
                    tag: 0,
                    held: 0,
                    size,
                    used: 0,
                    validated: 0,
                };
                let counted = |now: Option<&Record>, _| match now {
                    // A reader has begun to replace the copy, and may never end.
                    Some(now) if now.size == 0 => Some(Record { size, ..now.clone() }),
                    now => Some(now.unwrap_or(&found).clone()),
                };
                if self.update(&found.key, counted).is_err() {
                    return;
                }
            }
            // An error here is the cache's, and affects only the count.
            if more != Ok(true) {
                return;
            }
        }
    }

    /// Removes the least recently used copies, to slightly below the limit, so that
    /// not every object triggers it again. Spares the copy that is being made.
    fn evict(&self, max: u64, spared: Option<&Record>) -> Result<()> {
        let _one = self.env.coordinator.lock(&format!("{}/evict", self.name))?;
        let mut records: Vec<Record> = Vec::new();
        for shard in 0..SHARDS {
            records.extend(self.index.shard(shard)?);
        }
        let mut total = records.iter().fold(0, |sum: u64, record| sum.saturating_add(record.size));
        // The count drifts when someone vanishes between two steps.
        let counted = self.index.add_bytes(0, 0)?;
        self.index.add_bytes(total.saturating_sub(counted), counted.saturating_sub(total))?;
        if total <= max {
            return Ok(());
        }
        // Others still write or copy the objects of these.
        let now = self.now();
        records.retain(|record| is_free(record, now) && Some(record) != spared);
        records.sort_by_key(|record| record.used);
        let low = match spared.is_some_and(|spared| spared.size > max / 10 * 9) {
            true => max,
            false => max / 10 * 9,
        };
        for record in &records {
            if total <= low {
                break;
            }
            if self.drop_copy(record)? {
                total = total.saturating_sub(record.size);
            }
        }
        Ok(())
    }

    /// Removes a copy without its lock, unless its record has been replaced.
    /// Returns whether it did.
    pub(super) fn drop_copy(&self, record: &Record) -> Result<bool> {
        let (before, _) =
            self.index.update(&record.key, |now, _| now.filter(|now| *now != record).cloned())?;
        let ours = before.as_ref() == Some(record);
        if ours {
            let _ = self.cache.delete(&record.key, &DeleteOptions::default());
            if self.config.max_bytes.is_some() {
                self.index.add_bytes(0, record.size)?;
            }
        }
        Ok(ours)
    }
}
