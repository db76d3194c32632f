//! What the bytes of an object add up to: a CRC, or an MD5 where that is asked for.
//!
//! Uploads carry a CRC-32: of all algorithms this is the one that every server with
//! checksums takes (Amazon, MinIO, Ceph, R2, Garage), since the official clients send it
//! unless they are told otherwise; CRC-64/NVME came years later. As with those clients, an
//! upload in parts does not say what its checksum is of. Amazon, Garage and MinIO then make
//! it of the parts' checksums ("composite"), Ceph of all bytes, which other servers only do
//! with CRC-64, or refuse. Readers take either, from whatever client.

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::ChecksumType;
use base64_simd::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};
use storage_store::digest::Sum;

/// The digest that the complete object must have.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Digest {
    /// Nothing is known.
    Unknown,
    /// This CRC.
    Crc(Crc),
    /// The CRC of the CRCs of parts of this size.
    CrcOfParts(u64, Crc),
    /// This MD5, in hex.
    Md5(String),
    /// The MD5 of the MD5s of parts of this size, followed by their number.
    Md5OfParts(u64, String),
}

/// What is kept with an object, in its metadata, to check it by.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    Nothing,
    /// The CRC-32 of the bytes.
    Crc(Crc),
    /// The MD5 of the bytes, in hex.
    Md5(String),
    /// The size of each part but the last. The digest itself is the server's.
    PartSize(u64),
}

/// A CRC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Crc {
    algorithm: CrcAlgorithm,
    value: u64,
}

impl Crc {
    /// The CRC-32 of these bytes.
    pub(super) fn of(data: &[u8]) -> Self {
        let algorithm = CrcAlgorithm::Crc32IsoHdlc;
        Self { algorithm, value: crc_fast::checksum(algorithm, data) }
    }

    /// The CRC of the bytes of this one and the `length` bytes of `next` after them.
    pub(super) fn and(self, next: Self, length: u64) -> Self {
        let value = crc_fast::checksum_combine(self.algorithm, self.value, next.value, length);
        Self { value, ..self }
    }

    /// In Base64, as in headers.
    pub(super) fn text(self) -> String {
        let all = self.value.to_be_bytes();
        let unused = all.len() - width(self.algorithm);
        STANDARD.encode_to_string(all.get(unused..).unwrap_or_default())
    }

    /// A CRC-32 from its text.
    pub(super) fn crc32(text: &str) -> Option<Self> {
        Self::parse(CrcAlgorithm::Crc32IsoHdlc, text)
    }

    fn parse(algorithm: CrcAlgorithm, text: &str) -> Option<Self> {
        let bytes = STANDARD.decode_to_vec(text).ok()?;
        let bytes = Some(bytes).filter(|bytes| bytes.len() == width(algorithm))?;
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        Some(Self { algorithm, value })
    }
}

/// The bytes of a CRC.
fn width(algorithm: CrcAlgorithm) -> usize {
    if algorithm == CrcAlgorithm::Crc64Nvme { 8 } else { 4 }
}

/// The checksum that a server sends with an object.
pub(super) struct Sent {
    crc: Crc,
    /// The number of parts whose checksums it is of.
    parts: Option<u64>,
    /// Whether the server says that it is of all bytes.
    full: bool,
}

impl Sent {
    /// `None` if there is none, or only one by another algorithm.
    pub(super) fn new(answer: &GetObjectOutput) -> Option<Self> {
        let sums = [
            (CrcAlgorithm::Crc64Nvme, answer.checksum_crc64_nvme()),
            (CrcAlgorithm::Crc32Iscsi, answer.checksum_crc32_c()),
            (CrcAlgorithm::Crc32IsoHdlc, answer.checksum_crc32()),
        ];
        let (algorithm, text) = sums.into_iter().find_map(|(kind, text)| Some((kind, text?)))?;
        let (text, parts) = match text.split_once('-') {
            Some((text, parts)) => (text, Some(parts.parse().ok()?)),
            None => (text, None),
        };
        let full = answer.checksum_type() == Some(&ChecksumType::FullObject);
        Some(Self { crc: Crc::parse(algorithm, text)?, parts, full })
    }

