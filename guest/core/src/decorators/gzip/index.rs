//! The index of an object in several members, as bytes.
//!
//! It follows the members, and is itself members, of no plain bytes: their headers have
//! what it says, in an extra field (RFC 1952, section 2.3.1.1). So any reader of gzip
//! decodes it to nothing. First come members with the lengths of those before, then one
//! of a fixed length, so that it is found from the end. All numbers are little-endian, as
//! in all of gzip. `docs/stores/gzip.md` draws the bytes.

use super::layout::Layout;
use flate2::Crc;

/// The subfield of lengths.
const LENGTHS: [u8; 2] = *b"MI";

/// The subfield of the last member.
const END: [u8; 2] = *b"ME";

/// The version of all this.
const VERSION: u8 = 1;

/// How many lengths one member has. The last one of the index may have fewer.
const PER_MEMBER: u16 = 16 * 1024;

/// The most that fit into an extra field of 65,535 bytes.
const MOST_PER_MEMBER: u16 = 21_839;

/// The bytes of a length.
const WIDTH: usize = 3;

/// A header (10 bytes), the length of the extra field, and the subfield's name and length.
const BEFORE: usize = 16;

/// An empty block, its CRC-32 and its length.
const AFTER: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The bytes around the lengths of a member: those of any empty one, the offset that they
/// count from, and the checksum.
const AROUND: usize = BEFORE + 8 + 4 + AFTER.len();

/// The bytes of the last member.
pub const END_LENGTH: usize = BEFORE + 32 + AFTER.len();

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What comes before `length` bytes of a subfield in an empty member.
fn before([a, b]: [u8; 2], length: u16) -> [u8; BEFORE] {
    // The subfield has four bytes before its data. No caller comes near the limit.
    let [x, xx] = length.saturating_add(4).to_le_bytes();
    let [l, ll] = length.to_le_bytes();
    // Deflate, an extra field, no time, no flags of the level, an unknown system.
    [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, x, xx, a, b, l, ll]
}

/// Takes the subfield's data from an empty member that is exactly as we write it, and
/// whose checksum is right. Returns it without the checksum.
fn checked(member: &[u8], name: [u8; 2], length: u16) -> Option<&[u8]> {
    let data = member.strip_prefix(&before(name, length))?.strip_suffix(&AFTER)?;
    let (data, sum) = data.split_last_chunk::<4>()?;
    let right = data.len() + 4 == usize::from(length) && crc(data) == u32::from_le_bytes(*sum);
    right.then_some(data)
}

fn append(name: [u8; 2], length: u16, data: &[u8], out: &mut Vec<u8>) {
    out.extend(before(name, length));
    out.extend(data);
    out.extend(crc(data).to_le_bytes());
    out.extend(AFTER);
}

/// The length of the subfield with so many lengths.
fn field(count: u16) -> u16 {
    count.saturating_mul(3).saturating_add(12)
}

fn wide(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The lengths of members, gathered while they are written: three bytes for each, which
/// is three millionths of the object.
#[derive(Default)]
pub struct Lengths {
    bytes: Vec<u8>,
    total: u64,
}

impl Lengths {
    /// Adds the length of a compressed member; `None` if that is not a possible one.
    pub fn add(&mut self, length: u64) -> Option<()> {
        let [a, b, c, 0, 0, 0, 0, 0] = length.to_le_bytes() else { return None };
        self.bytes.extend([a, b, c]);
        self.total = self.total.checked_add(length)?;
        Some(())
    }

    /// Appends the index of an object of `size` plain bytes.
    pub fn append_index(&self, size: u64, out: &mut Vec<u8>) {
        let mut offset = 0u64;
        for lengths in self.bytes.chunks(usize::from(PER_MEMBER) * WIDTH) {
            let data = [&offset.to_le_bytes(), lengths].concat();
            let count = u16::try_from(lengths.len() / WIDTH).unwrap_or(PER_MEMBER);
            append(LENGTHS, field(count), &data, out);
            offset += lengths.chunks(WIDTH).map(wide).sum::<u64>();
        }
        let layout = Layout::of(size);
        End { layout, data: self.total, per_member: PER_MEMBER }.append(out);
    }
}

/// What the last member says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub layout: Layout,
    /// How many bytes the members before the index have.
    pub data: u64,
    per_member: u16,
}

