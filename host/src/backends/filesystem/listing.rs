//! Listing: a walk in the order of the keys' bytes that enters only folders
//! which can hold an answer.

use super::root::Root;
use super::{metadata, path};
use crate::store::{Entry, Error, ListOptions, ObjectInfo, PAGE_LIMIT, Page, Result, check_key};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;

/// A folder that the walk is in. What is left of it is sorted backwards.
struct Level {
    folder: OwnedFd,
    path: String,
    names: Vec<String>,
}

/// One page. Names that are not UTF-8, symbolic links and special files are
/// left out.
pub(super) fn list(root: &Root, options: &ListOptions) -> Result<Page> {
    let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
    let wanted = Wanted { prefix: &options.prefix, after: options.start_after.as_deref() };
    // Only the folder that the prefix names can hold an answer.
    let start = options.prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    if !start.is_empty() && path::check(start).is_err() {
        return Ok(Page::default());
    }
    let mut levels = Vec::new();
    match path::open_folder(root.dir(), start) {
        Ok(folder) => {
            let below = if start.is_empty() { String::new() } else { format!("{start}/") };
            levels.extend(enter(root, folder, below, &wanted)?);
        }
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
        Err(e) => return Err(root.error(start, e)),
    }
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            levels.pop();
            continue;
        };
        let key = format!("{}{name}", level.path);
        if let Some(folder) = name.strip_suffix('/') {
            match path::open_folder(level.folder.as_fd(), folder) {
                Ok(folder) => {
                    if let Some(level) = enter(root, folder, key, &wanted)? {
                        levels.push(level);
                    }
                }
                // Gone, or something else by now.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(e) => return Err(root.error(&key, e)),
            }
            continue;
        }
        let Some(info) = look(root, level.folder.as_fd(), &name, &key)? else { continue };
        if entries.len() == limit {
            let next = entries.last().map(|e| e.key.clone());
            return Ok(Page { entries, next });
        }
        entries.push(Entry { key, info });
    }
    Ok(Page { entries, next: None })
}

struct Wanted<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
}

impl Wanted<'_> {
    fn key(&self, key: &str) -> bool {
        key.starts_with(self.prefix)
            && self.after.is_none_or(|after| key > after)
            && check_key(key).is_ok()
    }

    /// Whether a folder, given with its slash, may hold a wanted key.
    fn folder(&self, folder: &str) -> bool {
        (folder.starts_with(self.prefix) || self.prefix.starts_with(folder))
            && self.after.is_none_or(|after| folder > after || after.starts_with(folder))
    }
}

fn enter(root: &Root, folder: OwnedFd, path: String, wanted: &Wanted<'_>) -> Result<Option<Level>> {
    let fail = |e: Errno| root.error(&path, e);
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder).map_err(fail)? {
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
                match rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(_) => continue,
                }
            }
            kind => kind,
        };
        match kind {
            FileType::RegularFile if wanted.key(&format!("{path}{name}")) => {
                names.push(name.to_owned());
            }
            // With its slash a folder sorts where the keys in it belong.
            FileType::Directory if wanted.folder(&format!("{path}{name}/")) => {
                names.push(format!("{name}/"));
            }
            _ => {}
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Some(Level { folder, path, names }))
}

/// What is known of the object `path`, which is `name` in this folder; `None`
/// when it is gone or no regular file.
pub(super) fn look(
    root: &Root,
    folder: BorrowedFd<'_>,
    name: &str,
    path: &str,
) -> Result<Option<ObjectInfo>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let (stat, info) = match super::path::open(folder, name, flags) {
        Ok(file) => {
            let stat = rustix::fs::fstat(&file).map_err(|e| root.error(path, e))?;
            (stat, metadata::load(root.side().ok(), path, file.as_fd(), &stat))
        }
        // It exists, though not for us: the names are still listed.
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

impl Root {
    pub(super) fn error(&self, key: &str, error: Errno) -> Error {
        super::error::at(&self.shown(key), error)
    }
}
