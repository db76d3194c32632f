//! Writes the records of an archive (PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12
//! and 4.3.14 to 4.3.16). Objects are stored uncompressed, as the Python library
//! does.

use super::extra_field::ExtraField;
use storage_store::{Error, Result};
use time::OffsetDateTime;

/// The id of our extra field; the specification does not assign it.
pub(super) const EXTRA: u16 = 0x6f53;

/// A field with this value refers to the ZIP64 field.
const FULL: u64 = 0xffff_ffff;

const UTF8: u16 = 1 << 11;

/// An entry to write.
pub(super) struct Record<'a> {
    pub(super) key: &'a str,
    pub(super) size: u64,
    pub(super) crc: u32,
    /// Milliseconds since 1970.
    pub(super) modified: u64,
    pub(super) kept: &'a ExtraField,
}

#[derive(Default)]
struct Out(Vec<u8>);

impl Out {
    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }
    /// A field of four bytes, or the marker that refers to ZIP64.
    fn small(&mut self, value: u64) -> &mut Self {
        self.u32(u32::try_from(value).unwrap_or(u32::MAX))
    }
    fn count(&mut self, value: usize) -> &mut Self {
        self.u16(u16::try_from(value).unwrap_or(u16::MAX))
    }
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

impl Record<'_> {
    /// Rejects metadata that does not fit into a record.
    pub(super) fn check(&self) -> Result<()> {
        const ROOM: usize = u16::MAX as usize - 32;
        if self.extra(&[]).len() > ROOM {
            return Err(Error::LimitExceeded(format!(
                "an archive keeps less than {ROOM} bytes of metadata with an object"
            )));
        }
        Ok(())
    }

    /// The header before the bytes.
    pub(super) fn local(&self) -> Vec<u8> {
        let large = self.size >= FULL;
        let sizes = [self.size, self.size];
        let extra = self.extra(if large { &sizes } else { &[] });
        let size = if large { FULL } else { self.size };
        let mut out = Out::default();
        out.u32(0x0403_4b50);
        self.common(&mut out, large);
        out.small(size).small(size).count(self.key.len()).count(extra.len());
        out.bytes(self.key.as_bytes()).bytes(&extra);
        out.0
    }

    /// The entry of the central directory; the local header is at `offset`.
    pub(super) fn central(&self, offset: u64) -> Vec<u8> {
        let mut long = Vec::new();
        if self.size >= FULL {
            long.extend([self.size, self.size]);
        }
        if offset >= FULL {
            long.push(offset);
        }
        let extra = self.extra(&long);
        let mut out = Out::default();
        // "Made by": Unix (3) and the version needed, as Python writes it.
        out.u32(0x0201_4b50).u16((3 << 8) | self.version(!long.is_empty()));
        self.common(&mut out, !long.is_empty());
        out.small(self.size.min(FULL)).small(self.size.min(FULL));
        out.count(self.key.len()).count(extra.len()).u16(0).u16(0).u16(0);
        // Mode 0600 without a file type, as from Python's `writestr`.
        out.u32(0o600 << 16).small(offset.min(FULL));
        out.bytes(self.key.as_bytes()).bytes(&extra);
        out.0
    }

    fn version(&self, large: bool) -> u16 {
        if large { 45 } else { 20 }
    }

    fn common(&self, out: &mut Out, large: bool) {
        let flags = if self.key.is_ascii() { 0 } else { UTF8 };
        let (date, time) = dos(self.modified);
        out.u16(self.version(large)).u16(flags).u16(0).u16(time).u16(date).u32(self.crc);
    }

    fn extra(&self, long: &[u64]) -> Vec<u8> {
        let mut out = Out::default();
        if !long.is_empty() {
            out.u16(1).count(long.len() * 8);
            for value in long {
                out.u64(*value);
            }
        }
        let kept = self.kept.encode();
        out.u16(EXTRA).count(kept.len()).bytes(&kept);
        out.0
    }
}

/// The end of an archive: `count` entries in a directory of `size` bytes at
/// `offset`.
pub(super) fn end(count: u64, size: u64, offset: u64, comment: &[u8]) -> Vec<u8> {
    let mut out = Out::default();
    if count >= 0xffff || size >= FULL || offset >= FULL {
        out.u32(0x0606_4b50).u64(44).u16(45).u16(45).u32(0).u32(0);
        out.u64(count).u64(count).u64(size).u64(offset);
        out.u32(0x0706_4b50).u32(0).u64(offset + size).u32(1);
    }
    let few = usize::try_from(count).unwrap_or(usize::MAX);
    out.u32(0x0605_4b50).u16(0).u16(0).count(few).count(few);
    out.small(size).small(offset).count(comment.len()).bytes(comment);
    out.0
}

/// 1980-01-01 00:00:00 and 2107-12-31 23:59:58.
const FIRST: (u16, u16) = ((1 << 5) | 1, 0);
const LAST: (u16, u16) = ((127 << 9) | (12 << 5) | 31, (23 << 11) | (59 << 5) | 29);

/// Date and time in MS-DOS format, in UTC, clamped to the years 1980 to 2107.
fn dos(modified: u64) -> (u16, u16) {
    let seconds = i64::try_from(modified / 1000).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    match at.year() {
        ..1980 => FIRST,
        2108.. => LAST,
        year => {
            let year = u16::try_from(year - 1980).unwrap_or_default();
            let date = (year << 9) | (u16::from(u8::from(at.month())) << 5) | u16::from(at.day());
            let (hour, minute) = (u16::from(at.hour()), u16::from(at.minute()));
            let time = (hour << 11) | (minute << 5) | (u16::from(at.second()) / 2);
            (date, time)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_outside_of_what_dos_knows_are_the_nearest() {
        assert_eq!(dos(0), FIRST);
        assert_eq!(dos(253_402_300_799_000), LAST);
        let moment = 1_700_000_000_000; // 2023-11-14 22:13:20
        assert_eq!(dos(moment), ((43 << 9) | (11 << 5) | 14, (22 << 11) | (13 << 5) | 10));
    }
}