    /// The digest to check the bytes by. `in_parts`: whether the object was uploaded in
    /// parts, each but the last of `part_size` bytes where that is known.
    pub(super) fn digest(&self, size: u64, in_parts: bool, part_size: Option<u64>) -> Digest {
        match (self.parts, part_size) {
            // Servers that don't say what it is of differ in what they make of parts.
            (None, _) if self.full || !in_parts => Digest::Crc(self.crc),
            (Some(1), _) if size > 0 => Digest::CrcOfParts(size, self.crc),
            (Some(count), Some(part)) if part > 0 && size.div_ceil(part) == count => {
                Digest::CrcOfParts(part, self.crc)
            }
            _ => Digest::Unknown,
        }
    }
}

/// The etag of a multipart upload, from the MD5s of its parts.
pub(super) fn composite(md5s: &[u8]) -> String {
    format!("{}-{}", hex::encode(Md5::digest(md5s)), md5s.len() / 16)
}

/// The digest of the bytes read so far.
pub(super) struct Check {
    wanted: Digest,
    sum: Running,
    /// The sums of the complete parts.
    parts: Vec<u8>,
    in_part: u64,
}

enum Running {
    Crc(Box<crc_fast::Digest>),
    Md5(Md5),
}

impl Running {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc) => crc.update(bytes),
            Self::Md5(md5) => md5.update(bytes),
        }
    }
}

impl Check {
    /// `None` if nothing is known.
    pub(super) fn new(wanted: Digest) -> Option<Self> {
        let sum = match &wanted {
            Digest::Unknown => return None,
            Digest::Crc(crc) | Digest::CrcOfParts(_, crc) => {
                Running::Crc(Box::new(crc_fast::Digest::new(crc.algorithm)))
            }
            Digest::Md5(_) | Digest::Md5OfParts(..) => Running::Md5(Md5::new()),
        };
        Some(Self { wanted, sum, parts: Vec::new(), in_part: 0 })
    }

    fn part_size(&self) -> Option<u64> {
        match self.wanted {
            Digest::CrcOfParts(size, _) | Digest::Md5OfParts(size, _) => Some(size),
            Digest::Unknown | Digest::Crc(_) | Digest::Md5(_) => None,
        }
    }

    fn end_part(&mut self) {
        match (&mut self.sum, &self.wanted) {
            (Running::Md5(md5), _) => self.parts.extend_from_slice(&md5.finalize_reset()),
            (Running::Crc(sum), Digest::CrcOfParts(_, crc)) => {
                let value = sum.finalize_reset().to_be_bytes();
                let unused = value.len() - width(crc.algorithm);
                self.parts.extend_from_slice(value.get(unused..).unwrap_or_default());
            }
            (Running::Crc(_), _) => {}
        }
        self.in_part = 0;
    }

    pub(super) fn holds(mut self) -> bool {
        if self.part_size().is_some() {
            self.end_part();
        }
        match (self.wanted, self.sum) {
            (Digest::Crc(crc), Running::Crc(sum)) => sum.finalize() == crc.value,
            (Digest::CrcOfParts(_, crc), _) => {
                crc_fast::checksum(crc.algorithm, &self.parts) == crc.value
            }
            (Digest::Md5(md5), Running::Md5(sum)) => hex::encode(sum.finalize()) == md5,
            (Digest::Md5OfParts(_, etag), _) => composite(&self.parts) == etag,
            _ => true,
        }
    }
}

impl Sum for Check {
    fn is_cheap(&self) -> bool {
        matches!(self.sum, Running::Crc(_))
    }

