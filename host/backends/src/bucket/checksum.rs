//! What the bytes of an object add up to.

use md5::{Digest as _, Md5};
use storage_store::digest::Sum;

/// The digest that the complete object must have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Digest {
    /// Nothing is known.
    Unknown,
    /// This MD5, in hex.
    Md5(String),
    /// The MD5 of the MD5s of parts of this size, followed by their number.
    Parts(u64, String),
}

/// The etag of a multipart upload, from the MD5s of its parts.
pub(super) fn composite(md5s: &[u8]) -> String {
    format!("{}-{}", hex::encode(Md5::digest(md5s)), md5s.len() / 16)
}

/// The digest of the bytes read so far.
pub(super) struct Check {
    wanted: Digest,
    whole: Md5,
    /// MD5s of the complete parts.
    parts: Vec<u8>,
    in_part: u64,
}

impl Check {
    pub(super) fn new(wanted: Digest) -> Option<Self> {
        let check = Self { wanted, whole: Md5::new(), parts: Vec::new(), in_part: 0 };
        Some(check).filter(|check| check.wanted != Digest::Unknown)
    }

    fn end_part(&mut self) {
        self.parts.extend_from_slice(&self.whole.finalize_reset());
        self.in_part = 0;
    }

    pub(super) fn holds(mut self) -> bool {
        match &self.wanted {
            Digest::Unknown => true,
            Digest::Md5(md5) => hex::encode(self.whole.finalize()) == *md5,
            Digest::Parts(_, etag) => {
                let etag = etag.clone();
                self.end_part();
                composite(&self.parts) == etag
            }
        }
    }
}

impl Sum for Check {
    fn add(&mut self, mut bytes: &[u8]) {
        let Digest::Parts(size, _) = self.wanted else {
            self.whole.update(bytes);
            return;
        };
        while !bytes.is_empty() {
            if self.in_part == size {
                self.end_part();
            }
            let room = usize::try_from(size - self.in_part).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.whole.update(now);
            self.in_part += now.len() as u64;
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_checked_however_the_bytes_come() {
        let data: Vec<u8> = (0..=250).collect();
        let md5s: Vec<u8> = data.chunks(100).flat_map(Md5::digest).collect();
        let etag = composite(&md5s);
        assert!(etag.ends_with("-3"));
        for step in [1, 99, 100, 101, 251] {
            let mut check = Check::new(Digest::Parts(100, etag.clone())).unwrap();
            data.chunks(step).for_each(|chunk| check.add(chunk));
            assert!(check.holds(), "in steps of {step}");
        }
        let mut check = Check::new(Digest::Parts(100, etag)).unwrap();
        check.add(&data[1..]);
        assert!(!check.holds());
    }
}
