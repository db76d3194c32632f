//! The names in one folder in the order of the keys below it, one part at a time,
//! with bounded memory however many names there are.
//!
//! Every scan reads all names of a folder and keeps the first ones that match. If
//! there are many, they are kept for later pages while the folder does not change.
//! Otherwise a folder of a million files would be read a thousand times.

use super::errno;
use super::form::Form;
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage_store::{PAGE_LIMIT, Result};

/// The most names to keep of one folder.
const KEPT: usize = 32 * 1024;

/// The most folders whose names to keep.
const FOLDERS: usize = 4;

/// Names to return at a time: a page and one more.
const PART: usize = PAGE_LIMIT as usize + 1;

/// A folder that changed less than this before it was read may change again within
/// the same tick of the filesystem's clock.
const TICK: Duration = Duration::from_millis(100);

/// A lower bound for names, inclusive or exclusive.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Low {
    name: String,
    after: bool,
}

impl Low {
    /// The bound for the keys after `after` in a folder, which is given with its
    /// slash. `None` if all its keys come before.
    pub(super) fn below(folder: &str, after: Option<&str>) -> Option<Self> {
        let Some(after) = after else { return Some(Self::default()) };
        match after.strip_prefix(folder) {
            None if after < folder => Some(Self::default()),
            None => None,
            // The folder of that key may hold more keys.
            Some(rest) => Some(match rest.find('/') {
                Some(slash) => Self { name: rest.get(..=slash)?.to_owned(), after: false },
                None => Self { name: rest.to_owned(), after: true },
            }),
        }
    }

    /// The exclusive bound at a name.
    pub(super) fn after(name: &str) -> Self {
        Self { name: name.to_owned(), after: true }
    }

    fn admits(&self, name: &str) -> bool {
        if self.after { name > self.name.as_str() } else { name >= self.name.as_str() }
    }
}

/// Names in order, those of folders with a slash, and whether no more follow.
pub(super) type Part = (Vec<String>, bool);

/// The names kept for later pages.
pub(super) struct Names {
    form: Form,
    kept: usize,
    part: usize,
    windows: Mutex<Vec<Arc<Window>>>,
}

/// The first names of a folder from a bound on.
struct Window {
    path: String,
    prefix: String,
    low: Low,
    names: Vec<String>,
    complete: bool,
    changed: Stamp,
}

/// Differs between folders, and changes whenever an entry is added or removed.
type Stamp = (u64, u64, i64, u64, i64, u64);

impl Names {
    pub(super) fn new(form: Form) -> Self {
        Self { form, kept: KEPT, part: PART, windows: Mutex::default() }
    }

    /// The names in the folder `path` (with its slash; empty for the root) from
    /// `low` on: of objects whose paths begin with `prefix`, and of folders that may hold
    /// such objects. At least one name unless no more follow. `None` if the folder is
    /// gone.
    pub(super) fn part(
        &self,
        shown: &dyn Fn(&str) -> String,
        folder: BorrowedFd<'_>,
        (path, prefix): (&str, &str),
        low: &Low,
    ) -> Result<Option<Part>> {
        let changed = stamp(folder).map_err(|e| errno::at(&shown(path), e))?;
        let found =
            self.windows().iter().find(|window| window.has(path, prefix, low, changed)).cloned();
        if let Some(window) = found {
            return Ok(Some(window.part(low, self.part)));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let Some((names, complete)) = self.scan(shown, folder, (path, prefix), low)? else {
            return Ok(None);
        };
        if complete && names.len() <= self.part {
            return Ok(Some((names, complete)));
        }
        let (path, prefix) = (path.to_owned(), prefix.to_owned());
        let window = Window { path, prefix, low: low.clone(), names, complete, changed };
        let part = window.part(low, self.part);
        if quiet(changed, now) {
            let mut windows = self.windows();
            windows.retain(|other| other.path != window.path);
            windows.insert(0, Arc::new(window));
            windows.truncate(FOLDERS);
        }
        Ok(Some(part))
    }

    fn windows(&self) -> MutexGuard<'_, Vec<Arc<Window>>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the folder and returns the first names from `low` on.
    fn scan(
        &self,
        shown: &dyn Fn(&str) -> String,
        folder: BorrowedFd<'_>,
        (path, prefix): (&str, &str),
        low: &Low,
    ) -> Result<Option<Part>> {
        let fail = |e: Errno| errno::at(&shown(path), e);
        let mut first = BinaryHeap::new();
        let mut complete = true;
        let mut below = path.to_owned();
        for entry in Dir::read_from(folder).map_err(fail)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::NOENT) => return Ok(None),
                Err(e) => return Err(fail(e)),
            };
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    match rustix::fs::statat(folder, entry.file_name(), flags) {
                        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                        Err(_) => continue,
                    }
                }
                kind => kind,
            };
            below.truncate(path.len());
            below.push_str(name);
            let wanted = match kind {
                FileType::RegularFile => below.starts_with(prefix) && self.form.is_object(&below),
                FileType::Directory => {
                    let entered = self.form.may_enter(&below);
                    // With its slash, a folder sorts where its keys belong.
                    below.push('/');
                    entered && (below.starts_with(prefix) || prefix.starts_with(&below))
                }
                _ => false,
            };
            let name = below.get(path.len()..).unwrap_or_default();
            if !wanted || !low.admits(name) {
                continue;
            }
            if first.len() == self.kept {
                complete = false;
                if first.peek().is_some_and(|last: &String| last.as_str() <= name) {
                    continue;
                }
                first.pop();
            }
            first.push(name.to_owned());
        }
        Ok(Some((first.into_sorted_vec(), complete)))
    }
}

impl Window {
    /// Whether the window has the names from `low` on.
    fn has(&self, path: &str, prefix: &str, low: &Low, changed: Stamp) -> bool {
        self.changed == changed
            && self.path == path
            && self.prefix == prefix
            && self.low <= *low
            && (self.complete || self.names.last().is_some_and(|last| low.admits(last)))
    }

    fn part(&self, low: &Low, count: usize) -> Part {
        let start = self.names.partition_point(|name| !low.admits(name));
        let rest = self.names.get(start..).unwrap_or_default();
        let part = rest.get(..count).unwrap_or(rest);
        (part.to_vec(), self.complete && part.len() == rest.len())
    }
}

fn stamp(folder: BorrowedFd<'_>) -> Result<Stamp, Errno> {
    let stat = rustix::fs::fstat(folder)?;
    let nanoseconds = |part: i64| part.max(0).unsigned_abs();
    Ok((
        stat.st_dev,
        stat.st_ino,
        stat.st_mtime,
        nanoseconds(stat.st_mtime_nsec as i64),
        stat.st_ctime,
        nanoseconds(stat.st_ctime_nsec as i64),
    ))
}

/// Whether the folder has not changed right before `now`.
fn quiet((_, _, seconds, nanoseconds, _, _): Stamp, now: Duration) -> bool {
    let changed = Duration::from_secs(seconds.max(0).unsigned_abs());
    changed + Duration::from_nanos(nanoseconds) + TICK < now
}

#[cfg(test)]
mod tests;