    fn add(&mut self, mut bytes: &[u8]) {
        let Some(size) = self.part_size() else { return self.sum.update(bytes) };
        while !bytes.is_empty() {
            if self.in_part == size {
                self.end_part();
            }
            let room = usize::try_from(size - self.in_part).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            self.sum.update(now);
            self.in_part += now.len() as u64;
            bytes = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRCS: [CrcAlgorithm; 3] =
        [CrcAlgorithm::Crc32IsoHdlc, CrcAlgorithm::Crc32Iscsi, CrcAlgorithm::Crc64Nvme];

    fn crc(algorithm: CrcAlgorithm, data: &[u8]) -> Crc {
        Crc { algorithm, value: crc_fast::checksum(algorithm, data) }
    }

    #[test]
    fn parts_are_checked_however_the_bytes_come() {
        let data: Vec<u8> = (0..=250).collect();
        let md5s: Vec<u8> = data.chunks(100).flat_map(Md5::digest).collect();
        let etag = composite(&md5s);
        assert!(etag.ends_with("-3"));
        let mut digests =
            vec![Digest::Md5(hex::encode(Md5::digest(&data))), Digest::Md5OfParts(100, etag)];
        for algorithm in CRCS {
            digests.push(Digest::Crc(crc(algorithm, &data)));
            let sums = data.chunks(100).map(|part| crc(algorithm, part).text());
            let sums: Vec<u8> =
                sums.flat_map(|text| STANDARD.decode_to_vec(text).unwrap()).collect();
            digests.push(Digest::CrcOfParts(100, crc(algorithm, &sums)));
        }
        for digest in digests {
            for step in [1, 99, 100, 101, 251] {
                let mut check = Check::new(digest.clone()).unwrap();
                data.chunks(step).for_each(|chunk| check.add(chunk));
                assert!(check.holds(), "{digest:?} in steps of {step}");
            }
            let mut check = Check::new(digest).unwrap();
            check.add(&data[1..]);
            assert!(!check.holds());
        }
        assert!(Check::new(Digest::Unknown).is_none());
    }

    #[test]
    fn crcs_are_what_other_programs_say_and_add_up() {
        for (algorithm, text) in CRCS.into_iter().zip(["y/Q5Jg==", "4waSgw==", "rosUhgp5mIg="]) {
            let sum = crc(algorithm, b"123456789");
            assert_eq!(sum.text(), text);
            assert_eq!(Crc::parse(algorithm, text), Some(sum));
            assert_eq!(crc(algorithm, b"1234").and(crc(algorithm, b"56789"), 5), sum);
        }
        for bad in ["", "y/Q5", "y/Q5Jg", "rosUhgp5mIg=", "y/Q5Jg==-1"] {
            assert_eq!(Crc::crc32(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_the_server_sends_counts_if_it_is_clear_what_it_is_of() {
        let answer = |text: &str, kind: Option<ChecksumType>| {
            let answer = GetObjectOutput::builder().checksum_crc32(text);
            Sent::new(&answer.set_checksum_type(kind).build())
        };
        let sum = Crc::crc32("y/Q5Jg==").unwrap();
        let full = || Some(ChecksumType::FullObject);
        let composite = || Some(ChecksumType::Composite);
        let plain = answer("y/Q5Jg==", None).unwrap();
        assert_eq!(plain.digest(9, false, None), Digest::Crc(sum));
        assert_eq!(plain.digest(9, true, Some(3)), Digest::Unknown);
        let of_all = answer("y/Q5Jg==", full()).unwrap();
        assert_eq!(of_all.digest(9, true, None), Digest::Crc(sum));
        for kind in [None, composite()] {
            let of_parts = answer("y/Q5Jg==-3", kind).unwrap();
            assert_eq!(of_parts.digest(9, true, Some(4)), Digest::CrcOfParts(4, sum));
            for part in [None, Some(0), Some(2), Some(5)] {
                assert_eq!(of_parts.digest(9, true, part), Digest::Unknown, "{part:?}");
            }
        }
        let alone = answer("y/Q5Jg==-1", composite()).unwrap();
        assert_eq!(alone.digest(9, true, None), Digest::CrcOfParts(9, sum));
        for bad in ["", "y/Q5", "y/Q5Jg==-", "y/Q5Jg==-x"] {
            assert!(answer(bad, None).is_none(), "{bad}");
        }
    }
}
