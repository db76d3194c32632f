//! Listings: a walk of each tree, in the byte order of the keys, that enters only
//! folders that can hold a match.

use super::form::Form;
use super::names::Low;
use super::root::Root;
use super::tree::Tree;
use super::{errno, metadata, path, skipped};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;
use storage_store::{Entry, ListOptions, ObjectInfo, PAGE_LIMIT, Page, Result};

/// The most folders the walk holds open. Keys may be thousands deep; the others are
/// reopened on the way back.
const HELD: usize = 32;

/// A folder on the walk's path. `names` are the next names, in reverse order.
struct Level {
    folder: Option<OwnedFd>,
    path: String,
    names: Vec<String>,
    /// Where the names after those begin; `None` if no more follow.
    rest: Option<Low>,
}

/// A page of the listing. Leaves out names that are not UTF-8, symbolic links and
/// special files.
pub(super) fn list(root: &Root, options: &ListOptions) -> Result<Page> {
    if options.skipped {
        let prefix = options.prefix.as_bytes();
        return skipped::list(root, folder_of(&options.prefix), options, |path, kind| {
            skipped::by_path(prefix, path, kind)
        });
    }
    // The odd tree first: a put may bring an object from there to the plain one.
    match root.seen_odd()? {
        Some(odd) => {
            let odd = walk(root, odd, options)?;
            Ok(merge(odd, walk(root, root.plain(), options)?, limit(options)))
        }
        None => walk(root, root.plain(), options),
    }
}

fn limit(options: &ListOptions) -> usize {
    options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize
}

/// The folder that a prefix names: matches can only be in there.
fn folder_of(prefix: &str) -> &str {
    prefix.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// One page of two, whose entries go on where a page ends. The plain object holds if
/// both trees have one.
fn merge(odd: Page, plain: Page, limit: usize) -> Page {
    let more = odd.next.is_some() || plain.next.is_some();
    let mut entries = plain.entries;
    entries.extend(odd.entries);
    // Stable: of two, the plain one stays first.
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries.dedup_by(|b, a| a.key == b.key);
    let more = more || entries.len() > limit;
    // A page that goes on is full, so nothing is missing before its last entry.
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.key.clone());
    Page::of(entries, next)
}

/// A page of the listing of one tree.
fn walk(root: &Root, tree: &Tree, options: &ListOptions) -> Result<Page> {
    let form = tree.form();
    let prefix = form.prefix(&options.prefix);
    let after = options.start_after.as_deref().map(|after| form.path(after));
    let start = folder_of(&prefix);
    if form == Form::Plain && !start.is_empty() && root.check_path(start).is_err() {
        return Ok(Page::default());
    }
    let mut levels = Vec::new();
    match path::open_folder(tree.dir(), start) {
        Ok(folder) => {
            let below = if start.is_empty() { String::new() } else { format!("{start}/") };
            levels.push(Level::enter(folder, below, after.as_deref()));
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
        Err(e) => return Err(errno::at(&tree.shown(start), e)),
    }
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            if !level.more(tree, &prefix)? {
                levels.pop();
            }
            continue;
        };
        let path = format!("{}{name}", level.path);
        let Some(above) = level.folder(tree)? else { continue };
        if let Some(folder) = name.strip_suffix('/') {
            match path::open_folder(above, folder) {
                Ok(folder) => {
                    levels.push(Level::enter(folder, path, after.as_deref()));
                    let far = levels.len().checked_sub(HELD + 1);
                    if let Some(far) = far.and_then(|at| levels.get_mut(at)) {
                        far.folder = None;
                    }
                }
                // Gone, or no longer a folder.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                // At the top of a mounted filesystem, this one belongs to the
                // system.
                Err(Errno::ACCESS) if path == "lost+found/" => {}
                Err(e) => return Err(errno::at(&tree.shown(&path), e)),
            }
            continue;
        }
        let Some(key) = form.key(&path) else { continue };
        let Some(info) = look(root, above, &name, &key)? else { continue };
        if entries.len() == limit(options) {
            let next = entries.last().map(|e| e.key.clone());
            return Ok(Page::of(entries, next));
        }
        entries.push(Entry { key: key.into_owned(), info });
    }
    Ok(Page::of(entries, None))
}

impl Level {
    /// Starts after the path `after`.
    fn enter(folder: OwnedFd, path: String, after: Option<&str>) -> Self {
        let rest = Low::below(&path, after);
        Self { folder: Some(folder), path, names: Vec::new(), rest }
    }

    /// The open folder; `None` if it is gone.
    fn folder(&mut self, tree: &Tree) -> Result<Option<BorrowedFd<'_>>> {
        if self.folder.is_none() {
            let path = self.path.trim_end_matches('/');
            match path::open_folder(tree.dir(), path) {
                Ok(folder) => self.folder = Some(folder),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(e) => return Err(errno::at(&tree.shown(path), e)),
            }
        }
        Ok(self.folder.as_ref().map(AsFd::as_fd))
    }

    /// Loads the next names; false if there are none.
    fn more(&mut self, tree: &Tree, prefix: &str) -> Result<bool> {
        let Some(low) = self.rest.take() else { return Ok(false) };
        let path = self.path.clone();
        let Some(folder) = self.folder(tree)? else { return Ok(false) };
        let part = tree.names().part(&|path| tree.shown(path), folder, (&path, prefix), &low)?;
        // `None`: the folder is gone.
        let Some((mut names, complete)) = part else { return Ok(false) };
        self.rest = names.last().filter(|_| !complete).map(|last| Low::after(last));
        names.reverse();
        self.names = names;
        Ok(!self.names.is_empty())
    }
}

/// The info of the object `key`, which is `name` in this folder; `None` if it is gone
/// or not a regular file.
pub(super) fn look(
    root: &Root,
    folder: BorrowedFd<'_>,
    name: &str,
    key: &str,
) -> Result<Option<ObjectInfo>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let (stat, info) = match super::path::open(folder, name, flags) {
        Ok(file) => {
            let fail = |e| root.error(key, e);
            let stat = rustix::fs::fstat(&file).map_err(fail)?;
            match metadata::load(root.sidecar().ok(), key, file.as_fd(), &stat) {
                // It was replaced or deleted.
                Err(Errno::STALE) => return look(root, folder, name, key),
                info => (stat, info.map_err(fail)?),
            }
        }
        // The file exists but is not readable for us: list it all the same.
        Err(Errno::ACCESS | Errno::PERM) => {
            let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(|e| root.error(key, e))?;
            (stat, metadata::derived(&stat))
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(e) => return Err(root.error(key, e)),
    };
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(regular.then_some(info))
}
