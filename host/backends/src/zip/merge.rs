//! Merges the journal into the archive: a new archive is built next to the old one
//! and replaces it in one step. Readers of the old one go on; whoever opens the
//! archive finds a complete one at any moment.

use super::archive_path::{ArchivePath, Stamp};
use super::directory::{Directory, Entries};
use super::extra_field::ExtraField;
use super::journal::span;
use super::record::{Record, end};
use super::view::Shared;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use storage_store::files;
use storage_store::{Error, Result};

/// Creates an empty archive if there is none. Requires the lock: its last holder
/// may have created one.
pub(super) fn create(place: &ArchivePath) -> Result<()> {
    let make = || {
        if place.path.try_exists()? {
            return Ok(());
        }
        let mut file = files::create(&place.making())?;
        file.write_all(&end(0, 0, 0, &[]))?;
        sync(place, &file)?;
        std::fs::rename(place.making(), &place.path)?;
        place.sync_folder()
    };
    make().map_err(|e| place.io(&e))
}

/// Moves waiting objects into the archive, then removes the journal. Only the
/// writer thread may call this; readers go on meanwhile.
pub(super) fn merge(shared: &Shared) -> Result<()> {
    let place = &shared.place;
    let fail = |e: io::Error| {
        Error::Unavailable(format!(
            "{}: what was put is safe in the journal beside the archive, but could not be put into \
             the archive ({e}); the next start does that",
            place.shown
        ))
    };
    loop {
        let (old, waiting, journal) = {
            let mut view = shared.write();
            view.refresh(place)?;
            (view.directory.clone(), view.waiting.clone(), view.journal.clone())
        };
        let Some(journal) = journal else { return Ok(()) };
        if !waiting.is_empty() {
            if let Some(why) = old.fixed {
                return Err(fixed(place, why));
            }
            let undo = |_: &io::Error| drop(std::fs::remove_file(place.making()));
            let built = build(place, &old, &journal, &waiting).inspect_err(undo);
            let (file, mut directory) = built.map_err(fail)?;
            // Under the lock, so that nobody takes our archive for another
            // program's.
            let mut view = shared.write();
            if Stamp::of_path(&place.path).map_err(fail)? != old.stamp {
                // Another program wrote the archive meanwhile.
                continue;
            }
            std::fs::rename(place.making(), &place.path).inspect_err(undo).map_err(fail)?;
            directory.stamp = Stamp::of(&file).map_err(fail)?;
            directory.file = Arc::new(file);
            view.directory = Arc::new(directory);
            view.waiting.clear();
        }
        // Keep the journal until the archive is safely in place.
        place.sync_folder().map_err(fail)?;
        std::fs::remove_file(place.journal()).map_err(fail)?;
        shared.write().journal = None;
        return Ok(());
    }
}

/// The error for an archive that nothing can be added to.
pub(super) fn fixed(place: &ArchivePath, why: &str) -> Error {
    Error::Unsupported(format!("{}: nothing can be added to this archive: {why}", place.shown))
}

/// Builds the new archive and its directory, in which `file` and `stamp` are still
/// the old ones.
fn build(
    place: &ArchivePath,
    old: &Directory,
    journal: &File,
    waiting: &Entries,
) -> io::Result<(File, Directory)> {
    let file = files::create(&place.making())?;
    file.set_permissions(old.file.metadata()?.permissions())?;
    // The kernel shares the blocks where the filesystem can.
    let mut source = old.file.try_clone()?;
    io::Seek::rewind(&mut source)?;
    io::copy(&mut io::Read::take(source, old.start), &mut &file)?;
    let mut out = BufWriter::with_capacity(256 * 1024, &file);
    let mut at = old.start;
    let mut central = Vec::new();
    let mut entries = old.entries.clone();
    let mut waiting: Vec<_> = waiting.iter().collect();
    waiting.sort_by_key(|(_, entry)| entry.offset);
    let none = ExtraField::default();
    for (key, entry) in &waiting {
        let record = Record {
            key,
            size: entry.size,
            crc: entry.crc,
            modified: entry.modified.unwrap_or(0),
            kept: entry.kept.as_deref().unwrap_or(&none),
        };
        let header = record.local();
        out.write_all(&header)?;
        span(journal, entry.offset, entry.size, |piece, _| out.write_all(piece))?;
        central.extend(record.central(at));
        let mut moved = (*entry).clone();
        moved.offset = at;
        entries.insert((*key).clone(), moved);
        at += header.len() as u64 + entry.size;
    }
    let start = at;
    span(&old.file, old.start, old.length, |piece, _| out.write_all(piece))?;
    out.write_all(&central)?;
    let length = old.length + central.len() as u64;
    let count = old.count + waiting.len() as u64;
    out.write_all(&end(count, length, start, &old.comment))?;
    out.flush()?;
    drop(out);
    sync(place, &file)?;
    let directory = Directory {
        file: old.file.clone(),
        stamp: old.stamp,
        entries,
        skipped: old.skipped.clone(),
        start,
        length,
        count,
        comment: old.comment.clone(),
        fixed: None,
    };
    Ok((file, directory))
}

fn sync(place: &ArchivePath, file: &File) -> io::Result<()> {
    if place.durable() { file.sync_all() } else { Ok(()) }
}
