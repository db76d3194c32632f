//! Entries below a root that are not objects: listings leave them out and report
//! them on request. A separate walk, in byte order of the names, that looks only at
//! names and file types.

use super::path;
use super::root::Root;
use super::sidecar::{SidecarPlace, WITHIN};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType};
use rustix::io::Errno;
use std::collections::BinaryHeap;
use storage_contract::skipped::why_no_key;
use storage_store::{Error, ListOptions, PAGE_LIMIT, Page, Result, Skipped};

/// A page ends once this many names were examined, at the end of their folder, so
/// that it ends in time however many folders are empty.
const LOOKED_AT: usize = 50_000;

/// The most names of one folder in memory.
const KEPT: usize = 32 * 1024;

/// The most folders the walk holds open; they may be thousands deep.
const HELD: usize = 32;

/// A store's judgement of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// An object, or outside the requested prefix.
    Passed,
    /// A folder to walk into.
    Entered,
    /// Not an object, and why.
    Skipped(String),
}

/// Why a file of this type is not an object, whatever its name.
pub(crate) fn special(kind: FileType) -> Option<&'static str> {
    Some(match kind {
        FileType::RegularFile | FileType::Directory => return None,
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::BlockDevice | FileType::CharacterDevice => "a device",
        _ => "a special file",
    })
}

/// Judges an entry of a store whose keys are the paths.
pub(super) fn by_path(prefix: &[u8], path: &[u8], kind: FileType) -> Verdict {
    if kind == FileType::Directory {
        let folder = [path, b"/"].concat();
        let leads_there = folder.starts_with(prefix) || prefix.starts_with(&folder);
        return if leads_there { Verdict::Entered } else { Verdict::Passed };
    }
    let why = special(kind).map(str::to_owned).or_else(|| why_no_key(path));
    match why.filter(|_| path.starts_with(prefix)) {
        Some(reason) => Verdict::Skipped(reason),
        None => Verdict::Passed,
    }
}

/// Judges an entry whose name no key may have.
fn reserved(prefix: &str, path: &str, kind: FileType) -> Verdict {
    match by_path(prefix.as_bytes(), path.as_bytes(), kind) {
        Verdict::Passed if kind != FileType::Directory && path.starts_with(prefix) => {
            Verdict::Skipped(format!("its name is kept for the store's own folder, {WITHIN}"))
        }
        verdict => verdict,
    }
}

/// A folder on the walk's path.
struct Level {
    /// `None`: reopened when needed.
    folder: Option<OwnedFd>,
    /// With its slash; empty for the first folder.
    path: Vec<u8>,
    /// Names up to this one are done.
    low: Vec<u8>,
    /// The next names, in reverse order.
    names: Vec<(Vec<u8>, Verdict)>,
    /// Whether no more names follow.
    complete: bool,
}

impl Level {
    fn new(folder: OwnedFd, path: Vec<u8>) -> Self {
        Self { folder: Some(folder), path, low: Vec::new(), names: Vec::new(), complete: false }
    }

    /// The open folder; `None` if it is gone.
    fn folder(&mut self, root: &Root) -> Result<Option<BorrowedFd<'_>>> {
        if self.folder.is_none() {
            self.folder = open_stepwise(root, &self.path)?;
        }
        Ok(self.folder.as_ref().map(AsFd::as_fd))
    }

    /// The page token to continue from here.
    fn token(&self) -> String {
        hex::encode([self.path.as_slice(), &self.low].concat())
    }

    /// Loads the next names; returns how many it examined.
    fn scan(
        &mut self,
        root: &Root,
        prefix: &str,
        judge: &impl Fn(&[u8], FileType) -> Verdict,
    ) -> Result<usize> {
        let shown = String::from_utf8_lossy(&self.path).into_owned();
        let fail = |e: Errno| root.error(&shown, e);
        self.complete = true;
        let low = self.low.clone();
        let above = self.path.clone();
        let Some(folder) = self.folder(root)? else { return Ok(0) };
        let mut complete = true;
        let mut first: BinaryHeap<(Vec<u8>, Verdict)> = BinaryHeap::new();
        let mut path = above.clone();
        let mut looked_at = 0;
        for entry in Dir::read_from(folder).map_err(fail)? {
            let entry = match entry {
                Ok(entry) => entry,
                // The folder is gone.
                Err(Errno::NOENT) => break,
                Err(e) => return Err(fail(e)),
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || name <= low.as_slice() {
                continue;
            }
            looked_at += 1;
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
            path.truncate(above.len());
            path.extend_from_slice(name);
            let verdict = match std::str::from_utf8(&path) {
                // The store's own files.
                Ok(path) if SidecarPlace::is_own(path) => continue,
                Ok(path) if root.is_reserved(path) => reserved(prefix, path, kind),
                _ => judge(&path, kind),
            };
            if verdict == Verdict::Passed {
                continue;
            }
            first.push((name.to_vec(), verdict));
            if first.len() > KEPT {
                first.pop();
                complete = false;
            }
        }
        self.complete = complete;
        self.names = first.into_sorted_vec();
        self.names.reverse();
        Ok(looked_at)
    }
}

