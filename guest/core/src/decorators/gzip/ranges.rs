//! Ranges of objects that have an index.

use super::decode::Decompressor;
use super::index::{End, Place};
use crate::codec::{Decoder, EncodedRange, Feed, Index, Stored, Tail};
use storage_contract::types::Result;

/// The bytes to read of an object's end. They have all of the index of an object of up to
/// 5 GiB.
pub const TAIL: u64 = 16 * 1024;

/// The index of one object.
pub struct Members {
    end: End,
    tail: Tail,
    max_size: u64,
}

impl Members {
    /// The index at the end of an object; `None` if there is none, as after small objects
    /// and those of others.
    pub fn find(tail: Tail, max_size: u64) -> Option<Self> {
        let end = End::parse(&tail.bytes, tail.stored)?;
        Some(Self { end, tail, max_size })
    }

    /// A part of the index.
    fn part(&self, stored: &Stored<'_>, place: &Place) -> Result<Vec<u8>> {
        let begins = self.tail.stored.saturating_sub(self.tail.bytes.len() as u64);
        let at = place.start.checked_sub(begins).and_then(|at| usize::try_from(at).ok());
        let held = at.and_then(|at| self.tail.bytes.get(at..)?.get(..place.length));
        match held {
            Some(held) => Ok(held.to_vec()),
            None => stored.bytes(place.start, place.length as u64),
        }
    }

    /// Where a member begins, which may be where the last one ends. `None` if the index
    /// is damaged.
    fn begin(&self, stored: &Stored<'_>, member: u64) -> Result<Option<u64>> {
        if member == self.end.layout.members() {
            return Ok(Some(self.end.data));
        }
        let Some((place, number)) = self.end.place(member) else { return Ok(None) };
        Ok(place.find(&self.part(stored, &place)?, number))
    }
}

impl Index for Members {
    fn size(&self) -> u64 {
        self.end.layout.size
    }

    fn encoded_range(
        &self,
        stored: &Stored<'_>,
        start: u64,
        end: u64,
    ) -> Result<Option<EncodedRange>> {
        let layout = self.end.layout;
        let first = layout.member_at(start);
        let after = layout.member_at(end.saturating_sub(1)).saturating_add(1);
        let Some(from) = self.begin(stored, first)? else { return Ok(None) };
        let Some(to) = self.begin(stored, after)?.filter(|to| *to <= self.end.data) else {
            return Ok(None);
        };
        let length = to.checked_sub(from).filter(|length| *length > 0);
        let skip = start.saturating_sub(layout.start(first));
        Ok(length.map(|length| EncodedRange { start: from, length, skip }))
    }

    fn decoder(&self, feed: Feed, start: u64, at: &EncodedRange) -> Box<dyn Decoder> {
        let layout = self.end.layout;
        let member = layout.member_at(start);
        Box::new(Decompressor::within(feed, self.max_size, layout, member, at.start))
    }
}
