//! Listings of one folder whose file names sort differently from the keys.
//!
//! Every page needs all names, so a window of them is kept, sorted by key, for the
//! next page as long as the folder does not change.

use super::listing::look;
use super::root::Root;
use rustix::fs::{Dir, FileType};
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage_store::{Entry, ListOptions, PAGE_LIMIT, Page, Result};

/// The most names to keep, which bounds memory for any folder.
const KEPT: usize = 32 * 1024;

/// A folder that changed less than this before it was read may change again within
/// the same tick of the filesystem's clock.
const TICK: Duration = Duration::from_millis(100);

/// Pairs of key and file name, sorted by key, from the key `from` on.
struct Window {
    from: String,
    names: Vec<(String, String)>,
    /// Whether no more names follow.
    complete: bool,
    changed: Stamp,
}

type Stamp = (i64, i64, i64, i64);

/// The listing state of a folder.
#[derive(Default)]
pub(crate) struct FlatListing {
    window: Mutex<Option<Window>>,
}

impl FlatListing {
    /// A page of the root's own files. `key` returns a file's key, or `None` for a
    /// file that is not ours.
    pub(super) fn list(
        &self,
        root: &Root,
        options: &ListOptions,
        key: impl Fn(&str) -> Option<String>,
    ) -> Result<Page> {
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let after = options.start_after.as_deref();
        let mut from = match after {
            // The immediate successor of a key is the key with a NUL appended.
            Some(after) if after >= options.prefix.as_str() => format!("{after}\0"),
            _ => options.prefix.clone(),
        };
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (names, complete) = self.names(root, &from, &key)?;
            for (key, name) in &names {
                if !key.starts_with(&options.prefix) {
                    return Ok(Page::of(entries, None));
                }
                let Some(info) = look(root, root.dir(), name, name)? else { continue };
                if entries.len() == limit {
                    let next = entries.last().map(|entry| entry.key.clone());
                    return Ok(Page::of(entries, next));
                }
                entries.push(Entry { key: key.clone(), info });
            }
            match names.last() {
                Some((last, _)) if !complete => from = format!("{last}\0"),
                _ => return Ok(Page::of(entries, None)),
            }
        }
    }

    /// Keys and names from `from` on, and whether no more follow.
    fn names(
        &self,
        root: &Root,
        from: &str,
        key: impl Fn(&str) -> Option<String>,
    ) -> Result<(Vec<(String, String)>, bool)> {
        const SOME: usize = PAGE_LIMIT as usize + 1;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = stamp(root)?;
        let kept = window.as_ref().filter(|window| {
            window.changed == changed
                && window.from.as_str() <= from
                && (window.complete
                    || window.names.last().is_some_and(|last| last.0.as_str() >= from))
        });
        if kept.is_none() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let (names, complete) = scan(root, from, key)?;
            let fresh = Window { from: from.to_owned(), names, complete, changed };
            let last = Duration::new(changed.0.max(0).unsigned_abs(), 0);
            let quiet = last + Duration::from_nanos(changed.1.max(0).unsigned_abs()) + TICK < now;
            let (some, complete) = fresh.part(from, SOME);
            *window = quiet.then_some(fresh);
            return Ok((some, complete));
        }
        Ok(kept.map(|window| window.part(from, SOME)).unwrap_or_default())
    }
}

impl Window {
    fn part(&self, from: &str, count: usize) -> (Vec<(String, String)>, bool) {
        let start = self.names.partition_point(|(key, _)| key.as_str() < from);
        let rest = self.names.get(start..).unwrap_or_default();
        let part = rest.get(..count.min(rest.len())).unwrap_or_default();
        (part.to_vec(), self.complete && part.len() == rest.len())
    }
}

/// Changes whenever an entry is added or removed.
fn stamp(root: &Root) -> Result<Stamp> {
    let stat = rustix::fs::fstat(root.dir()).map_err(|e| root.error("", e))?;
    Ok((stat.st_mtime, stat.st_mtime_nsec as i64, stat.st_ctime, stat.st_ctime_nsec as i64))
}

/// The first [`KEPT`] keys from `from` on, sorted, and whether those are all.
fn scan(
    root: &Root,
    from: &str,
    key: impl Fn(&str) -> Option<String>,
) -> Result<(Vec<(String, String)>, bool)> {
    let fail = |e| root.error("", e);
    let mut first = BinaryHeap::new();
    let mut complete = true;
    for entry in Dir::read_from(root.dir()).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if !matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown) {
            continue;
        }
        let Some(key) = key(name).filter(|key| key.as_str() >= from) else { continue };
        first.push((key, name.to_owned()));
        if first.len() > KEPT {
            first.pop();
            complete = false;
        }
    }
    Ok((first.into_sorted_vec(), complete))
}
