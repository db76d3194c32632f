//! Decompression: members in a row become plain bytes.

use super::layout::Layout;
use crate::codec::{Decoder, Feed};
use flate2::bufread::GzDecoder;
use std::io::{self, Read};
use storage_contract::types::{Error, Result};

/// The most bytes to return at a time.
const CHUNK: usize = 256 * 1024;

enum State {
    /// Before a member, or at the end.
    Between(Feed),
    Inside(Box<GzDecoder<Feed>>),
    Done,
}

/// Decompresses one object, or some members of it.
pub struct Decompressor {
    state: State,
    left: u64,
    max_size: u64,
    /// Where the feed begins in the stored object.
    from: u64,
    /// What the index says of the members, if it led here.
    expected: Option<Expected>,
}

/// What an index says of the members that it leads to. Without a look at it, members that
/// are exchanged, or an index that fits other ones, would give bytes of elsewhere.
struct Expected {
    layout: Layout,
    member: u64,
    /// The plain bytes of this member so far.
    came: u64,
}

impl Decompressor {
    /// For a whole object.
    pub fn new(feed: Feed, max_size: u64) -> Self {
        Self { state: State::Between(feed), left: max_size, max_size, from: 0, expected: None }
    }

    /// For the members of an object from this one, which begins at `from`.
    pub fn within(feed: Feed, max_size: u64, layout: Layout, member: u64, from: u64) -> Self {
        // A range is where it is: what lies beyond the limit, lies beyond it by itself, too.
        let left = max_size.saturating_sub(layout.start(member));
        let expected = Some(Expected { layout, member, came: 0 });
        Self { state: State::Between(feed), left, max_size, from, expected }
    }

    fn count(&mut self, count: u64) -> Result<()> {
        let Some(left) = self.left.checked_sub(count) else {
            return Err(Error::LimitExceeded(format!(
                "the object decompresses to more than the max_size of {} bytes",
                self.max_size
            )));
        };
        self.left = left;
        if let Some(expected) = &mut self.expected {
            expected.came = expected.came.saturating_add(count);
        }
        Ok(())
    }
}

impl Expected {
    /// At the end of a member.
    fn end_member(&mut self) -> Result<()> {
        let length = self.layout.length(self.member);
        if self.came != length {
            return Err(Error::InvalidData(format!(
                "the stored bytes are not the gzip data of their index: member {} has {} bytes, not {length}",
                self.member, self.came
            )));
        }
        (self.member, self.came) = (self.member.saturating_add(1), 0);
        Ok(())
    }
}

impl Decoder for Decompressor {
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        // Members may be empty, as those of the index are; only the last one is the end.
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(Vec::new()),
                State::Between(mut feed) => {
                    if !at_end(&mut feed)? {
                        self.state = State::Inside(Box::new(GzDecoder::new(feed)));
                    }
                }
                State::Inside(mut member) => {
                    out.resize(max.clamp(1, CHUNK), 0);
                    let count = match member.read(&mut out) {
                        Ok(count) => count,
                        Err(error) => {
                            let near = member.get_ref().offset().saturating_add(self.from);
                            return Err(corrupt(&error, near));
                        }
                    };
                    if count == 0 {
                        self.expected.as_mut().map_or(Ok(()), Expected::end_member)?;
                        self.state = State::Between(member.into_inner());
                        continue;
                    }
                    self.count(count as u64)?;
                    out.truncate(count);
                    self.state = State::Inside(member);
                    return Ok(out);
                }
            }
        }
    }
}

/// Whether only the zeroes that Python accepts after a member follow.
fn at_end(feed: &mut Feed) -> Result<bool> {
    loop {
        let first = feed.offset() == 0;
        let held = feed.fill()?;
        if held.is_empty() {
            // No bytes at all is a truncated object; an empty one has 20 bytes.
            return match first {
                true => Err(Error::InvalidData(
                    "the stored bytes are not gzip data: there are none".to_owned(),
                )),
                false => Ok(true),
            };
        }
        let zeroes = held.iter().take_while(|b| **b == 0).count();
        if first || zeroes == 0 {
            return Ok(false);
        }
        feed.take(zeroes);
    }
}

fn corrupt(error: &io::Error, offset: u64) -> Error {
    if let Some(error) = Feed::error(error) {
        return error;
    }
    let problem = match error.kind() {
        io::ErrorKind::UnexpectedEof => "they end in the middle".to_owned(),
        _ => error.to_string(),
    };
    Error::InvalidData(format!(
        "the stored bytes are not whole gzip data: {problem}, near byte {offset}"
    ))
}