/// A part of the index: a member with lengths.
pub struct Place {
    /// Where it begins in the object.
    pub start: u64,
    /// Its bytes: never more than fit into a member of the index.
    pub length: usize,
    count: u16,
}

impl End {
    /// Appends the member.
    fn append(&self, out: &mut Vec<u8>) {
        let Self { layout: Layout { size, first, other }, data, per_member } = self;
        let mut field = vec![VERSION, 0];
        field.extend(per_member.to_le_bytes());
        field.extend(first.to_le_bytes());
        field.extend(other.to_le_bytes());
        field.extend(size.to_le_bytes());
        field.extend(data.to_le_bytes());
        append(END, 32, &field, out);
    }

    /// Reads it from the last bytes of an object of `stored` bytes. `None` if they are
    /// no such member, or one that does not fit the object, as where something was
    /// appended to one.
    pub fn parse(tail: &[u8], stored: u64) -> Option<Self> {
        let member = tail.last_chunk::<END_LENGTH>()?;
        let data = checked(member, END, 32)?;
        let (&[VERSION, 0], data) = data.split_first_chunk::<2>()? else { return None };
        let (per_member, data) = data.split_first_chunk::<2>()?;
        let (first, data) = data.split_first_chunk::<4>()?;
        let (other, data) = data.split_first_chunk::<4>()?;
        let (size, data) = data.split_first_chunk::<8>()?;
        let (first, other) = (u32::from_le_bytes(*first), u32::from_le_bytes(*other));
        let layout = Layout { size: u64::from_le_bytes(*size), first, other };
        let per_member = u16::from_le_bytes(*per_member);
        let end = Self { layout, data: wide(data), per_member };
        let possible = (1..=MOST_PER_MEMBER).contains(&per_member) && first > 0 && other > 0;
        (possible && end.stored() == Some(stored)).then_some(end)
    }

    /// The number of bytes that an object with this end has.
    fn stored(&self) -> Option<u64> {
        let (per_member, members) = (u64::from(self.per_member), self.layout.members());
        let around = members.div_ceil(per_member).checked_mul(AROUND as u64)?;
        let lengths = members.checked_mul(WIDTH as u64)?;
        self.data.checked_add(around)?.checked_add(lengths)?.checked_add(END_LENGTH as u64)
    }

    /// The part of the index that has the length of this member, and the member's number
    /// in it. `None` if there is no such member.
    pub fn place(&self, member: u64) -> Option<(Place, u16)> {
        let per_member = u64::from(self.per_member);
        let left = self.layout.members().checked_sub(member).filter(|left| *left > 0)?;
        let (part, number) = (member / per_member, member % per_member);
        let count = u16::try_from(left.checked_add(number)?.min(per_member)).ok()?;
        let full = AROUND as u64 + per_member * WIDTH as u64;
        let start = self.data.checked_add(part.checked_mul(full)?)?;
        let length = AROUND + usize::from(count) * WIDTH;
        Some((Place { start, length, count }, u16::try_from(number).ok()?))
    }
}