/// A page of what is below the folder `start` (empty: the root). `judge` gets paths
/// relative to the root.
pub(super) fn list(
    root: &Root,
    start: &str,
    options: &ListOptions,
    judge: impl Fn(&[u8], FileType) -> Verdict,
) -> Result<Page> {
    let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
    let mut levels = resume(root, start, options.start_after.as_deref())?;
    let mut skipped = Vec::new();
    let mut looked_at = 0;
    while let Some(level) = levels.last_mut() {
        let Some((name, verdict)) = level.names.pop() else {
            if level.complete {
                levels.pop();
            } else if looked_at >= LOOKED_AT {
                return Ok(Page::of_skipped(skipped, Some(level.token())));
            } else {
                looked_at += level.scan(root, &options.prefix, &judge)?;
            }
            continue;
        };
        let path = [level.path.as_slice(), &name].concat();
        if let Verdict::Skipped(reason) = verdict {
            if skipped.len() == limit {
                return Ok(Page::of_skipped(skipped, Some(level.token())));
            }
            skipped.push(Skipped::new(&path, reason));
            level.low = name;
            continue;
        }
        let below = open_below(root, level, &name)?;
        level.low = name;
        levels.extend(below);
        if let Some(far) = levels.len().checked_sub(HELD + 1).and_then(|at| levels.get_mut(at)) {
            far.folder = None;
        }
    }
    Ok(Page::of_skipped(skipped, None))
}

/// The folders on the walk's path when a listing continues after `token`.
fn resume(root: &Root, start: &str, token: Option<&str>) -> Result<Vec<Level>> {
    if !start.is_empty() && path::check(start).is_err() {
        return Ok(Vec::new());
    }
    let first = match path::open_folder(root.dir(), start) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Vec::new()),
        Err(e) => return Err(root.error(start, e)),
    };
    let below = if start.is_empty() { Vec::new() } else { format!("{start}/").into_bytes() };
    let mut levels = vec![Level::new(first, below)];
    let Some(token) = token else { return Ok(levels) };
    let done = hex::decode(token).ok();
    let done = done.as_deref().and_then(|done| done.strip_prefix(levels[0].path.as_slice()));
    let Some(done) = done else {
        return Err(Error::Unsupported(
            "what a listing leaves out goes on only after the token of a page".to_owned(),
        ));
    };
    for name in done.split(|byte| *byte == b'/') {
        let Some(level) = levels.last_mut() else { break };
        if !level.low.is_empty() {
            let name = std::mem::take(&mut level.low);
            let below = open_below(root, level, &name)?;
            level.low = name;
            match below {
                Some(below) => {
                    levels.push(below);
                    let far = levels.len().checked_sub(HELD + 1);
                    if let Some(far) = far.and_then(|at| levels.get_mut(at)) {
                        far.folder = None;
                    }
                }
                // It is gone: continue with what comes after it.
                None => break,
            }
        }
        if let Some(level) = levels.last_mut() {
            level.low = name.to_vec();
        }
    }
    Ok(levels)
}

/// Opens a subfolder. `None` if it is gone or no longer a folder.
fn open_below(root: &Root, level: &mut Level, name: &[u8]) -> Result<Option<Level>> {
    let path = [level.path.as_slice(), name, b"/"].concat();
    let Some(folder) = level.folder(root)? else { return Ok(None) };
    match path::open_folder_by_name(folder, name) {
        Ok(folder) => Ok(Some(Level::new(folder, path))),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        // At the top of a mounted filesystem, this one belongs to the system.
        Err(Errno::ACCESS) if path == b"lost+found/" => Ok(None),
        Err(e) => Err(root.error(&String::from_utf8_lossy(&path), e)),
    }
}

/// Opens a folder below the root by the bytes of its path, of any length.
fn open_stepwise(root: &Root, path: &[u8]) -> Result<Option<OwnedFd>> {
    let mut at: Option<OwnedFd> = None;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        let from = at.as_ref().map_or(root.dir(), AsFd::as_fd);
        at = match path::open_folder_by_name(from, name) {
            Ok(folder) => Some(folder),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(e) => return Err(root.error(&String::from_utf8_lossy(path), e)),
        };
    }
    match at {
        Some(folder) => Ok(Some(folder)),
        None => path::open_folder(root.dir(), "").map(Some).map_err(|e| root.error("", e)),
    }
}

#[cfg(test)]
mod tests;
