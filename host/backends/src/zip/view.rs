//! The contents of the archive and its journal, as this process knows them.

use super::archive_path::{ArchivePath, Stamp};
use super::directory::{Directory, Entries, Entry};
use super::journal::Journal;
use std::fs::File;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use storage_contract::skipped::printable;
use storage_store::{Error, ListOptions, PAGE_LIMIT, Page, Result};

/// The archive, and the objects waiting to be merged into it.
pub(super) struct View {
    pub(super) directory: Arc<Directory>,
    /// Objects in the journal.
    pub(super) waiting: Entries,
    pub(super) journal: Option<Arc<File>>,
    /// How far the journal was read; `None` in the process that writes it.
    read: Option<Read>,
}

/// How far a journal was read, and its stamp at that time.
struct Read {
    stamp: Option<Stamp>,
    journal: Option<Journal>,
}

/// An object, and the file that holds it.
pub(super) struct Found {
    pub(super) entry: Entry,
    pub(super) file: Arc<File>,
    /// Whether that file is the journal.
    pub(super) waits: bool,
}

/// A view shared by several threads.
pub(super) struct Shared {
    pub(super) place: ArchivePath,
    view: RwLock<View>,
}

impl Shared {
    /// Reads the archive and any journal.
    pub(super) fn open(place: ArchivePath) -> Result<Self> {
        let view = View::load(&place)?;
        Ok(Self { place, view: RwLock::new(view) })
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view, refreshed if the files have changed.
    pub(super) fn current(&self) -> Result<RwLockReadGuard<'_, View>> {
        loop {
            let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
            if view.holds(&self.place)? {
                return Ok(view);
            }
            drop(view);
            self.write().refresh(&self.place)?;
        }
    }

    pub(super) fn find(&self, key: &str) -> Result<Found> {
        self.current()?.find(key).ok_or(Error::NotFound)
    }
}

fn stamp(place: &ArchivePath) -> Result<Stamp> {
    Stamp::of_path(&place.path).map_err(|e| place.io(&e))
}

fn journal_stamp(place: &ArchivePath) -> Option<Stamp> {
    Stamp::of_path(&place.journal()).ok()
}

impl View {
    fn load(place: &ArchivePath) -> Result<Self> {
        // The journal first: an object merged meanwhile is then in both, instead of
        // in neither.
        let stamp = journal_stamp(place);
        let mut journal = Journal::open(place)?;
        let waiting = journal.as_mut().map(|journal| journal.scan(place)).transpose()?;
        let mut view = Self {
            directory: Arc::new(Directory::load(place)?),
            waiting: Entries::new(),
            journal: journal.as_ref().map(|journal| journal.file.clone()),
            read: Some(Read { stamp, journal }),
        };
        view.wait_for(waiting.unwrap_or_default());
        Ok(view)
    }

    /// Adds objects of the journal unless the archive has them already.
    fn wait_for(&mut self, mut more: Entries) {
        let directory = &self.directory;
        more.retain(|key, _| !directory.entries.contains_key(key));
        self.waiting.extend(more);
    }

    fn holds(&self, place: &ArchivePath) -> Result<bool> {
        let read = self.read.as_ref();
        Ok(self.directory.stamp == stamp(place)?
            && read.is_none_or(|read| read.stamp == journal_stamp(place)))
    }

    pub(super) fn refresh(&mut self, place: &ArchivePath) -> Result<()> {
        if self.holds(place)? {
            return Ok(());
        }
        let same = self.directory.stamp == stamp(place)?;
        match &mut self.read {
            // The writing process has appended to its journal.
            Some(Read { stamp: known, journal: Some(journal) })
                if same
                    && journal_stamp(place)
                        .is_some_and(|now| known.is_some_and(|known| known.grew_to(&now))) =>
            {
                *known = journal_stamp(place);
                let more = journal.scan(place)?;
                self.wait_for(more);
            }
            Some(_) => *self = Self::load(place)?,
            // A program that ignores the journal wrote the archive.
            None => {
                self.directory = Arc::new(Directory::load(place)?);
                let directory = &self.directory;
                self.waiting.retain(|key, _| {
                    let taken = directory.entries.contains_key(key);
                    if taken {
                        tracing::warn!(target: "storage", archive = place.shown, key,
                            "another program wrote an object of this name; its object stays, ours is lost");
                    }
                    !taken
                });
            }
        }
        Ok(())
    }

    /// From now on this process writes the journal.
    pub(super) fn own(&mut self) {
        self.read = None;
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.waiting.contains_key(key) || self.directory.entries.contains_key(key)
    }

    pub(super) fn find(&self, key: &str) -> Option<Found> {
        if let (Some(entry), Some(journal)) = (self.waiting.get(key), &self.journal) {
            return Some(Found { entry: entry.clone(), file: journal.clone(), waits: true });
        }
        let entry = self.directory.entries.get(key)?.clone();
        Some(Found { entry, file: self.directory.file.clone(), waits: false })
    }

    /// A page of what listings leave out; the token is the number of entries so
    /// far.
    fn skipped(&self, options: &ListOptions) -> Page {
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let told = options.start_after.as_deref().and_then(|told| told.parse().ok()).unwrap_or(0);
        let prefix = printable(options.prefix.as_bytes());
        let all = self.directory.skipped.iter().filter(|one| one.entry.starts_with(&prefix));
        let mut rest = all.skip(told);
        let page: Vec<_> = rest.by_ref().take(limit).cloned().collect();
        let next = rest.next().map(|_| (told + page.len()).to_string());
        Page::of_skipped(page, next)
    }

    /// A page of the listing.
    pub(super) fn list(&self, options: &ListOptions) -> Page {
        if options.skipped {
            return self.skipped(options);
        }
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let prefix = options.prefix.as_str();
        let from = match options.start_after.as_deref() {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = (from, Bound::Unbounded);
        let mut here = self.directory.entries.range::<str, _>(range).peekable();
        let mut waiting = self.waiting.range::<str, _>(range).peekable();
        let mut entries: Vec<storage_store::Entry> = Vec::new();
        loop {
            let next = match (here.peek(), waiting.peek()) {
                (Some(a), Some(b)) if a.0 > b.0 => waiting.next(),
                (Some(_), _) => here.next(),
                (None, _) => waiting.next(),
            };
            let Some((key, entry)) = next.filter(|(key, _)| key.starts_with(prefix)) else {
                return Page::of(entries, None);
            };
            if entries.len() == limit {
                let next = entries.last().map(|entry| entry.key.clone());
                return Page::of(entries, next);
            }
            entries.push(storage_store::Entry { key: key.clone(), info: entry.info() });
        }
    }
}