impl Place {
    /// Where a member begins, by the part of the index that has its length; `None` if
    /// that is damaged.
    pub fn find(&self, part: &[u8], number: u16) -> Option<u64> {
        let (offset, lengths) = checked(part, LENGTHS, field(self.count))?.split_first_chunk()?;
        let before = lengths.get(..usize::from(number) * WIDTH)?.chunks(WIDTH).map(wide);
        u64::from_le_bytes(*offset).checked_add(before.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{FIRST, OTHER};
    use super::*;
    use proptest::prelude::*;

    /// The plain size of this many members.
    fn size(members: u64) -> u64 {
        u64::from(FIRST) + (members - 1) * u64::from(OTHER)
    }

    /// The index of members of the lengths 100, 101, …
    fn index(members: u64) -> (Vec<u8>, u64, Vec<u64>) {
        let (mut lengths, mut starts) = (Lengths::default(), vec![0]);
        for member in 0..members {
            lengths.add(100 + member).unwrap();
            starts.push(starts.last().unwrap() + 100 + member);
        }
        let mut out = Vec::new();
        lengths.append_index(size(members), &mut out);
        (out, lengths.total, starts)
    }

    #[test]
    fn members_are_found_in_an_index_of_several_parts() {
        let per_member = u64::from(PER_MEMBER);
        for members in [2, 3, per_member - 1, per_member, per_member + 1, 2 * per_member + 5] {
            let (bytes, data, starts) = index(members);
            let end = End::parse(&bytes, data + bytes.len() as u64).unwrap();
            assert_eq!((end.layout, end.data), (Layout::of(size(members)), data));
            for member in [0, 1, per_member - 1, per_member, per_member + 1, members - 1] {
                let Some((place, number)) = end.place(member).filter(|_| member < members) else {
                    continue;
                };
                let from = usize::try_from(place.start - data).unwrap();
                let part = &bytes[from..from + place.length];
                let start = starts[usize::try_from(member).unwrap()];
                assert_eq!(place.find(part, number), Some(start), "{member} of {members}");
                assert_eq!(place.find(&part[1..], number), None);
            }
            assert!(end.place(members).is_none() && end.place(u64::MAX).is_none());
        }
    }

    /// A contract with all that was ever written: other bytes need another version, and a
    /// reader of these.
    #[test]
    fn the_bytes_of_an_index_stay_as_they_are_documented() {
        let (bytes, data, _) = index(3);
        assert_eq!(data, 303);
        let (lengths, end) = bytes.split_last_chunk::<END_LENGTH>().unwrap();
        // Calculated by Python.
        let python = "1f8b08040000000000ff19004d49150000000000000000006400006500006600006e0803dc03000000000000000000";
        assert_eq!(hex::encode(lengths), python);
        let python = "1f8b08040000000000ff24004d45200001000040000040000000100000006000000000002f01000000000000b59af9d403000000000000000000";
        assert_eq!(hex::encode(end), python);
    }

    #[test]
    fn an_end_is_only_that_of_an_object_of_its_length() {
        let (bytes, data, _) = index(7);
        let stored = data + bytes.len() as u64;
        assert!(End::parse(&bytes, stored).is_some());
        for other in [0, stored - 1, stored + 1, 2 * stored, u64::MAX] {
            assert_eq!(End::parse(&bytes, other), None);
        }
        assert_eq!(End::parse(&bytes[bytes.len() - END_LENGTH + 1..], stored), None);
    }

    #[test]
    fn numbers_that_can_not_be_are_refused() {
        let forge = |per_member: u16, first: u32, other: u32, size: u64, data: u64| {
            let mut out = Vec::new();
            End { layout: Layout { size, first, other }, data, per_member }.append(&mut out);
            [0, 1, 1000, u64::MAX].into_iter().find_map(|stored| End::parse(&out, stored))
        };
        let max = u64::MAX;
        for (per, first, other) in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (u16::MAX, 1, 1), (9, 1, 1)] {
            for (size, data) in [(max, max), (max, 0), (0, max), (9, max - 58)] {
                assert_eq!(forge(per, first, other, size, data), None);
            }
        }
    }

    proptest! {
        /// Whoever writes to the base can calculate checksums.
        #[test]
        fn numbers_of_any_kind_do_no_harm(
            per_member in 0u16..30_000, first in any::<u32>(), other in any::<u32>(),
            size in any::<u64>(), data in any::<u64>(), small in 0u32..64, member in any::<u64>(),
        ) {
            let (size, data) = (size >> small, data >> small);
            let layout = Layout { size, first, other };
            let end = End { layout, data, per_member };
            let fits = first > 0 && other > 0 && per_member > 0;
            let Some(stored) = fits.then(|| end.stored()).flatten() else { return Ok(()) };
            let mut bytes = Vec::new();
            end.append(&mut bytes);
            let found = End::parse(&bytes, stored);
            prop_assert_eq!(found, (per_member <= MOST_PER_MEMBER).then_some(end));
            for member in [0, member % layout.members(), layout.members() - 1] {
                let Some((place, _)) = found.and_then(|end| end.place(member)) else { continue };
                prop_assert!(place.length <= 1 << 16);
                prop_assert!(place.start >= data && place.start < stored);
            }
        }
    }

    #[test]
    fn a_length_that_no_member_has_is_refused() {
        let mut lengths = Lengths::default();
        assert!(lengths.add((1 << 24) - 1).is_some());
        assert!(lengths.add(1 << 24).is_none());
    }
}
