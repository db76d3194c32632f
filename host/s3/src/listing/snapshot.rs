//! The entries of a store as they were when it was looked through.

use super::run::Run;
use crate::object::metadata::etag;
use std::io;
use storage_store::delimited::{Item, Query, past};
use storage_store::objects::Objects;
use storage_store::{Entry, Error, ListOptions, ObjectInfo, Paging, Result};

/// How many entries are sorted at a time.
const SORTED: usize = 50_000;

/// The most bytes of a snapshot in memory; more go to files.
const IN_MEMORY: u64 = 16 * 1024 * 1024;

/// The most bytes of a snapshot.
const MOST: u64 = 8 * 1024 * 1024 * 1024;

/// Sorted runs, whose keys are apart or are the same entry.
pub struct Snapshot {
    runs: Vec<Run>,
}

impl Snapshot {
    /// Looks through the objects below a prefix. `None` if they can't be sorted: they are
    /// too many, or there is no room for temporary files.
    pub async fn take(objects: &Objects, prefix: &str) -> Result<Option<Self>> {
        let mut options = ListOptions { prefix: prefix.to_owned(), ..ListOptions::default() };
        let (mut paging, mut snapshot) = (Paging::default(), Self { runs: Vec::new() });
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let page = objects.list(options.clone()).await?;
            let more = paging.advance(&page, &mut options)?;
            entries.extend(page.entries.into_iter().map(shown));
            if entries.len() >= SORTED || !more {
                let longer = snapshot.with(std::mem::take(&mut entries)).await?;
                let Some(longer) = longer else { return Ok(None) };
                snapshot = longer;
            }
            if snapshot.length() > MOST {
                return Ok(None);
            }
            if !more {
                return Ok(Some(snapshot));
            }
        }
    }

    fn length(&self) -> u64 {
        self.runs.iter().map(Run::length).sum()
    }

    async fn with(mut self, mut entries: Vec<Entry>) -> Result<Option<Self>> {
        let fits = self.length() < IN_MEMORY;
        let run = tokio::task::spawn_blocking(move || {
            entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            match fits {
                true => Run::in_memory(&entries),
                false => Run::in_file(&entries),
            }
        });
        let run = run.await.map_err(|error| Error::Other(error.to_string()))?;
        match run {
            Ok(run) => self.runs.push(run),
            Err(error) => {
                let text = "a listing can't be sorted in a temporary file, so that each page \
                            looks through all objects";
                tracing::warn!(target: "storage", %error, "{text}");
                return Ok(None);
            }
        }
        Ok(Some(self))
    }

    /// A page: at most `limit` items sorted by name, and whether there are more.
    pub fn page(&self, query: &Query) -> io::Result<(Vec<Item>, bool)> {
        let mut items: Vec<Item> = Vec::new();
        // After a common prefix come the keys that do not begin with it.
        let after = &query.after;
        let is_group = !after.is_empty() && query.group(after) == Some(after.as_str());
        let from = if is_group { past(after) } else { after.max(&query.prefix).clone() };
        let mut cursors = Vec::new();
        for run in &self.runs {
            cursors.push(run.read(&from)?);
        }
        loop {
            let next = cursors.iter_mut().filter(|cursor| cursor.entry().is_some());
            let key = |cursor: &&mut super::run::Cursor<'_>| {
                cursor.entry().map(|entry| entry.key.clone())
            };
            let Some(next) = next.min_by_key(key) else { return Ok((items, false)) };
            let Some(entry) = next.take()? else { return Ok((items, false)) };
            let group = query.group(&entry.key).map(str::to_owned);
            let name = group.as_deref().unwrap_or(&entry.key);
            // Some keys of a group may come after what is practically past it.
            let is_seen = items.last().is_some_and(|last| last.name() == name);
            if entry.key <= *after || name == after || is_seen {
                continue;
            }
            if !entry.key.starts_with(&query.prefix) {
                return Ok((items, false));
            }
            if items.len() == query.limit {
                return Ok((items, true));
            }
            match group {
                None => items.push(Item::Object(entry)),
                Some(group) => {
                    let from = past(&group);
                    items.push(Item::Prefix(group));
                    for cursor in &mut cursors {
                        cursor.seek(&from)?;
                    }
                }
            }
        }
    }
}

/// What a listing shows of an entry.
fn shown(entry: Entry) -> Entry {
    let Entry { key, info } = entry;
    let info = ObjectInfo {
        size: info.size,
        modified: info.modified,
        etag: etag(&info),
        ..ObjectInfo::default()
    };
    Entry { key, info }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use storage_backends::memory::Memory;
    use storage_store::PutOptions;
    use storage_store::delimited;

    /// Every page of a listing.
    async fn pages(
        list: impl AsyncFn(&Query) -> (Vec<Item>, bool),
        mut query: Query,
    ) -> Vec<String> {
        let mut names = Vec::new();
        loop {
            let (items, more) = list(&query).await;
            names.extend(items.iter().map(|item| item.name().to_owned()));
            match items.last().filter(|_| more) {
                Some(last) => query.after = last.name().to_owned(),
                None => return names,
            }
        }
    }

    #[tokio::test]
    async fn pages_of_runs_are_those_of_a_store_that_lists_in_order() {
        let store = Objects::new("s", Arc::new(Memory::new()));
        let keys = ["a", "a/", "a/b", "a/b/c", "a0", "b/1", "b/2", "b/c/3", "c", "é", "é/x"];
        // Keys that come after what is practically past their group.
        let far = ["a/", "b/c/"].map(|group| format!("{group}{}", "\u{10FFFF}".repeat(5)));
        for key in keys.into_iter().chain(far.iter().map(String::as_str)) {
            store.put(key, Bytes::new(), PutOptions::default()).await.unwrap();
        }
        let all: BTreeMap<usize, Vec<Entry>> = {
            let entries = store.list(ListOptions::default()).await.unwrap().entries;
            entries.into_iter().enumerate().fold(BTreeMap::new(), |mut runs, (at, entry)| {
                runs.entry(at % 3).or_default().push(shown(entry));
                runs
            })
        };
        let runs = all.into_values();
        let snapshot = Snapshot { runs: runs.map(|run| Run::in_memory(&run).unwrap()).collect() };
        for prefix in ["", "a", "a/", "b/", "é", "x"] {
            for delimiter in ["", "/"] {
                for limit in 1..5 {
                    for after in ["", "a/", "a/b", "b/", "z"] {
                        let query = Query {
                            prefix: prefix.to_owned(),
                            delimiter: delimiter.to_owned(),
                            after: after.to_owned(),
                            limit,
                        };
                        let plain =
                            async |query: &Query| delimited::list(&store, query).await.unwrap();
                        let sorted = async |query: &Query| snapshot.page(query).unwrap();
                        let wanted = pages(plain, query.clone()).await;
                        assert_eq!(pages(sorted, query.clone()).await, wanted, "{query:?}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_snapshot_has_what_its_prefix_names() {
        let store = Objects::new("s", Arc::new(Memory::new()));
        for n in 0..2_500 {
            let key = format!("{}/{n}", n % 2);
            store.put(&key, Bytes::new(), PutOptions::default()).await.unwrap();
        }
        let snapshot = Snapshot::take(&store, "1/").await.unwrap().unwrap();
        let query = Query { limit: 5_000, ..Query::default() };
        let (items, more) = snapshot.page(&query).unwrap();
        assert!(items.len() == 1_250 && !more);
        assert!(items.windows(2).all(|two| two[0].name() < two[1].name()));
    }
}
