//! Listings: a walk in the byte order of the keys that enters only folders that can
//! hold a match.

use super::names::Low;
use super::root::Root;
use super::{metadata, path, skipped};
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
    let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
    // Matches can only be in the folder that the prefix names.
    let start = options.prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    if options.skipped {
        let prefix = options.prefix.as_bytes();
        return skipped::list(root, start, options, |path, kind| {
            skipped::by_path(prefix, path, kind)
        });
    }
    if !start.is_empty() && root.check_path(start).is_err() {
        return Ok(Page::default());
    }
    let mut levels = Vec::new();
    match path::open_folder(root.dir(), start) {
        Ok(folder) => {
            let below = if start.is_empty() { String::new() } else { format!("{start}/") };
            levels.push(Level::enter(folder, below, options));
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
        Err(e) => return Err(root.error(start, e)),
    }
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            if !level.more(root, &options.prefix)? {
                levels.pop();
            }
            continue;
        };
        let key = format!("{}{name}", level.path);
        if let Some(folder) = name.strip_suffix('/') {
            let Some(above) = level.folder(root)? else { continue };
            match path::open_folder(above, folder) {
                Ok(folder) => {
                    levels.push(Level::enter(folder, key, options));
                    let far = levels.len().checked_sub(HELD + 1);
                    if let Some(far) = far.and_then(|at| levels.get_mut(at)) {
                        far.folder = None;
                    }
                }
                // Gone, or no longer a folder.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                // At the top of a mounted filesystem, this one belongs to the
                // system.
                Err(Errno::ACCESS) if key == "lost+found/" => {}
                Err(e) => return Err(root.error(&key, e)),
            }
            continue;
        }
        let Some(folder) = level.folder(root)? else { continue };
        let Some(info) = look(root, folder, &name, &key)? else { continue };
        if entries.len() == limit {
            let next = entries.last().map(|e| e.key.clone());
            return Ok(Page::of(entries, next));
        }
        entries.push(Entry { key, info });
    }
    Ok(Page::of(entries, None))
}

impl Level {
    fn enter(folder: OwnedFd, path: String, options: &ListOptions) -> Self {
        let rest = Low::below(&path, options.start_after.as_deref());
        Self { folder: Some(folder), path, names: Vec::new(), rest }
    }

    /// The open folder; `None` if it is gone.
    fn folder(&mut self, root: &Root) -> Result<Option<BorrowedFd<'_>>> {
        if self.folder.is_none() {
            let path = self.path.trim_end_matches('/');
            match path::open_folder(root.dir(), path) {
                Ok(folder) => self.folder = Some(folder),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(e) => return Err(root.error(path, e)),
            }
        }
        Ok(self.folder.as_ref().map(AsFd::as_fd))
    }

    /// Loads the next names; false if there are none.
    fn more(&mut self, root: &Root, prefix: &str) -> Result<bool> {
        let Some(low) = self.rest.take() else { return Ok(false) };
        let path = self.path.clone();
        let Some(folder) = self.folder(root)? else { return Ok(false) };
        let part = root.names().part(&|key| root.shown(key), folder, (&path, prefix), &low)?;
        // `None`: the folder is gone.
        let Some((mut names, complete)) = part else { return Ok(false) };
        self.rest = names.last().filter(|_| !complete).map(|last| Low::after(last));
        names.reverse();
        self.names = names;
        Ok(!self.names.is_empty())
    }
}

/// The info of the object at `path`, which is `name` in this folder; `None` if it
/// is gone or not a regular file.
pub(super) fn look(
    root: &Root,
    folder: BorrowedFd<'_>,
    name: &str,
    path: &str,
) -> Result<Option<ObjectInfo>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let (stat, info) = match super::path::open(folder, name, flags) {
        Ok(file) => {
            let fail = |e| root.error(path, e);
            let stat = rustix::fs::fstat(&file).map_err(fail)?;
            match metadata::load(root.sidecar().ok(), path, file.as_fd(), &stat) {
                // It was replaced or deleted.
                Err(Errno::STALE) => return look(root, folder, name, path),
                info => (stat, info.map_err(fail)?),
            }
        }
        // The file exists but is not readable for us: list it all the same.
        Err(Errno::ACCESS | Errno::PERM) => {
            let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(|e| root.error(path, e))?;
            (stat, metadata::derived(&stat))
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(e) => return Err(root.error(path, e)),
    };
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    Ok(regular.then_some(info))
}
