//! The central directory of an archive, in memory.

use super::archive_path::{ArchivePath, Stamp};
use super::extra_field::ExtraField;
use super::{name, record};
use rawzip::extra_fields::ExtraFieldId;
use rawzip::time::{TimeZoneMarker, ZipDateTime, ZipDateTimeKind};
use rawzip::{RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipFileHeaderRecord};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use storage_store::files;
use storage_store::{Error, ObjectInfo, Result, Skipped};

/// Entries by key.
pub(super) type Entries = BTreeMap<String, Entry>;

/// An object in the archive, or one that waits in the journal.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Offset of the local header in the archive, or of the bytes in the journal.
    pub(super) offset: u64,
    pub(super) size: u64,
    /// The size in bytes as stored.
    pub(super) packed: u64,
    pub(super) crc: u32,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    /// Milliseconds since 1970.
    pub(super) modified: Option<u64>,
    pub(super) kept: Option<Box<ExtraField>>,
}

impl Entry {
    /// The object's info.
    pub(super) fn info(&self) -> ObjectInfo {
        // Our objects move once, from the journal into the archive; the offset
        // changes then.
        let version = match (&self.kept, self.modified) {
            (Some(_), Some(modified)) => modified,
            _ => self.offset,
        };
        let info = ObjectInfo {
            size: Some(self.size),
            etag: Some(format!("{:08x}-{:x}-{version:x}-1", self.crc, self.size)),
            modified: self.modified,
            ..ObjectInfo::default()
        };
        match &self.kept {
            Some(kept) => kept.over(info),
            None => info,
        }
    }
}

/// An open archive and its contents.
pub(super) struct Directory {
    pub(super) file: Arc<File>,
    pub(super) stamp: Stamp,
    pub(super) entries: Entries,
    /// Entries that are not objects.
    pub(super) skipped: Arc<[Skipped]>,
    /// The directory's offset, its length in bytes, and its number of entries.
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) count: u64,
    pub(super) comment: Vec<u8>,
    /// Why nothing can be added, if so.
    pub(super) fixed: Option<&'static str>,
}

impl Directory {
    /// Reads the directory of the archive.
    pub(super) fn load(place: &ArchivePath) -> Result<Self> {
        let file = files::open(&place.path).map_err(|e| place.io(&e))?;
        let stamp = Stamp::of(&file).map_err(|e| place.io(&e))?;
        let bad = |problem: String| {
            Error::InvalidData(format!("{}: not a sound zip archive: {problem}", place.shown))
        };
        let unread = |e: rawzip::Error| match e.kind() {
            // The disk failed; the archive may be sound.
            rawzip::ErrorKind::IO(e) if e.raw_os_error().is_some() => place.io(e),
            _ => bad(e.to_string()),
        };
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let handle = file.try_clone().map_err(|e| place.io(&e))?;
        let archive = ZipArchive::from_file(handle, &mut buffer).map_err(unread)?;
        let mut comment = Vec::new();
        archive.comment().read_to_end(&mut comment).map_err(|e| place.io(&e))?;
        let (start, end) = (archive.directory_offset(), archive.eocd_offset());
        let mut entries = Entries::new();
        let mut skipped = Vec::new();
        let mut count = 0;
        let mut length = 0;
        let mut listed = archive.entries(&mut buffer);
        while let Some(found) = listed.next_entry().map_err(unread)? {
            count += 1;
            length += central_length(&found);
            // Of two entries with one name, Python reads the later one, too.
            match entry(&found) {
                Ok((key, entry)) => {
                    if entries.insert(key.clone(), entry).is_some() {
                        skipped.push(Skipped::new(key.as_bytes(), REPLACED));
                    }
                }
                Err(no_key) => skipped.push(no_key),
            }
        }
        let file = Arc::new(file);
        let fixed = shifted(&file, start, end);
        let skipped = skipped.into();
        Ok(Self { file, stamp, entries, skipped, start, length, count, comment, fixed })
    }
}

fn central_length(found: &ZipFileHeaderRecord<'_>) -> u64 {
    let extra = found.extra_fields().remaining_bytes().len();
    let name = found.file_path().as_bytes().len();
    46 + (name + extra + found.comment().as_bytes().len()) as u64
}

/// Why an entry with a valid name is not an object.
const REPLACED: &str = "a later entry of the archive has the same name, and counts";

fn entry(found: &ZipFileHeaderRecord<'_>) -> Result<(String, Entry), Skipped> {
    let key = name::key(found.file_path().as_bytes(), found.flags().is_utf8())?;
    let kept = found
        .extra_fields()
        .find(|(id, _)| *id == ExtraFieldId::new(record::EXTRA))
        .and_then(|(_, bytes)| ExtraField::decode(bytes));
    let modified = match found.last_modified() {
        ZipDateTimeKind::Utc(at) => unix(&at),
        // The zone is unknown; assume UTC, as we write it.
        ZipDateTimeKind::Local(at) => unix(&at),
    };
    let entry = Entry {
        offset: found.local_header_offset(),
        size: found.uncompressed_size_hint(),
        packed: found.compressed_size_hint(),
        crc: found.crc32(),
        method: found.compression_method().as_u16(),
        encrypted: found.flags().is_encrypted(),
        modified: kept.as_ref().and_then(ExtraField::modified).or(modified),
        kept: kept.map(Box::new),
    };
    Ok((key, entry))
}

/// Converts a time to milliseconds since 1970.
fn unix<Zone: TimeZoneMarker>(at: &ZipDateTime<Zone>) -> Option<u64> {
    let month = time::Month::try_from(at.month()).ok()?;
    let date = time::Date::from_calendar_date(i32::from(at.year()), month, at.day()).ok()?;
    let moment = date.with_hms(at.hour(), at.minute(), at.second()).ok()?.assume_utc();
    u64::try_from(moment.unix_timestamp()).ok()?.checked_mul(1000)
}

/// Why nothing can be added if offsets do not count from the start of the file:
/// ours could not stand next to them.
fn shifted(file: &File, start: u64, end: u64) -> Option<&'static str> {
    let mut record = [0; 4];
    file.read_exact_at(&mut record, end + 16).ok()?;
    let told = u32::from_le_bytes(record);
    (told != u32::MAX && u64::from(told) != start)
        .then_some("something stands before it (a self-extracting archive?); repair it with zip -A")
}
